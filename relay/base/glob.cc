#include "relay/base/glob.h"

#include <optional>

namespace relay {

// Of several stars only the last one that was met is ever taken back: what the
// ones before it took can stay as it is.
bool GlobMatches(std::string_view glob, std::string_view text) {
  struct Star {
    std::size_t behind;  // In the glob.
    std::size_t takes;   // Of the text, up to here.
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
