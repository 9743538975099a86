// Compression of bytes of any kind. Only this file's source uses zstd.
//
// THREADS. Any number at once: each thread has a context of its own.
#pragma once

#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Compresses `plain` and appends it to `out`. Returns false and leaves `out` unchanged if the
// result would not be smaller than `plain`.
bool AppendCompressed(std::string_view plain, std::string& out);

// `plain_size` is the size before compression, as stored beside it. kCorruption: the input is not a
// whole frame of exactly that size.
Result<std::string> Decompress(std::string_view compressed, Bytes plain_size);

}  // namespace relay
