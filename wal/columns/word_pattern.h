// Words that differ only in a number, such as the names of hosts.
//
// THREADS. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "wal/columns/number.h"

namespace relay::columns {

// The sizes of the texts before and behind the number.
struct WordPattern {
  bool found = false;
  std::size_t before = 0;
  std::size_t behind = 0;

  // Guesses the pattern of words, pieces of `text`, from the first two that differ.
  static WordPattern Find(const char* text, std::span<const std::uint64_t> words);

  // Reads the numbers. Returns their class; kWord: not all words are of this pattern. REQUIRES:
  // kSlack bytes behind the text, as many numbers as words.
  Class Read(const char* text, std::span<const std::uint64_t> words,
             std::span<std::uint64_t> numbers) const;
};

}  // namespace relay::columns
