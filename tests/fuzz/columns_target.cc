// The codec for line protocol, both ways.
#include <string>

#include "tests/fuzz/targets.h"
#include "wal/base/invariant.h"
#include "wal/columns/columns.h"

namespace relay::fuzz {

void FuzzColumns(std::string_view input) {
  std::string frame;
  if (!AppendColumns(input, frame)) {
    INVARIANT(frame.empty());
    return;
  }
  INVARIANT(frame.size() < input.size());
  const Result<std::string> back = DecodeColumns(frame, Bytes(input.size()));
  INVARIANT(back.ok());
  INVARIANT(back.value() == input);
}

void FuzzFrames(std::string_view input) {
  constexpr Bytes kLimit = 64_KiB;
  const Result<std::string> body = DecodeColumns(input, kLimit);
  if (!body.ok()) {
    INVARIANT(body.error().code() == ErrorCode::kCorruption);
    return;
  }
  INVARIANT(!body.value().empty() && body.value().size() <= kLimit.count());
  FuzzColumns(body.value());
}

}  // namespace relay::fuzz
