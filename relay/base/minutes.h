// Durations as an operator types them: "5m" besides the settings' "5min".
//
// THREADS. Pure functions.
#pragma once

#include <string>

namespace relay {

// Returns "5min" for "5m"; any other text as it is.
inline std::string WithMinutes(std::string text) {
  if (text.size() > 1 && text.ends_with('m') && text[text.size() - 2] >= '0' &&
      text[text.size() - 2] <= '9') {
    text += "in";
  }
  return text;
}

}  // namespace relay
