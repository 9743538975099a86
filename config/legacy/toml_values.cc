#include "config/legacy/toml_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "config/schema/endpoint.h"
#include "wal/base/ascii.h"
#include "wal/base/precision.h"

namespace relay {
namespace {

constexpr double kMostMilliseconds = 366.0 * 24 * 3'600'000;

struct Unit {
  std::string_view suffix;
  double milliseconds;
};
constexpr std::array<Unit, 7> kUnits = {
    {{"ns", 1e-6}, {"us", 1e-3}, {"µs", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}}};

// Returns the longest unit that `text` begins with: "ms" is not "m".
const Unit* UnitAt(std::string_view text) {
  const Unit* longest = nullptr;
  for (const Unit& unit : kUnits) {
    const bool longer = longest == nullptr || unit.suffix.size() > longest->suffix.size();
    if (text.starts_with(unit.suffix) && longer) longest = &unit;
  }
  return longest;
}

Error NotADuration() {
  return {ErrorCode::kInvalidInput, "expected a duration such as \"10s\" or \"1m30s\""};
}

// Default port of a URL without one: that of its scheme.
constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool HasPort(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  const std::string_view authority = url.substr(0, url.find('/'));
  const std::size_t colon = authority.rfind(':');
  return colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
}

// Everything between the scheme and the path, as in user:password@host:port.
struct Authority {
  std::size_t begin = 0;
  std::size_t size = 0;
};

Authority AuthorityOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  return {begin, std::min(url.find_first_of("/?#", begin), url.size()) - begin};
}

// Returns the size of "user:password@": its last @ ends it.
std::size_t UserSize(std::string_view authority) {
  const std::size_t at = authority.rfind('@');
  return at == std::string_view::npos ? 0 : at + 1;
}

// nullopt: a percent sign without two hexadecimal digits.
std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    const bool is_escape = text.front() == '%';
    const std::optional<char> byte = is_escape ? HexByte(text.substr(1, 2)) : text.front();
    if (!byte) return std::nullopt;
    decoded += *byte;
    text.remove_prefix(is_escape ? 3 : 1);
  }
  return decoded;
}

// Takes the user and the password out of what precedes the host. The message repeats neither.
Status TakeUser(std::string_view user_and_password, Location& location) {
  constexpr const char* kExpected =
      "expected a user and a password before the @, as in http://user:password@host:8086/write";
  const std::size_t colon = user_and_password.find(':');
  if (colon == std::string_view::npos) return Error(ErrorCode::kInvalidInput, kExpected);
  const auto user = PercentDecoded(user_and_password.substr(0, colon));
  const auto password = PercentDecoded(user_and_password.substr(colon + 1));
  if (!user || !password || user->empty() || password->empty()) {
    return Error(ErrorCode::kInvalidInput, kExpected);
  }
  location.user = *user;
  location.password = *password;
  return Ok();
}

std::string_view WithoutEnd(std::string_view text, std::string_view end) {
  if (text.ends_with(end)) text.remove_suffix(end.size());
  return text;
}

}  // namespace

Result<ListenAddress> ParseBindAddress(std::string_view text) {
  constexpr std::string_view kLocalHost = "localhost:";
  if (text.starts_with(kLocalHost)) {
    return ParseListenAddress("127.0.0.1:" + std::string(text.substr(kLocalHost.size())));
  }
  return ParseListenAddress(text);
}

std::string WithoutUser(std::string_view location) {
  const Authority authority = AuthorityOf(location);
  std::string rest(location);
  return rest.erase(authority.begin, UserSize(location.substr(authority.begin, authority.size)));
}

Result<Location> ParseLocation(std::string_view text) {
  Location location;
  const Authority authority = AuthorityOf(text);
  const std::size_t user_size = UserSize(text.substr(authority.begin, authority.size));
  if (user_size > 0) {
    RETURN_IF_ERROR(TakeUser(text.substr(authority.begin, user_size - 1), location));
  }
  std::string bare = WithoutUser(text);
  location.has_query = bare.find_first_of("?#") != std::string::npos;
  bare.resize(std::min(bare.find_first_of("?#"), bare.size()));
  ASSIGN_OR_RETURN(location.url,
                   ParseBackendUrl(WithoutEnd(WithoutEnd(WithoutEnd(bare, "/"), "/write"), "/")));
  if (!HasPort(bare)) location.url.port = location.url.tls ? kHttpsPort : kHttpPort;
  return location;
}

Result<std::string> ParseWritePath(std::string_view text) {
  const Result<Location> location = ParseLocation("http://host" + std::string(text));
  if (!location.ok() || !text.starts_with('/') || !text.ends_with("/write")) {
    return Error(ErrorCode::kInvalidInput, "expected a path that ends with /write");
  }
  return location.value().url.path_prefix;
}

Result<BackendUrl> ParsePacketLocation(std::string_view text) {
  return ParseBackendUrl("udp://" + std::string(text));
}

Result<Precision> ParsePrecision(std::string_view text) {
  const std::optional<Precision> precision = PrecisionNamed(text, PrecisionDialect::kV1);
  if (precision) return *precision;
  return Error(ErrorCode::kInvalidInput, "expected " + ListPrecisions(PrecisionDialect::kV1));
}

Result<std::chrono::milliseconds> ParseGoDuration(std::string_view text) {
  double sum = 0;
  if (text.empty()) return NotADuration();
  if (text == "0") return std::chrono::milliseconds(0);
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || number < 0) return NotADuration();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const Unit* unit = UnitAt(text);
    if (unit == nullptr) return NotADuration();
    text.remove_prefix(unit->suffix.size());
    sum += number * unit->milliseconds;
    if (!(sum <= kMostMilliseconds)) return NotADuration();
  }
  return std::chrono::milliseconds(std::llround(sum));
}

std::string BackendNameFor(std::string_view output) {
  std::string name;
  for (const char c : output.substr(0, BackendId::kSizeMax)) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    name += kept ? c : upper ? static_cast<char>(c - 'A' + 'a') : '-';
  }
  return name;
}

}  // namespace relay
