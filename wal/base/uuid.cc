#include "wal/base/uuid.h"

#include <fmt/format.h>

namespace relay {

std::string UuidV4(std::uint64_t high, std::uint64_t low) {
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xFFFFU,
                     high & 0xFFFU, 0x8000U | ((low >> 48U) & 0x3FFFU), low & 0xFFFFFFFFFFFFU);
}

}  // namespace relay
