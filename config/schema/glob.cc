#include "config/schema/glob.h"

#include <optional>

namespace relay {

// Only the last star met is ever extended: what earlier stars matched need not change.
bool GlobMatches(std::string_view glob, std::string_view text) {
  struct Star {
    std::size_t behind;  // Position in the glob behind the star.
    std::size_t takes;   // End of the text it has matched so far.
  };
  std::optional<Star> star;
  std::size_t in_glob = 0;
  std::size_t in_text = 0;
  while (in_text < text.size()) {
    if (in_glob < glob.size() && glob[in_glob] == '*') {
      star = Star{++in_glob, in_text};
    } else if (in_glob < glob.size() && glob[in_glob] == text[in_text]) {
      ++in_glob;
      ++in_text;
    } else if (star) {
      in_glob = star->behind;
      in_text = ++star->takes;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', in_glob) == std::string_view::npos;
}

}  // namespace relay
