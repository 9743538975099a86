#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relay {

// Returns the one of `known` that `word` probably means: one a letter or two away, or one that
// contains the other. nullopt: none is close.
std::optional<std::string> ClosestMatch(std::string_view word,
                                        const std::vector<std::string>& known);

}  // namespace relay
