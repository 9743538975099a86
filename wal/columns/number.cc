#include "wal/columns/number.h"

#include <algorithm>

namespace relay::columns {
namespace {

constexpr std::uint64_t kHalf = 100'000'000;  // Eight digits.

// Returns eight digits as text, the first lowest. REQUIRES: value < 10^8.
std::uint64_t Spread(std::uint64_t value) {
  std::uint64_t digits = value / 10'000 | (value % 10'000) << 32U;
  std::uint64_t high = ((digits * 10'486) >> 20U) & 0x0000007F0000007FU;
  digits = ((digits - high * 100) << 16U) | high;
  high = ((digits * 103) >> 10U) & 0x000F000F000F000FU;
  digits = ((digits - high * 10) << 8U) | high;
  return digits | kZeros;
}

constexpr std::array<std::uint16_t, 100> kPairs = [] {
  std::array<std::uint16_t, 100> pairs{};
  for (unsigned i = 0; i < 100; ++i) {
    pairs[i] = static_cast<std::uint16_t>((i / 10 + '0') | (i % 10 + '0') << 8U);
  }
  return pairs;
}();

// Returns the same for a small number, in less time. REQUIRES: value < 10^4.
std::uint64_t SpreadFour(std::uint64_t value) {
  const std::uint64_t low = kPairs[value % 100];
  return low << 48U | std::uint64_t{kPairs[value / 100]} << 32U | (kZeros >> 32U);
}

unsigned DigitCount(std::uint64_t value) {
  const unsigned guess = BitsOf(value | 1U) * 1233 >> 12U;
  return guess + static_cast<unsigned>(value >= kPowersOfTen[guess]);
}

// Writes the last `count` of the 16 digits that stand in `high` and `low`; up to 8 bytes more are
// overwritten.
void WriteLast(char* to, unsigned count, std::uint64_t high, std::uint64_t low) {
  if (count <= 8) {
    Store8(to, low >> (64 - 8 * count));
    return;
  }
  Store8(to, high >> (128 - 8 * count));
  Store8(to + count - 8, low);
}

// Writes `count` digits, of which `decimals` stand behind a point. Returns their end. REQUIRES:
// digits < 10^count.
char* WriteDigits(char* to, std::uint64_t digits, unsigned count, unsigned decimals) {
  const std::uint64_t upper = count <= 8 ? 0 : digits / kHalf;
  const std::uint64_t low = count <= 4 ? SpreadFour(digits) : Spread(digits - upper * kHalf);
  const std::uint64_t high = upper == 0 ? kZeros : Spread(upper % kHalf);
  if (count > 16) {
    WriteLast(to, count - 16, kZeros, Spread(upper / kHalf));
    WriteLast(to + count - 16, 16, high, low);
  } else {
    WriteLast(to, count, high, low);
  }
  if (decimals == 0) return to + count;
  // The digits behind the point move by one byte: they are written again.
  char* const point = to + (count - decimals);
  if (decimals > 16) {
    WriteLast(point + 1, decimals - 16, kZeros, Spread(upper / kHalf));
    WriteLast(point + 1 + (decimals - 16), 16, high, low);
  } else {
    WriteLast(point + 1, decimals, high, low);
  }
  *point = '.';
  return to + count + 1;
}

}  // namespace

char* WriteNumber(char* to, Number number) {
  const unsigned low_bits = number.written & kDecimals;
  if (number.written > kWord) {
    // A frame that is damaged may have more digits than it says.
    return WriteDigits(to, number.digits % kPowersOfTen[low_bits], low_bits, 0);
  }
  if ((number.written & kMinus) != 0) *to++ = '-';
  const unsigned count = std::max(DigitCount(number.digits), low_bits + 1);
  to = WriteDigits(to, number.digits, count, low_bits);
  if ((number.written & kWord) != 0) *to++ = (number.written & kInteger) != 0 ? 'i' : 'u';
  return to;
}

}  // namespace relay::columns
