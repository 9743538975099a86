// Eight bytes of text at a time, and integers packed in as few bits as they need.
//
// REQUIRES: a text that is read here can be read for kSlack bytes behind its end, and one that is
// written can be written there.
//
// THREADS. Values and pure functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace relay::columns {

constexpr std::size_t kSlack = 32;

// Returns eight bytes, the first of them lowest.
inline std::uint64_t Load8(const char* from) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, from, sizeof(bytes));
  if constexpr (std::endian::native == std::endian::big) bytes = __builtin_bswap64(bytes);
  return bytes;
}

inline void Store8(char* to, std::uint64_t bytes) {
  if constexpr (std::endian::native == std::endian::big) bytes = __builtin_bswap64(bytes);
  std::memcpy(to, &bytes, sizeof(bytes));
}

inline bool SameText(const char* a, const char* b, std::size_t size) {
  for (; size > 8; size -= 8, a += 8, b += 8) {
    if (Load8(a) != Load8(b)) return false;
  }
  return size == 0 || (Load8(a) ^ Load8(b)) << (64 - 8 * size) == 0;
}

// Copies a text of any size, in steps of 16 bytes.
inline void CopyText(char* to, const char* from, std::size_t size) {
  if (size > 64) {
    std::memcpy(to, from, size);
    return;
  }
  for (std::size_t at = 0; at < size; at += 16) std::memcpy(to + at, from + at, 16);
}

// Returns how many bits `value` has: 0 for 0.
inline unsigned BitsOf(std::uint64_t value) {
  return 64U - static_cast<unsigned>(std::countl_zero(value));
}

// 0, -1, 1, -2, ... as 0, 1, 2, 3, ...
inline std::uint64_t Zigzag(std::uint64_t step) {
  return (step << 1U) ^ (0 - (step >> 63U));
}
inline std::uint64_t Unzigzag(std::uint64_t coded) {
  return (coded >> 1U) ^ (0 - (coded & 1U));
}

// Returns the bytes of `count` integers of `width` bits.
inline std::size_t PackedSize(std::uint64_t count, unsigned width) {
  return static_cast<std::size_t>((count * width + 7) / 8);
}

// Packs integers from the lowest bit of the first byte upwards. REQUIRES: room for PackedSize bytes
// and kSlack.
class BitWriter {
 public:
  explicit BitWriter(char* to) : to_(to) {}

  // REQUIRES: `value` has at most `width` bits, which is at most 64.
  void Put(std::uint64_t value, unsigned width) {
    pending_ |= value << held_;
    held_ += width;
    if (held_ < 64) return;
    Store8(to_, pending_);
    to_ += 8;
    held_ -= 64;
    const unsigned written = width - held_;
    pending_ = written < 64 ? value >> written : 0;
  }

  void Finish() { Store8(to_, pending_); }

 private:
  char* to_;
  std::uint64_t pending_ = 0;
  unsigned held_ = 0;  // Below 64.
};

// Reads what BitWriter wrote. REQUIRES: the packed bytes and kSlack can be read.
class BitReader {
 public:
  explicit BitReader(const char* from) : from_(from) {}

  // REQUIRES: `width` is at most 56.
  std::uint64_t Take(unsigned width) {
    const std::uint64_t bytes = Load8(from_ + at_ / 8) >> (at_ % 8);
    at_ += width;
    return bytes & ((std::uint64_t{1} << width) - 1);
  }

  // REQUIRES: `width` is at most 64.
  std::uint64_t TakeWide(unsigned width) {
    if (width <= 32) return Take(width);
    const std::uint64_t low = Take(32);
    return low | Take(width - 32) << 32U;
  }

 private:
  const char* from_;
  std::uint64_t at_ = 0;  // In bits.
};

}  // namespace relay::columns
