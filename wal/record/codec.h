// Compression of stored lines. The only place that knows zstd.
//
// THREADS. Each thread keeps a context of its own; any number may call.
#pragma once

#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Appends `plain`, compressed, to `out`; false, with `out` as it was, where the
// result would not be smaller than `plain`.
bool AppendCompressed(std::string_view plain, std::string& out);

// `plain_size` is what was compressed, as stored beside it. kCorruption: not a
// whole frame of exactly that size.
Result<std::string> Decompress(std::string_view compressed, Bytes plain_size);

}  // namespace relay
