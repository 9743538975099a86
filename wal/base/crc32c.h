// CRC-32C (Castagnoli, RFC 3720 appendix B.4), using the processor's instruction where there is
// one. RocksDB's copy in Debian computes it in software, and bookworm packages no C++ library for
// it.
#pragma once

#include <cstdint>
#include <string_view>

namespace relay {

// Returns the checksum of a string whose first part has the checksum `crc` and whose second part is
// `data`. The empty string has the checksum 0.
std::uint32_t ExtendCrc32c(std::uint32_t crc, std::string_view data);

inline std::uint32_t Crc32c(std::string_view data) {
  return ExtendCrc32c(0, data);
}

// Computes the same by table lookup: for processors without the instruction, and to test the fast
// version.
std::uint32_t ExtendCrc32cByTable(std::uint32_t crc, std::string_view data);

}  // namespace relay
