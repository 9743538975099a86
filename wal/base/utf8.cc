#include "wal/base/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace relay {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080U;

unsigned char ByteAt(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool IsWithin(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

// The bounds of the byte behind a lead byte (Unicode, table 3-7), and how many follow it in all.
struct Form {
  std::size_t following = 0;  // 0: no lead byte.
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
};

Form FormOf(unsigned char lead) {
  if (IsWithin(lead, 0xC2, 0xDF)) return {.following = 1};
  if (lead == 0xE0) return {.following = 2, .low = 0xA0};
  if (lead == 0xED) return {.following = 2, .high = 0x9F};
  if (IsWithin(lead, 0xE1, 0xEF)) return {.following = 2};
  if (lead == 0xF0) return {.following = 3, .low = 0x90};
  if (IsWithin(lead, 0xF1, 0xF3)) return {.following = 3};
  if (lead == 0xF4) return {.following = 3, .high = 0x8F};
  return {};
}

}  // namespace

bool IsAscii(std::string_view text) {
  std::uint64_t all = 0;
  std::size_t at = 0;
  for (; at + sizeof(all) <= text.size(); at += sizeof(all)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof(word));
    all |= word;
  }
  for (; at < text.size(); ++at) all |= ByteAt(text, at);
  return (all & kHighBits) == 0;
}

bool IsUtf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const unsigned char lead = ByteAt(text, at++);
    if (lead < 0x80) continue;
    const Form form = FormOf(lead);
    if (form.following == 0 || at + form.following > text.size()) return false;
    if (!IsWithin(ByteAt(text, at), form.low, form.high)) return false;
    for (std::size_t i = 1; i < form.following; ++i) {
      if (!IsWithin(ByteAt(text, at + i), 0x80, 0xBF)) return false;
    }
    at += form.following;
  }
  return true;
}

}  // namespace relay
