#include "relay/http/request_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "wal/base/ascii.h"

namespace relay::http_parts {
namespace {

constexpr bool IsLetterOrDigit(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    table.at(c) = IsLetterOrDigit(static_cast<unsigned char>(c));
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    table.at(static_cast<unsigned char>(c)) = true;
  }
  return table;
}

constexpr std::array<bool, 256> kToken = MakeTokenTable();

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kToken.at(static_cast<unsigned char>(c));
  });
}

constexpr bool IsControl(char c) {
  return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return IsControl(c) && c != '\t'; });
}

HttpRefusal Malformed(std::string_view what) {
  return {.status = 400, .message = fmt::format("malformed HTTP request: {}", what)};
}

// Takes the next line off `bytes`, without its end. REQUIRES: it has one.
std::string_view TakeLine(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Returns where the host of a whole URL begins; npos: the target is not one.
std::size_t AuthorityOf(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (scheme == 0 || scheme == std::string_view::npos) return std::string_view::npos;
  const bool named = std::all_of(target.begin(), target.begin() + static_cast<long>(scheme),
                                 [](char c) { return kToken.at(static_cast<unsigned char>(c)); });
  return named ? scheme + 3 : std::string_view::npos;
}

bool IsTarget(std::string_view method, std::string_view target) {
  if (std::any_of(target.begin(), target.end(), IsControl)) return false;
  return target.starts_with('/') || target == "*" ||
         AuthorityOf(target) != std::string_view::npos || (method == "CONNECT" && !target.empty());
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<HttpRefusal> ParseVersion(std::string_view text, RequestHead& head) {
  const bool is_version = text.size() == 8 && text.starts_with("HTTP/") && IsDigit(text[5]) &&
                          text[6] == '.' && IsDigit(text[7]);
  if (!is_version) return Malformed("no HTTP version behind the target");
  if (text[5] != '1') return Malformed(fmt::format("{} is not supported", text));
  head.is_http_10 = text[7] == '0';
  head.keep_alive = !head.is_http_10;
  return std::nullopt;
}

std::optional<HttpRefusal> ParseRequestLine(std::string_view line, RequestHead& head) {
  const std::size_t first = std::min(line.find(' '), line.size());
  const std::string_view method = line.substr(0, first);
  if (!IsToken(method)) return Malformed("the method is not a token");
  if (first == line.size()) return Malformed("no target behind the method");
  const std::string_view rest = line.substr(first + 1);
  const std::size_t second = std::min(rest.find(' '), rest.size());
  const std::string_view target = rest.substr(0, second);
  if (auto refusal = ParseVersion(rest.substr(std::min(second + 1, rest.size())), head)) {
    return refusal;
  }
  if (!IsTarget(method, target)) return Malformed("invalid target");
  head.method = method;
  head.target = target;
  return std::nullopt;
}

// The elements of a list header, lower and upper case alike: "a, B".
bool HasElement(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (EqualIgnoringCase(Trimmed(list.substr(0, comma)), wanted)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// The headers that decide about the connection and the body's end.
struct Framing {
  std::size_t hosts = 0;
  std::size_t encodings = 0;
  bool is_chunked = false;  // The last Transfer-Encoding.
  bool closes = false;
  bool keeps = false;

  std::optional<HttpRefusal> Read(const HeaderField& field, RequestHead& head);
  void ReadConnection(std::string_view value);
  std::optional<HttpRefusal> Decide(RequestHead& head) const;
};

std::optional<HttpRefusal> ReadContentLength(std::string_view value, RequestHead& head) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t length = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, length);
  if (value.empty() || parsed.ptr != end || parsed.ec != std::errc() || length > kMax) {
    return Malformed("bad Content-Length");
  }
  if (head.content_length.value_or(length) != length) {
    return Malformed("several Content-Lengths");
  }
  head.content_length = length;
  return std::nullopt;
}

void Framing::ReadConnection(std::string_view value) {
  closes = closes || HasElement(value, "close");
  keeps = keeps || HasElement(value, "keep-alive");
}

std::optional<HttpRefusal> Framing::Read(const HeaderField& field, RequestHead& head) {
  const auto& [name, value] = field;
  switch (name.size()) {
    case 4: hosts += static_cast<std::size_t>(EqualIgnoringCase(name, "host")); break;
    case 6:
      if (EqualIgnoringCase(name, "expect")) {
        head.expects_continue = HasElement(value, "100-continue");
      }
      break;
    case 10:
      if (EqualIgnoringCase(name, "connection")) {
        ReadConnection(value);
      } else if (head.request_id.empty() && EqualIgnoringCase(name, "request-id")) {
        head.request_id = value;
      }
      break;
    case 12:
      if (EqualIgnoringCase(name, "x-request-id") && !value.empty()) head.request_id = value;
      break;
    case 14:
      if (EqualIgnoringCase(name, "content-length")) return ReadContentLength(value, head);
      break;
    case 17:
      if (!EqualIgnoringCase(name, "transfer-encoding")) break;
      ++encodings;
      is_chunked = EqualIgnoringCase(value, "chunked");
      break;
    default: break;
  }
  return std::nullopt;
}

std::optional<HttpRefusal> Framing::Decide(RequestHead& head) const {
  if (hosts > 1 || (hosts == 0 && !head.is_http_10)) {
    return HttpRefusal{.status = 400, .message = "a request must have exactly one Host header"};
  }
  if (encodings > 0) {
    // Two ways to determine the end of a body are one too many: a proxy in front of the relay may
    // use the other one.
    if (head.content_length) return Malformed("Content-Length and Transfer-Encoding");
    if (encodings > 1 || !is_chunked || head.is_http_10) {
      return HttpRefusal{.status = 400,
                         .message = "unsupported Transfer-Encoding: only chunked is allowed"};
    }
    head.chunked = true;
  }
  head.keep_alive = !closes && (keeps || !head.is_http_10);
  head.expects_continue = head.expects_continue && !head.is_http_10;
  return std::nullopt;
}

}  // namespace

std::string_view RequestHead::LocalTarget() const {
  if (target.starts_with('/')) return target;
  const std::size_t authority = AuthorityOf(target);
  if (authority == std::string_view::npos) return target;
  const std::size_t end = target.find_first_of("/?", authority);
  return end == std::string_view::npos ? "/" : target.substr(end);
}

std::size_t HeadEnd::Find(std::string_view arrived) {
  while (true) {
    const std::size_t end = arrived.find('\n', seen_);
    if (end == std::string_view::npos) break;
    const std::string_view line = arrived.substr(line_, end - line_);
    if (line.empty() || line == "\r") return end + 1;
    line_ = end + 1;
    seen_ = line_;
  }
  seen_ = arrived.size();
  return 0;
}

std::optional<HttpRefusal> ParseHead(std::string_view bytes, RequestHead& head) {
  constexpr std::size_t kUsual = 16;
  if (auto refusal = ParseRequestLine(TakeLine(bytes), head)) return refusal;
  head.headers.reserve(kUsual);
  Framing framing;
  while (!bytes.empty()) {
    const std::string_view line = TakeLine(bytes);
    if (line.empty()) break;
    const std::optional<HeaderField> field = ParseHeaderLine(line);
    if (!field) return Malformed("invalid header line");
    head.headers.push_back(*field);
    if (auto refusal = framing.Read(*field, head)) return refusal;
  }
  return framing.Decide(head);
}

std::optional<HttpRefusal> RefuseBeginning(std::string_view arrived, RequestHead& head) {
  if (arrived.find('\n') != std::string_view::npos) {
    return ParseRequestLine(TakeLine(arrived), head);
  }
  const std::string_view method = arrived.substr(0, arrived.find(' '));
  if (arrived.empty() || IsToken(method)) return std::nullopt;
  return Malformed("the method is not a token");
}

std::optional<HeaderField> ParseHeaderLine(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return std::nullopt;
  const std::string_view value = Trimmed(line.substr(colon + 1));
  if (HasControl(value)) return std::nullopt;
  return HeaderField{line.substr(0, colon), value};
}

}  // namespace relay::http_parts
