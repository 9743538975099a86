#include "replay/compare/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "replay/compare/hash.h"
#include "wal/base/invariant.h"

namespace relay {
namespace {

// Keeps the digests of different kinds of values apart.
enum class Kind : std::uint64_t { kFloat = 1, kWhole, kNegative, kBoolean, kString, kNumber };

std::uint64_t Digest(Kind kind, std::uint64_t bits) {
  return Mix(bits + Mix(static_cast<std::uint64_t>(kind)));
}

double NumberOf(FieldType type, std::uint64_t bits) {
  switch (type) {
    case FieldType::kFloat: return std::bit_cast<double>(bits);
    case FieldType::kInteger: return static_cast<double>(static_cast<std::int64_t>(bits));
    case FieldType::kUnsigned:
    case FieldType::kBoolean: return static_cast<double>(bits);
    case FieldType::kString: break;
  }
  INVARIANT(false);
}

// Cuts a double to 36 of its 53 binary digits, which is about 11 decimal ones. VictoriaMetrics
// keeps 12 of some values and all of others.
std::uint64_t RoundedBits(double number) {
  constexpr std::uint64_t kCut = std::uint64_t{1} << 17U;
  return (std::bit_cast<std::uint64_t>(number) + kCut / 2) & ~(kCut - 1);
}

std::uint64_t ExactDigest(const Value& value) {
  switch (value.type) {
    case FieldType::kFloat: return Digest(Kind::kFloat, value.bits);
    case FieldType::kInteger:
      return Digest(static_cast<std::int64_t>(value.bits) < 0 ? Kind::kNegative : Kind::kWhole,
                    value.bits);
    case FieldType::kUnsigned: return Digest(Kind::kWhole, value.bits);
    case FieldType::kBoolean: return Digest(Kind::kBoolean, value.bits);
    case FieldType::kString: return Digest(Kind::kString, HashOf(value.text));
  }
  INVARIANT(false);
}

bool IsWhole(FieldType type) {
  return type == FieldType::kInteger || type == FieldType::kUnsigned;
}

bool IsSame(const KeptValue& a, const KeptValue& b) {
  if (a == b) return true;
  const bool positive = static_cast<std::int64_t>(a.bits) >= 0;
  return IsWhole(a.type) && IsWhole(b.type) && a.bits == b.bits && positive;
}

bool IsAlike(const KeptValue& a, const KeptValue& b, Form form) {
  constexpr double kTolerance = 1e-11;
  if (IsSame(a, b)) return true;
  if (a.type == FieldType::kString || b.type == FieldType::kString) return false;
  const double x = NumberOf(a.type, a.bits);
  const double y = NumberOf(b.type, b.bits);
  if (x == y) return form != Form::kExact || a.type != b.type;
  const double scale = std::max(std::abs(x), std::abs(y));
  return form == Form::kRounded && std::abs(x - y) <= kTolerance * scale;
}

}  // namespace

std::string_view ToString(FieldType type) {
  switch (type) {
    case FieldType::kFloat: return "float";
    case FieldType::kInteger: return "integer";
    case FieldType::kUnsigned: return "unsigned";
    case FieldType::kBoolean: return "boolean";
    case FieldType::kString: return "string";
  }
  INVARIANT(false);
}

Value FloatValue(double number) {
  return {.type = FieldType::kFloat, .bits = std::bit_cast<std::uint64_t>(number)};
}

Value IntegerValue(std::int64_t number) {
  return {.type = FieldType::kInteger, .bits = static_cast<std::uint64_t>(number)};
}

std::uint64_t DigestOf(const Value& value, Form form) {
  INVARIANT(form != Form::kIgnored);
  if (form == Form::kExact || value.type == FieldType::kString) return ExactDigest(value);
  const double number = NumberOf(value.type, value.bits) + 0.0;  // Makes -0 the same as 0.
  if (form == Form::kNumber) return Digest(Kind::kNumber, std::bit_cast<std::uint64_t>(number));
  return Digest(Kind::kNumber, RoundedBits(number));
}

KeptValue Keep(const Value& value) {
  constexpr std::size_t kStartMax = 64;
  KeptValue kept{.type = value.type, .bits = value.bits};
  if (value.type != FieldType::kString) return kept;
  kept.bits = HashOf(value.text);
  kept.start = value.text.substr(0, kStartMax);
  kept.size = value.text.size();
  return kept;
}

std::string ToString(const KeptValue& value) {
  switch (value.type) {
    case FieldType::kFloat: return fmt::format("{}", std::bit_cast<double>(value.bits));
    case FieldType::kInteger: return fmt::format("{}i", static_cast<std::int64_t>(value.bits));
    case FieldType::kUnsigned: return fmt::format("{}u", value.bits);
    case FieldType::kBoolean: return value.bits == 0 ? "false" : "true";
    case FieldType::kString: break;
  }
  if (value.start.size() == value.size) return '"' + value.start + '"';
  return fmt::format("\"{}...\" ({} bytes)", value.start, value.size);
}

Likeness Compare(const std::vector<KeptValue>& a, const std::vector<KeptValue>& b, Form form) {
  INVARIANT(!a.empty() && !b.empty());
  if (a.size() == 1 && b.size() == 1 && IsSame(a.front(), b.front())) return Likeness::kSame;
  const bool alike = std::any_of(a.begin(), a.end(), [&](const KeptValue& one) {
    return std::any_of(b.begin(), b.end(),
                       [&](const KeptValue& other) { return IsAlike(one, other, form); });
  });
  return alike ? Likeness::kSameButShownDifferently : Likeness::kDifferent;
}

}  // namespace relay
