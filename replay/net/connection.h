// A connection to a backend, plain or TLS, within the time of one attempt.
//
// A host's name is looked up anew for every connection and all of its addresses
// are tried. TLS is at least 1.2; unless somebody insists, the peer's
// certificate must be valid, of a known CA and for the host that was dialled.
// Certificates are read from their files for every connection, so that they
// can be exchanged without a restart.
//
// ERRORS. kUnavailable: nobody answered there, or not in time. kInvalidInput,
// kNotFound: the set-up is wrong (no such host, a certificate that is not
// trusted, a file that cannot be read): waiting alone will not mend it.
//
// THREADS. Each connection belongs to one. REQUIRES: SIGPIPE is ignored.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "replay/net/deadline.h"
#include "wal/base/result.h"

namespace relay {

struct TlsOptions {
  std::string ca;    // A file of PEM certificates; empty: the system's.
  std::string cert;  // A client certificate and its key; both or none.
  std::string key;
  bool insecure_skip_verify = false;
};

struct Peer {
  std::string host;  // A name or a literal address.
  std::uint16_t port = 0;
  std::optional<TlsOptions> tls = {};
  std::chrono::milliseconds connect_timeout{5'000};  // For each address.
};

// One turn of a non-blocking read or write.
struct Progress {
  enum class Kind : std::uint8_t { kMoved, kWantsRead, kWantsWrite, kEnd };
  Kind kind = Kind::kEnd;
  std::size_t bytes = 0;
};

class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(const Peer& peer, const Deadline& deadline);

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // Neither waits. kEnd: the peer closed its side; only of a read. After
  // kWantsRead or kWantsWrite the same bytes are offered again.
  virtual Result<Progress> TryWrite(std::string_view bytes) = 0;
  virtual Result<Progress> TryRead(char* into, std::size_t size) = 0;

  // Nothing came that was not read, and the peer has not closed.
  virtual bool Quiet() = 0;

  virtual int fd() const = 0;
};

// What a wait that did not end with kReady means.
Error WaitEnded(Deadline::Wake wake);

}  // namespace relay
