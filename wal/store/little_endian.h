// Little-endian integers, as RocksDB writes them. The relay's own formats are big-endian.
//
// THREADS. Any: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wal/base/invariant.h"

namespace relay {

// Decodes the integer in `bytes`. REQUIRES: at most eight bytes.
inline std::uint64_t LittleEndian(std::string_view bytes) {
  INVARIANT(bytes.size() <= sizeof(std::uint64_t));
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace relay
