// The bytes of a frame: varints, single bytes, packed arrays and pieces of text.
//
// THREADS. Values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace relay::columns {

inline void PutByte(std::string& out, std::uint64_t byte) {
  out.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
}

inline void PutVarint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) PutByte(out, value | 0x80U);
  PutByte(out, value);
}

constexpr std::size_t VarintSize(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7U) ++size;
  return size;
}

// Reads a frame from its front. The first thing that is wrong is remembered with its place; from
// then on every read yields zeros or nothing, so that a decoder may check after several reads, but
// must check before it believes a number.
class FrameReader {
 public:
  explicit FrameReader(std::string_view frame) : frame_(frame) {}

  std::uint64_t Byte() {
    if (at_ == frame_.size()) Fail("ends early");
    return failed() ? 0 : static_cast<unsigned char>(frame_[at_++]);
  }

  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t byte = Byte();
      value |= (byte & 0x7FU) << shift;
      if (byte < 0x80 && (shift < 63 || byte < 2)) return failed() ? 0 : value;
    }
    Fail("has a number of more than 64 bits");
    return 0;
  }

  // Reads a varint that is between the two.
  std::uint64_t Between(std::uint64_t least, std::uint64_t most, const char* otherwise) {
    const std::uint64_t value = Varint();
    if (value < least || value > most) Fail(otherwise);
    return failed() ? 0 : value;
  }

  std::string_view Take(std::uint64_t size) {
    if (size > frame_.size() - at_) Fail("ends early");
    if (failed()) return {};
    const std::string_view bytes = frame_.substr(at_, static_cast<std::size_t>(size));
    at_ += bytes.size();
    return bytes;
  }

  // Remembers what is wrong here, as the end of "the frame ...", unless something was before.
  void Fail(const char* what) {
    if (what_ != nullptr) return;
    what_ = what;
    failed_at_ = at_;
    at_ = frame_.size();
  }

  bool failed() const { return what_ != nullptr; }
  bool finished() const { return at_ == frame_.size(); }
  const char* what() const { return what_; }
  std::size_t failed_at() const { return failed_at_; }

 private:
  std::string_view frame_;
  std::size_t at_ = 0;
  const char* what_ = nullptr;  // Null: all has been well.
  std::size_t failed_at_ = 0;
};

}  // namespace relay::columns
