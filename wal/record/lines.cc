#include "wal/record/lines.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "wal/base/byte_set.h"
#include "wal/base/invariant.h"
#include "wal/base/utf8.h"

namespace relay {
namespace {

constexpr ByteSet kLineMarks(" ,=\"\\\n");
constexpr ByteSet kMeasurementEnds(" ,");
constexpr ByteSet kKeyEnds(" ");
constexpr ByteSet kEscapedInNames(" ,=");
constexpr ByteSet kNameEnd("=");
// The bytes that end or structure a field's value.
constexpr ByteSet kValueMarks(",\"\\");

// Knows whether the byte seen last is within quotes. Follows InfluxDB's own scanner: a quote counts
// only in a field value, that is after the first space and where an `=` is not yet followed by a
// `,`.
class QuoteState {
 public:
  bool quoted() const { return quoted_; }

  void See(char c) {
    in_fields_ |= c == ' ';
    if (!in_fields_) return;
    if (c == '"' && equals_ > commas_) quoted_ = !quoted_;
    if (c == '=' && !quoted_) ++equals_;
    if (c == ',' && !quoted_) ++commas_;
  }

 private:
  bool in_fields_ = false;
  bool quoted_ = false;
  std::size_t equals_ = 0;
  std::size_t commas_ = 0;
};

}  // namespace

LineExtent MeasureLine(std::string_view text) {
  LineExtent extent;
  QuoteState state;
  std::size_t at = 0;
  while (at < text.size() && (text[at] != '\n' || state.quoted())) {
    state.See(text[at]);
    extent.ends_escaped = text[at] == '\\';  // An escaped byte neither quotes nor ends.
    at += extent.ends_escaped ? 2U : 1U;
    const std::size_t mark = Find(text, at, kLineMarks);
    extent.ends_escaped &= mark == at;
    at = mark;
  }
  extent.size = std::min(at, text.size());
  extent.open = at > text.size() || (at == text.size() && state.quoted());
  return extent;
}

std::string_view LineWalk::Next() {
  INVARIANT(!AtEnd());
  const std::string_view line = left_.substr(0, MeasureLine(left_).size + 1);
  left_.remove_prefix(line.size());
  return line;
}

// A newline that neither a backslash nor, by the lack of quotes behind it, a string can hold ends a
// line; only where that is unclear all lines are walked.
std::string_view LastLine(std::string_view lines) {
  INVARIANT(lines.ends_with('\n'));
  const std::size_t newline = lines.rfind('\n', lines.size() - 2);
  if (lines.size() < 2 || newline == std::string_view::npos) return lines;
  const std::string_view last = lines.substr(newline + 1);
  const bool is_clear =
      last.find('"') == std::string_view::npos && (newline == 0 || lines[newline - 1] != '\\');
  if (is_clear) return last;
  LineWalk walk(lines);
  std::string_view line;
  while (!walk.AtEnd()) line = walk.Next();
  return line;
}

FieldText FieldWalk::Next() {
  INVARIANT(!AtEnd());
  const std::size_t equals = FindBare(left_, 0, kNameEnd);
  const std::size_t begin = std::min(equals + 1, left_.size());
  bool quoted = false;
  std::size_t at = begin;
  while (at < left_.size() && (quoted || left_[at] != ',')) {
    const bool escapes = left_[at] == '\\' && at + 1 < left_.size() &&
                         (left_[at + 1] == '"' || left_[at + 1] == '\\');
    if (left_[at] == '"') quoted = !quoted;
    at = Find(left_, at + (escapes ? 2U : 1U), kValueMarks);
  }
  at = std::min(at, left_.size());
  const FieldText field{left_.substr(0, equals), left_.substr(begin, at - begin),
                        begin == left_.size()};
  left_.remove_prefix(std::min(at + 1, left_.size()));
  return field;
}

std::string_view FieldsOf(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t key_end = FindBare(line, 1, kKeyEnds);
  const std::size_t begin = std::min(line.find_first_not_of(kBlanks, key_end), line.size());
  const std::size_t time_end = line.find_last_not_of(kBlanks);
  const std::size_t blank = line.find_last_of(' ', time_end);
  const std::size_t end = line.find_last_not_of(kBlanks, blank);
  if (end == std::string_view::npos || end < begin) return {};
  return line.substr(begin, end + 1 - begin);
}

std::string_view TimeTextOf(std::string_view line) {
  const std::string_view text = line.substr(0, line.find_last_not_of(" \t\r\n") + 1);
  return text.substr(text.find_last_of(' ') + 1);
}

std::optional<std::int64_t> TimestampOf(std::string_view line) {
  const std::string_view text = TimeTextOf(line);
  std::int64_t time = 0;
  const char* const behind = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), behind, time);
  if (parsed.ec != std::errc() || parsed.ptr != behind) return std::nullopt;
  return time;
}

bool NamesAreUtf8(std::string_view line) {
  if (IsAscii(line)) return true;
  if (!IsUtf8(RawMeasurementOf(line))) return false;
  // Outside of strings fields consist of names, numbers and marks.
  QuoteState state;
  std::size_t bare = FindBare(line, 1, kKeyEnds);
  for (std::size_t at = bare; at < line.size(); ++at) {
    const bool was_quoted = state.quoted();
    state.See(line[at]);
    if (line[at] == '\\') ++at;  // An escaped byte does not quote.
    if (state.quoted() == was_quoted) continue;
    if (!was_quoted && !IsUtf8(line.substr(bare, at - bare))) return false;
    bare = at;
  }
  return state.quoted() || IsUtf8(line.substr(bare));
}

std::string_view RawMeasurementOf(std::string_view line) {
  return line.substr(0, FindBare(line, 1, kMeasurementEnds));
}

std::string MeasurementOf(std::string_view line) {
  return Unescaped(RawMeasurementOf(line));
}

std::string Unescaped(std::string_view name) {
  std::string plain;
  plain.reserve(name.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool escapes = name[i] == '\\' && i + 1 < name.size() && kEscapedInNames.Has(name[i + 1]);
    if (!escapes) plain += name[i];
  }
  return plain;
}

}  // namespace relay
