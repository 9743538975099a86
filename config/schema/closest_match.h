#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relay {

// The one of `known` that was probably meant by `word`: a letter or two away,
// or one contained in the other. Nothing if none is close.
std::optional<std::string> ClosestMatch(std::string_view word,
                                        const std::vector<std::string>& known);

}  // namespace relay
