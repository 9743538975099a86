// Finding a host's addresses and connecting to them.
//
// ERRORS. As in replay/net/connection.h.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "replay/net/deadline.h"
#include "wal/base/result.h"

namespace relay {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

bool IsLiteralAddress(const std::string& host);

// Returns all addresses of a host, in the system's order of preference, at least one. `type` is
// SOCK_STREAM or SOCK_DGRAM.
Result<std::vector<Address>> Resolve(const std::string& host, std::uint16_t port, int type,
                                     const Deadline& deadline);

// Returns a connected, non-blocking socket to the first address that answers. Each gets its share
// of the time, at most `each`, so that one that swallows packets does not hide the next.
Result<OwnedFd> Dial(const std::vector<Address>& addresses, std::chrono::milliseconds each,
                     const Deadline& deadline);

}  // namespace relay
