#include "relay/lineprotocol/grammar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "wal/base/byte_set.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

// InfluxDB's limit on a measurement with its tags and one field's key.
constexpr std::size_t kKeyBytesMax = 65535;
// InfluxDB's storage separates the two by this many bytes.
constexpr std::size_t kKeySeparatorBytes = 4;

// Shorter numbers are always in range, so they need not be parsed.
constexpr std::size_t kIntegerBytesChecked = 19;
constexpr std::size_t kUnsignedBytesChecked = 20;
constexpr std::size_t kFloatBytesChecked = 25;

// InfluxDB reserves the ends of the range of times.
constexpr std::int64_t kNanosecondsMax = std::numeric_limits<std::int64_t>::max() - 1;
constexpr std::int64_t kNanosecondsMin = std::numeric_limits<std::int64_t>::min() + 2;

// InfluxDB refuses a tag of this name, and drops a field of it.
constexpr std::string_view kTimeName = "time";

constexpr const char* kInvalidNumber = "invalid number";
constexpr const char* kInvalidBoolean = "invalid boolean";

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

constexpr ByteSet kBlanks(std::string_view(" \t\0", 3));
constexpr ByteSet kKeyEnds(" ,=");
constexpr ByteSet kPartEnds(" ,");
// The bytes that structure fields.
constexpr ByteSet kFieldMarks(" ,=\"\\");

// Compares without a function call, for the few bytes that are checked one by one.
constexpr bool IsOneOf(char c, std::string_view set) {
  for (const char one : set) {
    if (c == one) return true;
  }
  return false;
}

std::string Quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::string OutOfRange(const char* function, std::string_view text) {
  return std::string("strconv.") + function + ": parsing " + Quoted(text) + ": value out of range";
}

template <typename Integer>
bool Fits(std::string_view digits) {
  Integer value = 0;
  return std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc();
}

// --------------------------------------------------------------- the numbers

// The features seen in a text made of the bytes of a number.
struct NumberShape {
  char suffix = 0;  // 'i', 'u' or none.
  bool decimal = false;
  bool scientific = false;
  bool malformed = false;

  // REQUIRES: not a digit.
  void See(std::string_view text, std::size_t at) {
    const char c = text[at];
    const bool signs_exponent = at > 0 && IsOneOf(c, "+-") && IsOneOf(text[at - 1], "eE");
    if (c == '.') {
      malformed |= decimal;
      decimal = true;
    } else if (at > 0 && IsOneOf(c, "iu") && suffix == 0) {
      suffix = c;
    } else if (at > 0 && IsOneOf(c, "eE")) {
      scientific = true;
    } else if (!signs_exponent) {
      malformed = true;
    }
  }
};

std::string WhyNotInteger(std::string_view digits) {
  if (digits.size() < kIntegerBytesChecked || Fits<std::int64_t>(digits)) return {};
  return "unable to parse integer " + std::string(digits) + ": " + OutOfRange("ParseInt", digits);
}

std::string WhyNotUnsigned(std::string_view digits) {
  if (digits.front() == '-') return kInvalidNumber;
  if (digits.size() < kUnsignedBytesChecked || Fits<std::uint64_t>(digits)) return {};
  return "unable to parse unsigned " + std::string(digits) + ": " + OutOfRange("ParseUint", digits);
}

// Returns whether a number overflows; one that is too small counts as zero.
bool IsTooLarge(std::string_view number) {
  return std::isinf(std::strtod(std::string(number).c_str(), nullptr));
}

std::string WhyNotFloat(std::string_view text, const NumberShape& shape) {
  if (!shape.scientific && text.size() < kFloatBytesChecked) return {};
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value);
  if (parsed != end) return "invalid float";
  if (error == std::errc::result_out_of_range && IsTooLarge(text)) return "invalid float";
  return {};
}

std::string WhyNotNumber(std::string_view text) {
  const bool negative = text.front() == '-';
  NumberShape shape;
  for (std::size_t at = negative ? 1 : 0; at < text.size(); ++at) {
    if (!IsDigit(text[at])) shape.See(text, at);
  }

  const std::size_t marks =
      (shape.suffix == 'i' ? 1U : 0U) + (shape.decimal ? 1U : 0U) + (negative ? 1U : 0U);
  if (shape.malformed || text.size() == marks) return kInvalidNumber;
  if (shape.suffix == 0) return WhyNotFloat(text, shape);

  if (shape.decimal || shape.scientific || text.back() != shape.suffix) return kInvalidNumber;
  const std::string_view digits = text.substr(0, text.size() - 1);
  return shape.suffix == 'i' ? WhyNotInteger(digits) : WhyNotUnsigned(digits);
}

