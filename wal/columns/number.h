// Numbers as their digits: exact, without floating point. A class says how an integer is written;
// README.md has its bits.
//
// THREADS. Pure functions.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wal/columns/bits.h"

namespace relay::columns {

using Class = std::uint8_t;

constexpr Class kDecimals = 0x1F;
constexpr Class kMinus = 0x20;
constexpr Class kInteger = 0x40;
constexpr Class kUnsigned = 0x80;
constexpr Class kWord = 0xC0;
constexpr unsigned kDecimalsMax = 18;
// Any integer of so many digits fits 64 bits.
constexpr unsigned kDigitsMax = 19;
// 20 digits, a sign, and a point or a suffix.
constexpr std::size_t kNumberSizeMax = 22;

struct Number {
  std::uint64_t digits = 0;
  Class written = kWord;

  friend bool operator==(const Number&, const Number&) = default;
};

// The class of numbers of exactly so many digits, the first of which may be zeros; from 1 to
// kDigitsMax. Only numbers inside of words have it.
constexpr Class OfDigits(unsigned count) {
  return static_cast<Class>(kWord + count);
}

// Returns whether the format has this class; kWord is one.
constexpr bool IsClass(Class written) {
  const unsigned decimals = written & kDecimals;
  const unsigned suffix = written & kWord;
  if (suffix == kWord) return written == kWord;
  return decimals <= kDecimalsMax && (suffix == 0 || decimals == 0);
}

// Returns whether a number inside of words may have this class.
constexpr bool IsClassInWords(Class written) {
  return written == 0 || (written > kWord && written <= OfDigits(kDigitsMax));
}

inline bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Eight bytes of zeros as text.
constexpr std::uint64_t kZeros = 0x3030303030303030U;

constexpr std::array<std::uint64_t, 20> kPowersOfTen = [] {
  std::array<std::uint64_t, 20> powers{};
  std::uint64_t power = 1;
  for (std::uint64_t& each : powers) {
    each = power;
    power *= 10;
  }
  return powers;
}();

// Returns how many of the eight bytes, from the first on, are digits.
inline unsigned DigitsAtFront(std::uint64_t bytes) {
  const std::uint64_t digits = bytes ^ kZeros;
  // A byte above 9 sets its top bit. A carry spoils only bytes behind the first of them.
  const std::uint64_t others = ((digits + 0x7676767676767676U) | digits) & 0x8080808080808080U;
  return static_cast<unsigned>(std::countr_zero(others)) / 8;
}

// Returns the number that the first `count` of eight bytes are, 1 to 8 digits.
inline std::uint64_t Joined(std::uint64_t bytes, unsigned count) {
  std::uint64_t digits = (bytes ^ kZeros) << (64 - 8 * count);
  digits = (digits * 10 + (digits >> 8U)) & 0x00FF00FF00FF00FFU;
  digits = (digits * 100 + (digits >> 16U)) & 0x0000FFFF0000FFFFU;
  return (digits * 10'000 + (digits >> 32U)) & 0xFFFFFFFFU;
}

// Appends the digits at `text` to `value`, up to 24, moves `text` behind them and returns how many
// there were. More than kDigitsMax in all overflow: the caller looks at the count.
inline unsigned TakeDigits(const char*& text, std::uint64_t& value) {
  unsigned taken = 0;
  for (int words = 0; words < 3; ++words) {
    const std::uint64_t bytes = Load8(text);
    const unsigned count = DigitsAtFront(bytes);
    if (count == 0) break;
    value = value * kPowersOfTen[count] + Joined(bytes, count);
    text += count;
    taken += count;
    if (count < 8) break;
  }
  return taken;
}

// Reads the number at `text` and returns where it ends; null: no number begins here that is written
// as a class says. The end may be in the middle of a longer word.
inline const char* ReadNumber(const char* text, Number& number) {
  const bool minus = *text == '-';
  text += static_cast<std::size_t>(minus);
  const std::uint64_t bytes = Load8(text);
  unsigned whole = DigitsAtFront(bytes);
  if (whole == 0 || (whole > 1 && (bytes & 0xFFU) == '0')) return nullptr;
  std::uint64_t digits = Joined(bytes, whole);
  text += whole;
  if (whole == 8) whole += TakeDigits(text, digits);
  if (whole > kDigitsMax) return nullptr;
  unsigned written = minus ? kMinus : 0;
  if (*text == '.') {
    ++text;
    const unsigned decimals = TakeDigits(text, digits);
    if (decimals == 0 || whole + decimals > kDigitsMax) return nullptr;
    written |= decimals;
  } else if (*text == 'i' || *text == 'u') {
    written |= *text == 'i' ? kInteger : kUnsigned;
    ++text;
  }
  number = {.digits = digits, .written = static_cast<Class>(written)};
  return text;
}

// Does the same, in less time, for up to six digits that may end with `i` and before `stop`. Null:
// it is another number, or none.
inline const char* ReadShortInteger(const char* text, char stop, Number& number) {
  const std::uint64_t bytes = Load8(text);
  const unsigned count = DigitsAtFront(bytes);
  if (count == 0 || count > 6 || (count > 1 && (bytes & 0xFFU) == '0')) return nullptr;
  std::uint64_t behind = bytes >> (8 * count);
  const char* end = text + count;
  Class written = 0;
  if ((behind & 0xFFU) == 'i') {
    behind >>= 8U;
    ++end;
    written = kInteger;
  }
  if (static_cast<char>(behind & 0xFFU) != stop) return nullptr;
  number = {.digits = Joined(bytes, count), .written = written};
  return end;
}

// Writes the number and returns its end. REQUIRES: room for kNumberSizeMax bytes and kSlack;
// the class is not kWord, and IsClass or IsClassInWords.
char* WriteNumber(char* to, Number number);

}  // namespace relay::columns
