#include "wal/columns/word_pattern.h"

#include <algorithm>
#include <string_view>

#include "wal/columns/bits.h"
#include "wal/columns/division.h"

namespace relay::columns {
namespace {

std::string_view TextOf(const char* text, std::uint64_t word) {
  const Piece piece(word);
  return {text + piece.at(), piece.size()};
}

}  // namespace

WordPattern WordPattern::Find(const char* text, std::span<const std::uint64_t> words) {
  const std::string_view first = TextOf(text, words.front());
  const auto differs = [&](std::uint64_t word) {
    return word != words.front() && TextOf(text, word) != first;
  };
  const auto found = std::find_if(words.begin(), words.end(), differs);
  if (found == words.end()) return {};
  const std::string_view other = TextOf(text, *found);
  WordPattern pattern;
  const std::size_t shorter = std::min(first.size(), other.size());
  while (pattern.before < shorter && first[pattern.before] == other[pattern.before]) {
    ++pattern.before;
  }
  const std::size_t left = shorter - pattern.before;
  while (pattern.behind < left &&
         first[first.size() - 1 - pattern.behind] == other[other.size() - 1 - pattern.behind]) {
    ++pattern.behind;
  }
  // All digits around the place where they differ are of the number.
  while (pattern.before > 0 && IsDigit(first[pattern.before - 1])) --pattern.before;
  while (pattern.behind > 0 && IsDigit(first[first.size() - pattern.behind])) --pattern.behind;
  pattern.found = pattern.before < first.size() && IsDigit(first[pattern.before]);
  return pattern;
}

Class WordPattern::Read(const char* text, std::span<const std::uint64_t> words,
                        std::span<std::uint64_t> numbers) const {
  const std::string_view first = TextOf(text, words.front());
  const char* const end_of_first = first.data() + first.size() - behind;
  bool zeros = false;
  unsigned fewest = kDigitsMax;
  unsigned most = 1;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = TextOf(text, words[i]);
    if (word.size() <= before + behind) return kWord;
    const char* at = word.data() + before;
    const char* const end = word.data() + word.size() - behind;
    zeros |= *at == '0' && end - at > 1;
    std::uint64_t number = 0;
    const unsigned count = TakeDigits(at, number);
    if (at != end || count > kDigitsMax) return kWord;
    if (!SameText(word.data(), first.data(), before)) return kWord;
    if (!SameText(end, end_of_first, behind)) return kWord;
    fewest = std::min(fewest, count);
    most = std::max(most, count);
    numbers[i] = number;
  }
  if (!zeros) return 0;
  return fewest == most ? OfDigits(most) : kWord;
}

}  // namespace relay::columns
