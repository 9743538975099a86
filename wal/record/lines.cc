#include "wal/record/lines.h"

#include "wal/base/invariant.h"

namespace relay {
namespace {

// The rule of InfluxDB's own scanner: a quote counts only in a field's value,
// that is behind the first space and where an `=` is not yet followed by a `,`.
class QuoteState {
 public:
  // Returns whether `c` ends the line.
  bool EndsAt(char c) {
    if (c == '\n' && !quoted_) return true;
    if (c == ' ') in_fields_ = true;
    if (!in_fields_) return false;
    if (c == '"' && equals_ > commas_) quoted_ = !quoted_;
    if (!quoted_ && c == '=') ++equals_;
    if (!quoted_ && c == ',') ++commas_;
    return false;
  }

 private:
  bool in_fields_ = false;
  bool quoted_ = false;
  int equals_ = 0;
  int commas_ = 0;
};

}  // namespace

std::string_view LineWalk::Next() {
  INVARIANT(!AtEnd());
  QuoteState state;
  std::size_t at = 0;
  while (at < left_.size() && !state.EndsAt(left_[at])) {
    at += left_[at] == '\\' ? 2U : 1U;  // What is escaped neither quotes nor ends.
  }
  const std::string_view line = left_.substr(0, at + 1);
  left_.remove_prefix(line.size());
  return line;
}

}  // namespace relay
