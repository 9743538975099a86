// TLS over a connected socket, as a client. OpenSSL is known to tls.cc alone.
//
// ERRORS. As in replay/net/connection.h; a certificate that is not trusted is
// kInvalidInput with the reason in words: expired, unknown CA, other name.
#pragma once

#include <memory>

#include "replay/net/connection.h"

namespace relay {

// Shakes hands within the deadline. REQUIRES: peer.tls; the socket does not
// block.
Result<std::unique_ptr<Connection>> OpenTls(OwnedFd socket, const Peer& peer,
                                            const Deadline& deadline);

}  // namespace relay
