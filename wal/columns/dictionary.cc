#include "wal/columns/dictionary.h"

#include <algorithm>
#include <bit>

#include "wal/columns/bits.h"

namespace relay::columns {

void Dictionary::Begin(const char* text, std::size_t count) {
  text_ = text;
  words_.clear();
  const std::size_t size = std::bit_ceil(2 * count);
  if (table_.size() < size) table_.resize(size);
  mask_ = size - 1;
  if (++column_ == 0) {
    std::fill(table_.begin(), table_.end(), Entry{});
    column_ = 1;
  }
}

// Hashes no more than the first and last eight bytes and the size.
std::uint64_t Dictionary::Place(Piece word) const {
  const char* const text = text_ + word.at();
  const std::size_t size = word.size();
  if (size == 0) return 0;
  std::uint64_t hash = Load8(text);
  if (size < 8) {
    hash <<= 64 - 8 * size;
  } else {
    hash = hash * 0xC2B2AE3D27D4EB4FU ^ Load8(text + size - 8);
  }
  hash = (hash ^ size) * 0x9E3779B97F4A7C15U;
  return hash >> 32U;
}

std::uint64_t Dictionary::NumberOf(Piece word) {
  std::size_t at = Place(word) & mask_;
  for (unsigned probes = 0; probes < kProbesMax; ++probes) {
    Entry& entry = table_[at];
    if (entry.column != column_) {
      entry = {.column = column_, .number = static_cast<std::uint32_t>(words_.size())};
      break;
    }
    const Piece known = words_[entry.number];
    if (known.size() == word.size() &&
        SameText(text_ + known.at(), text_ + word.at(), word.size())) {
      return entry.number;
    }
    at = (at + 1) & mask_;
  }
  words_.push_back(word);
  return words_.size() - 1;
}

}  // namespace relay::columns
