// Ports for the servers that tests start.
#pragma once

#include <cstdint>

namespace relay::test {

// Returns a port of 127.0.0.1 that nobody listens on and that no other test
// process gets as long as this one lives: a server can be stopped and started
// again on it. It is below the ephemeral ports.
std::uint16_t FreePort();

}  // namespace relay::test
