// The different words of a column, numbered as they first appear.
//
// THREADS. An object is used by one thread at a time; it keeps its memory for the next column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "wal/columns/division.h"

namespace relay::columns {

class Dictionary {
 public:
  // Forgets all words. `text`: what the pieces belong to; kSlack bytes behind it can be read.
  // `count` words at most will be looked up.
  void Begin(const char* text, std::size_t count);

  // Returns the number of the word, which is added if it is new. A word is rarely added twice, with
  // two numbers, so that no choice of words makes this slow.
  std::uint64_t NumberOf(Piece word);

  std::span<const Piece> words() const { return words_; }
  std::size_t MemoryUsed() const {
    return words_.capacity() * sizeof(Piece) + table_.capacity() * sizeof(Entry);
  }

 private:
  static constexpr unsigned kProbesMax = 16;

  struct Entry {
    std::uint32_t column = 0;  // Another than the current one: free.
    std::uint32_t number = 0;
  };

  std::uint64_t Place(Piece word) const;

  const char* text_ = nullptr;
  std::vector<Piece> words_;
  std::vector<Entry> table_;  // Its size is a power of two.
  std::size_t mask_ = 0;
  std::uint32_t column_ = 0;
};

}  // namespace relay::columns
