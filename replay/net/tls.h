// A TLS client over a connected socket. Only tls.cc uses OpenSSL.
//
// ERRORS. As in replay/net/connection.h; an untrusted certificate is kInvalidInput with the reason:
// expired, unknown CA, other name.
#pragma once

#include <memory>

#include "replay/net/connection.h"

namespace relay {

// Performs the handshake within the deadline. REQUIRES: peer.tls; a non-blocking socket.
Result<std::unique_ptr<Connection>> OpenTls(OwnedFd socket, const Peer& peer,
                                            const Deadline& deadline);

}  // namespace relay
