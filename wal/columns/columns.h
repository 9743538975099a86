// A codec for line protocol: the values of many lines are stored as columns. README.md has the
// format.
//
// A frame is one body and is read without anything else. Any bytes come back as they were, whether
// they are valid line protocol or not.
//
// THREADS. Any number at once: each thread has memory of its own, a small multiple of the largest
// body, of which nothing is kept after a call that needed more than 16 MiB.
#pragma once

#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Appends the frame of `body` to `out`. Returns false and leaves `out` unchanged if columns gain
// nothing for this body: the frame would not be smaller than the body, there are too few lines, or
// hardly two of the lines are alike.
bool AppendColumns(std::string_view body, std::string& out);

// Returns the body of a frame. kCorruption: `frame` is not one whole frame, or its body has more
// than `size_limit` bytes; the message says which part is wrong. Neither time nor memory exceed a
// small multiple of the limit, whatever the bytes are.
Result<std::string> DecodeColumns(std::string_view frame, Bytes size_limit);

}  // namespace relay
