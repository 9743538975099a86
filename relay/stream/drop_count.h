// The packets that a socket has lost, from what its kernel says.
//
// THREADS. One at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace relay {

class DropCount {
 public:
  // Returns how many were lost since the call before. `all`: the kernel's count since the socket
  // was opened, which has 32 bits and wraps around; nullopt: it did not say, and the next call
  // returns what was lost meanwhile.
  std::uint32_t More(std::optional<std::uint32_t> all) {
    if (!all) return 0;
    return *all - std::exchange(last_, *all);
  }

 private:
  std::uint32_t last_ = 0;
};

}  // namespace relay
