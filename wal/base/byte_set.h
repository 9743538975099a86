// A set of bytes, and a search for the first byte that is in it.
//
// THREADS. Values and pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace relay {

class ByteSet {
 public:
  constexpr explicit ByteSet(std::string_view bytes) {
    for (const char c : bytes) has_[static_cast<unsigned char>(c)] = true;
  }

  constexpr bool Has(char c) const { return has_[static_cast<unsigned char>(c)]; }

 private:
  std::array<bool, 256> has_{};
};

// Returns the first position from `from` on whose byte is in `stops`, or the text's size.
inline std::size_t Find(std::string_view text, std::size_t from, const ByteSet& stops) {
  std::size_t at = from;
  while (at < text.size() && !stops.Has(text[at])) ++at;
  return at;
}

// Returns the same, but skips bytes behind a backslash. A backslash before that backslash changes
// nothing: InfluxDB looks back by one byte only.
inline std::size_t FindBare(std::string_view text, std::size_t from, const ByteSet& stops) {
  std::size_t at = from;
  while (at < text.size() && (!stops.Has(text[at]) || (at > 0 && text[at - 1] == '\\'))) ++at;
  return at;
}

}  // namespace relay
