#include "replay/transport/transport.h"

namespace relay {

std::size_t LinesInPieces::size() const {
  std::size_t size = 0;
  for (const std::string_view piece : pieces()) size += piece.size();
  return size;
}

std::string_view LinesInPieces::Text(std::string& joined) const {
  if (pieces().size() == 1) return pieces().front();
  joined.clear();
  joined.reserve(size());
  for (const std::string_view piece : pieces()) joined += piece;
  return joined;
}

}  // namespace relay
