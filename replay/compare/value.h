// The value of a field as a server tells it, and the forms in which values of two servers are
// compared.
//
// Servers show the same value differently: a field may be an integer on one and a float on the
// other, and VictoriaMetrics rounds to decimal digits. A form says what counts as the same. The
// digest of a value is the same for all values that are the same in that form, except that
// kRounded may give neighbours of a rounding border two digests: Compare has the last word.
//
// THREADS. Values and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relay {

enum class FieldType : std::uint8_t { kFloat, kInteger, kUnsigned, kBoolean, kString };

// Returns "float", "integer", and so on, as InfluxQL names the types.
std::string_view ToString(FieldType type);

// A value while it is read.
struct Value {
  FieldType type = FieldType::kFloat;
  std::uint64_t bits = 0;      // The double's or the integer's bits, or 0 and 1; a string has none.
  std::string_view text = {};  // A string's; valid during the call that passes it.
};

Value FloatValue(double number);
Value IntegerValue(std::int64_t number);

enum class Form : std::uint8_t {
  kExact,    // Type and value, except that integers are the same signed and unsigned.
  kNumber,   // Numbers and booleans of any type by their value.
  kRounded,  // The same, by the first 11 digits.
  kIgnored,  // Is not compared.
};

// REQUIRES: not kIgnored.
std::uint64_t DigestOf(const Value& value, Form form);

// A value that is kept, bounded in size.
struct KeptValue {
  FieldType type = FieldType::kFloat;
  std::uint64_t bits = 0;  // A string's digest.
  std::string start = {};  // The first bytes of a string ...
  std::uint64_t size = 0;  // ... and the size of the whole.

  friend bool operator==(const KeptValue&, const KeptValue&) = default;
};

KeptValue Keep(const Value& value);

// Returns the value as in line protocol; the rest of a long string is replaced by its size.
std::string ToString(const KeptValue& value);

enum class Likeness : std::uint8_t {
  kSame,
  kSameButShownDifferently,  // Another type or rounding, or a server keeps what was overwritten.
  kDifferent,
};

// Compares the values that two servers have for one field of a point. There are several only where
// a server keeps points apart that have the same time for the other. REQUIRES: none is empty.
Likeness Compare(const std::vector<KeptValue>& a, const std::vector<KeptValue>& b, Form form);

}  // namespace relay
