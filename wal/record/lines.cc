#include "wal/record/lines.h"

#include <algorithm>

#include "wal/base/byte_set.h"
#include "wal/base/invariant.h"
#include "wal/base/utf8.h"

namespace relay {
namespace {

constexpr ByteSet kLineMarks(" ,=\"\\\n");
constexpr ByteSet kMeasurementEnds(" ,");
constexpr ByteSet kKeyEnds(" ");
constexpr ByteSet kEscapedInMeasurement(" ,=");

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
  const std::string_view raw = RawMeasurementOf(line);
  std::string name;
  name.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escapes =
        raw[i] == '\\' && i + 1 < raw.size() && kEscapedInMeasurement.Has(raw[i + 1]);
    if (!escapes) name += raw[i];
  }
  return name;
}

}  // namespace relay
