// Integers as the log stores them: big-endian, so that keys sort as numbers.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "wal/base/invariant.h"

namespace relay {

template <std::unsigned_integral T>
void PutBigEndian(std::string& out, T value) {
  for (std::size_t i = sizeof(T); i-- > 0;) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
  }
}

template <std::unsigned_integral T>
void PatchBigEndian(std::string& out, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out[at + i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * (sizeof(T) - 1 - i))));
  }
}

// Reads from the front of a string. A read past the end yields zeros and is remembered, so that a
// decoder checks for errors once, when it has read everything.
class BigEndianReader {
 public:
  explicit BigEndianReader(std::string_view data) : left_(data) {}

  template <std::unsigned_integral T>
  T Take() {
    const std::string_view bytes = TakeBytes(sizeof(T));
    T value = 0;
    for (const char c : bytes) {
      value =
          static_cast<T>((static_cast<std::uint64_t>(value) << 8U) | static_cast<unsigned char>(c));
    }
    return value;
  }

  std::string_view TakeBytes(std::size_t size) {
    if (size > left_.size()) {
      short_ = true;
      left_ = {};
      return {};
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }

  // Reads a string that is preceded by its length, of type L.
  template <std::unsigned_integral L>
  std::string_view TakeSized() {
    return TakeBytes(Take<L>());
  }

  std::string_view left() const { return left_; }
  bool ended_early() const { return short_; }
  bool finished() const { return !short_ && left_.empty(); }

 private:
  std::string_view left_;
  bool short_ = false;
};

// REQUIRES: text fits a length of type L.
template <std::unsigned_integral L>
void PutSized(std::string& out, std::string_view text) {
  INVARIANT(text.size() <= std::numeric_limits<L>::max());
  PutBigEndian(out, static_cast<L>(text.size()));
  out.append(text);
}

}  // namespace relay