bool IsBoolean(std::string_view text) {
  if (text.size() == 1) return IsOneOf(text.front(), "tTfF");
  return text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" ||
         text == "FALSE";
}

// ------------------------------------------------------------------ the line

// Judges one line, part by part. Each part returns whether the line may still
// be a point.
class PointJudge {
 public:
  PointJudge(std::string_view line, Precision precision) : line_(line), precision_(precision) {}

  LineVerdict Judge() && {
    static_cast<void>(ScanKey() && ScanFields() && CheckKeys() && ScanTime() && CheckValues() &&
                      CheckNames());
    return std::move(verdict_);
  }

 private:
  bool ScanKey();
  bool ScanMeasurement();
  bool ScanTags();
  bool ScanTag();
  bool HasDuplicateTags();

  bool ScanFields();
  bool ScanInField();
  bool ScanValue();

  template <typename Check>
  bool ReadAgain(Check check);
  bool CheckKeys();
  bool CheckKey(std::string_view key);
  bool CheckNames();
  bool CheckValues();
  bool CheckValue(std::string_view value);

  bool ScanTime();
  bool CheckTime(std::string_view digits);
  bool CheckRange(std::int64_t units);

  bool AtEnd() const { return at_ >= line_.size(); }
  bool AtOneOf(std::string_view set) const { return !AtEnd() && IsOneOf(line_[at_], set); }

  bool Refuse(std::string reason) {
    verdict_.reason = std::move(reason);
    return false;
  }

  std::string_view line_;
  Precision precision_;
  std::size_t at_ = 0;
  LineVerdict verdict_;

  std::vector<std::string_view> tag_keys_;
  std::size_t key_bytes_ = 0;  // The measurement with its tags.

  std::size_t fields_start_ = 0;
  bool quoted_ = false;
  std::size_t equals_ = 0;
  std::size_t commas_ = 0;
};

bool PointJudge::ScanKey() {
  if (!ScanMeasurement() || !ScanTags()) return false;
  if (HasDuplicateTags()) return Refuse("duplicate tags");
  key_bytes_ = at_;
  if (key_bytes_ <= kKeyBytesMax) return true;
  return Refuse("max key length exceeded: " + std::to_string(key_bytes_) + " > " +
                std::to_string(kKeyBytesMax));
}

bool PointJudge::ScanMeasurement() {
  if (AtEnd() || AtOneOf(",")) return Refuse("missing measurement");
  at_ = FindBare(line_, at_ + 1, kPartEnds);
  return !AtEnd() || Refuse("missing fields");
}

bool PointJudge::ScanTags() {
  while (AtOneOf(",")) {
    if (!ScanTag()) return false;
  }
  return true;
}

bool PointJudge::ScanTag() {
  const std::size_t key = ++at_;
  if (AtEnd() || AtOneOf(" ,=")) return Refuse("missing tag key");
  at_ = FindBare(line_, key + 1, kKeyEnds);
  if (!AtOneOf("=")) return Refuse("missing tag value");
  tag_keys_.push_back(line_.substr(key, at_ - key));
  if (tag_keys_.back() == kTimeName) {
    return Refuse("invalid tag key: input tag \"time\" on measurement " +
                  Quoted(MeasurementOf(line_)) + " is invalid");
  }

  ++at_;
  if (AtEnd() || AtOneOf(", ")) return Refuse("missing tag value");
  at_ = FindBare(line_, at_ + 1, kKeyEnds);
  if (AtEnd()) return Refuse("missing fields");
  return !AtOneOf("=") || Refuse("invalid tag format");
}

bool PointJudge::HasDuplicateTags() {
  if (!std::is_sorted(tag_keys_.begin(), tag_keys_.end())) {
    std::sort(tag_keys_.begin(), tag_keys_.end());
  }
  return std::adjacent_find(tag_keys_.begin(), tag_keys_.end()) != tag_keys_.end();
}

bool PointJudge::ScanFields() {
  at_ = fields_start_ = SkipBlanks(line_, at_);
  while (!AtEnd() && (quoted_ || line_[at_] != ' ')) {
    if (!ScanInField()) return false;
  }
  if (quoted_) return Refuse("unbalanced quotes");
  if (equals_ == 0 || commas_ != equals_ - 1) return Refuse("invalid field format");
  verdict_.fields_end = at_;
  return true;
}

bool PointJudge::ScanInField() {
  const char c = line_[at_];
  if (c == '=' && !quoted_) return ScanValue();

  const bool escapes = c == '\\' && at_ + 1 < line_.size();
  if (c == '"' && equals_ > commas_) quoted_ = !quoted_;
  if (c == ',' && !quoted_) ++commas_;
  at_ = Find(line_, at_ + (escapes ? 2U : 1U), kFieldMarks);
  return true;
}

