// Lines of a batch or a request, as a backend receives them.
#pragma once

#include <string>

#include "replay/batch/send_batch.h"
#include "replay/transport/transport.h"

namespace relay::test {

inline std::string TextOf(const SendBatch& batch) {
  std::string text;
  for (const std::string_view piece : PiecesOf(batch)) text += piece;
  return text;
}

inline std::string TextOf(const LinesInPieces& lines) {
  std::string joined;
  return std::string(lines.Text(joined));
}

}  // namespace relay::test
