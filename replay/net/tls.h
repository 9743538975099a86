// A TLS client over a connected socket. Only tls.cc uses OpenSSL.
//
// ERRORS. As in replay/net/connection.h; an untrusted certificate is kInvalidInput with the reason:
// expired, unknown CA, other name.
#pragma once

#include <memory>
#include <string>

#include "replay/net/connection.h"
#include "wal/base/types.h"

namespace relay {

// Checks that the files can be read and that the key is that of the certificate. kInvalidInput.
Status CheckTlsFiles(const TlsOptions& options);

// Returns when the first certificate of a PEM file expires. kInvalidInput: there is none.
Result<WallTime> CertificateExpiry(const std::string& path);

// Performs the handshake within the deadline. REQUIRES: peer.tls; a non-blocking socket.
Result<std::unique_ptr<Connection>> OpenTls(OwnedFd socket, const Peer& peer,
                                            const Deadline& deadline);

}  // namespace relay