// Scans from an `=`; leaves a quoted value to ScanInField.
bool PointJudge::ScanValue() {
  ++equals_;
  const bool keyless = IsOneOf(line_[at_ - 1], " ,") && line_[at_ - 2] != '\\';
  if (keyless) return Refuse("missing field key");

  ++at_;
  if (AtEnd() || AtOneOf(", ")) return Refuse("missing field value");
  if (line_[at_] == '"') return true;
  const std::size_t end = Find(line_, at_, kPartEnds);
  std::string reason = WhyNotValue(line_.substr(at_, end - at_));
  at_ = end;
  return reason.empty() || Refuse(std::move(reason));
}

// InfluxDB parses the fields again when it stores them, by slightly different rules.
// `check` judges a field as that second parse sees it.
template <typename Check>
bool PointJudge::ReadAgain(Check check) {
  FieldWalk walk(line_.substr(fields_start_, verdict_.fields_end - fields_start_));
  while (!walk.AtEnd()) {
    const FieldText field = walk.Next();
    if (field.is_cut) return Refuse("invalid value: field-key=" + std::string(field.name));
    if (!check(field.name, field.value)) return false;
  }
  return true;
}

bool PointJudge::CheckKeys() {
  bool has_value = false;
  const bool fit = ReadAgain([&](std::string_view key, std::string_view) {
    has_value |= key != kTimeName;
    return CheckKey(key);
  });
  return fit && (has_value || Refuse("invalid field name: input field \"time\" on measurement " +
                                     Quoted(MeasurementOf(line_)) + " is invalid"));
}

bool PointJudge::CheckNames() {
  return NamesAreUtf8(line_) || Refuse("measurement or field name is not valid UTF-8");
}

// A value that is invalid in the second parse passes InfluxDB's parser and then fails
// permanently when it is stored, or crashes the whole server.
bool PointJudge::CheckValues() {
  return ReadAgain([this](std::string_view, std::string_view value) { return CheckValue(value); });
}

bool PointJudge::CheckValue(std::string_view value) {
  if (value.empty()) return Refuse("missing field value");
  if (value.front() == '"') return value.size() > 1 || Refuse("unbalanced quotes");
  std::string reason = WhyNotValue(value);
  return reason.empty() || Refuse(std::move(reason));
}

bool PointJudge::CheckKey(std::string_view key) {
  const std::size_t size = key_bytes_ + kKeySeparatorBytes + key.size();
  if (size <= kKeyBytesMax) return true;
  return Refuse("max key length exceeded: " + std::to_string(size) + " > " +
                std::to_string(kKeyBytesMax));
}

bool PointJudge::ScanTime() {
  const std::size_t start = at_ = SkipBlanks(line_, at_);
  if (AtOneOf("-")) ++at_;
  while (!AtEnd() && IsDigit(line_[at_])) ++at_;
  if (!AtEnd() && !AtOneOf("\n ")) return Refuse("bad timestamp");

  verdict_.timed = at_ > start;
  if (verdict_.timed && !CheckTime(line_.substr(start, at_ - start))) return false;
  while (AtOneOf(" ")) ++at_;
  return AtEnd() || Refuse("point is invalid");
}

bool PointJudge::CheckTime(std::string_view digits) {
  if (digits == "-") {
    return Refuse("strconv.ParseInt: parsing " + Quoted(digits) + ": invalid syntax");
  }
  std::int64_t units = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), units);
  if (parsed.ec != std::errc()) return Refuse(OutOfRange("ParseInt", digits));
  return CheckRange(units);
}

bool PointJudge::CheckRange(std::int64_t units) {
  std::int64_t nanoseconds = 0;
  const bool overflow = __builtin_mul_overflow(units, UnitOf(precision_).count(), &nanoseconds);
  if (!overflow && nanoseconds >= kNanosecondsMin && nanoseconds <= kNanosecondsMax) return true;
  return Refuse("time outside range " + std::to_string(kNanosecondsMin) + " - " +
                std::to_string(kNanosecondsMax));
}

}  // namespace

std::size_t SkipBlanks(std::string_view line, std::size_t from) {
  std::size_t at = from;
  while (at < line.size() && kBlanks.Has(line[at])) ++at;
  return at;
}

LineVerdict JudgeLine(std::string_view line, Precision precision) {
  return PointJudge(line, precision).Judge();
}

std::string WhyNotValue(std::string_view text) {
  const char first = text.front();
  if (IsDigit(first) || IsOneOf(first, ".-Nn")) return WhyNotNumber(text);
  return IsBoolean(text) ? std::string() : kInvalidBoolean;
}

}  // namespace relay
