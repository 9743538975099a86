#include "relay/ingest/form_fields.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "wal/base/ascii.h"

namespace relay {
namespace {

constexpr std::string_view kBlanks = " \t";

// Takes a value off `text`: up to the next semicolon, or a string in quotes.
std::string TakeValue(std::string_view& text) {
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find(';'), text.size());
    std::string value(Trimmed(text.substr(0, end)));
    text.remove_prefix(end);
    return value;
  }
  std::string value;
  std::size_t at = 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    // Browsers do not escape the backslashes of file names: only these two count.
    const bool escapes =
        text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\');
    value += text[escapes ? ++at : at];
  }
  text.remove_prefix(std::min(at + 1, text.size()));
  return value;
}

// One part of a multipart form.
struct FormPart {
  HeaderParameters disposition;
  std::string_view encoding;
  std::string_view content;

  void ReadHeader(std::string_view line);
  bool IsFile() const {
    return disposition.values.contains("filename") || disposition.values.contains("filename*");
  }
  std::string Text() const;
};

void FormPart::ReadHeader(std::string_view line) {
  const std::size_t colon = std::min(line.find(':'), line.size());
  const std::string name = LowerAscii(Trimmed(line.substr(0, colon)));
  const std::string_view value = Trimmed(line.substr(std::min(colon + 1, line.size())));
  if (name == "content-disposition") disposition = ParseHeaderParameters(value);
  if (name == "content-transfer-encoding") encoding = value;
}

std::string FromQuotedPrintable(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view behind = text.substr(at + 1);
    if (text[at] != '=') {
      plain += text[at];
    } else if (behind.starts_with("\r\n")) {
      at += 2;
    } else if (behind.starts_with('\n')) {
      at += 1;
    } else {
      const std::optional<char> byte = HexByte(behind.substr(0, 2));
      plain += byte.value_or('=');
      if (byte) at += 2;
    }
  }
  return plain;
}

std::string FormPart::Text() const {
  return LowerAscii(encoding) == "quoted-printable" ? FromQuotedPrintable(content)
                                                    : std::string(content);
}

// The parts of a multipart form. Lines end in CRLF, or all in LF alone.
class FormParts {
 public:
  FormParts(std::string_view body, std::string_view boundary)
      : left_(body), delimiter_("--" + std::string(boundary)) {
    SkipPreamble();
  }

  // nullopt: there is none, or what follows has no end.
  std::optional<FormPart> Next();
  bool ended() const { return ended_; }

 private:
  // Kinds of text behind a delimiter.
  enum class Behind : std::uint8_t { kPart, kEnd, kText };

  void SkipPreamble();
  Behind Judge(std::string_view behind) const;
  // Takes the text up to the next delimiter; nullopt: there is none.
  std::optional<std::string_view> TakeContent();
  std::string_view TakeLine();

  std::string_view left_;
  std::string delimiter_;
  std::string_view line_end_ = "\r\n";
  bool ended_ = false;
  bool broken_ = false;
};

std::string_view FormParts::TakeLine() {
  const std::size_t end = std::min(left_.find('\n'), left_.size());
  std::string_view line = left_.substr(0, end);
  left_.remove_prefix(std::min(end + 1, left_.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void FormParts::SkipPreamble() {
  while (!left_.empty()) {
    const std::string_view before = left_;
    const std::string_view line = TakeLine();
    if (!line.starts_with(delimiter_)) continue;
    const std::string_view behind = line.substr(delimiter_.size());
    ended_ = behind.starts_with("--");
    if (!ended_ && !Trimmed(behind).empty()) continue;
    if (!before.substr(line.size()).starts_with('\r')) line_end_ = "\n";
    return;
  }
  broken_ = true;
}

FormParts::Behind FormParts::Judge(std::string_view behind) const {
  if (behind.starts_with("--")) return Behind::kEnd;
  behind.remove_prefix(std::min(behind.find_first_not_of(kBlanks), behind.size()));
  return behind.starts_with(line_end_) ? Behind::kPart : Behind::kText;
}

std::optional<std::string_view> FormParts::TakeContent() {
  const std::string mark = std::string(line_end_) + delimiter_;
  for (std::size_t at = left_.find(mark); at != std::string_view::npos;
       at = left_.find(mark, at + 1)) {
    const Behind behind = Judge(left_.substr(at + mark.size()));
    if (behind == Behind::kText) continue;
    const std::string_view content = left_.substr(0, at);
    left_.remove_prefix(at + line_end_.size());
    TakeLine();
    ended_ = behind == Behind::kEnd;
    return content;
  }
  return std::nullopt;
}

std::optional<FormPart> FormParts::Next() {
  if (ended_ || broken_) return std::nullopt;
  FormPart part;
  std::string_view blank = left_;  // The line behind the headers.
  for (std::string_view line = TakeLine(); !line.empty(); line = TakeLine()) {
    part.ReadHeader(line);
    blank = left_;
  }
  // The end of the blank line may be that in front of the delimiter: an empty content.
  const bool is_empty = left_.starts_with(delimiter_);
  if (is_empty) left_ = blank;
  const std::optional<std::string_view> content = TakeContent();
  broken_ = !content;
  if (broken_) return std::nullopt;
  part.content = *content;
  return part;
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

QueryParameters WithMultipart(QueryParameters url, std::string_view body,
                              std::string_view boundary) {
  QueryParameters fields;
  QueryParameters files;
  FormParts parts(body, boundary);
  while (const std::optional<FormPart> part = parts.Next()) {
    const auto name = part->disposition.values.find("name");
    if (part->disposition.type != "form-data" || name == part->disposition.values.end()) continue;
    QueryParameters& kind = part->IsFile() ? files : fields;
    kind.Add(name->second, part->Text());
  }
  if (!parts.ended()) return url;
  url.Add(std::move(fields));
  if (!IsBlank(url.Get("q"))) return url;
  QueryParameters statement;
  statement.Add("q", files.Get("q"));
  statement.Add(std::move(url));
  return statement;
}

}  // namespace

HeaderParameters ParseHeaderParameters(std::string_view value) {
  HeaderParameters parameters;
  const std::size_t end = std::min(value.find(';'), value.size());
  parameters.type = LowerAscii(Trimmed(value.substr(0, end)));
  value.remove_prefix(end);
  while (!value.empty()) {
    value.remove_prefix(1);
    const std::size_t equals = value.find_first_of("=;");
    if (equals == std::string_view::npos) break;
    const std::string_view name = Trimmed(value.substr(0, equals));
    value.remove_prefix(equals);
    if (value.starts_with(';')) continue;
    value.remove_prefix(1);
    value.remove_prefix(std::min(value.find_first_not_of(kBlanks), value.size()));
    parameters.values.emplace(LowerAscii(name), TakeValue(value));
    value.remove_prefix(std::min(value.find(';'), value.size()));
  }
  return parameters;
}

Result<QueryParameters> WithForm(QueryParameters url, const HttpRequest& request) {
  const HeaderParameters content = ParseHeaderParameters(request.Header("Content-Type"));
  if (content.type == "application/x-www-form-urlencoded" && request.method == "POST") {
    ASSIGN_OR_RETURN(QueryParameters form, QueryParameters::Parse(request.body));
    form.Add(std::move(url));
    return form;
  }
  const auto boundary = content.values.find("boundary");
  if (content.type != "multipart/form-data" || boundary == content.values.end()) return url;
  return WithMultipart(std::move(url), request.body, boundary->second);
}

}  // namespace relay
