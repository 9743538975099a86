#include "config/schema/closest_match.h"

#include <algorithm>
#include <numeric>

namespace relay {
namespace {

// Longer than any setting's name; the time to compare is proportional to it.
constexpr std::size_t kWordSizeMax = 64;
constexpr std::size_t kPartSizeMin = 4;

// Returns how many letters must be inserted, dropped or replaced to turn `a` into `b`.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

bool Contains(std::string_view whole, std::string_view part) {
  return part.size() >= kPartSizeMin && whole.find(part) != std::string_view::npos;
}

// One letter in three may be wrong: "tls" is not a misspelt "url".
bool IsClose(std::string_view word, std::string_view known, std::size_t distance) {
  return distance * 3 <= known.size() || Contains(known, word) || Contains(word, known);
}

}  // namespace

std::optional<std::string> ClosestMatch(std::string_view word,
                                        const std::vector<std::string>& known) {
  if (word.size() > kWordSizeMax) return std::nullopt;
  std::optional<std::string> nearest;
  std::size_t least = 0;
  for (const std::string& candidate : known) {
    const std::size_t distance = Distance(word, candidate);
    if (!IsClose(word, candidate, distance) || (nearest && distance >= least)) continue;
    nearest = candidate;
    least = distance;
  }
  return nearest;
}

}  // namespace relay
