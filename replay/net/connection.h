// A connection to a backend, plain or TLS, within the time of one attempt.
//
// A host's name is looked up for every connection, and all of its addresses are tried. TLS is at
// least 1.2; unless verification is turned off, the peer's certificate must be valid, of a known CA
// and for the dialled host. Certificates are read from their files for every connection, so that
// they can be replaced without a restart.
//
// ERRORS. kUnavailable: nobody answered, or not in time. kInvalidInput, kNotFound: a configuration
// error (no such host, an untrusted certificate, an unreadable file), which waiting alone will not
// fix.
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

// Formats host and port as in a URL and the Host header.
std::string HostPort(const Peer& peer);

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

  // Reads or writes without waiting. kEnd: the peer closed its side; only of a read. After
  // kWantsRead or kWantsWrite, offer the same bytes again.
  virtual Result<Progress> TryWrite(std::string_view bytes) = 0;
  virtual Result<Progress> TryRead(char* into, std::size_t size) = 0;

  // Returns true if no unread bytes came and the peer has not closed.
  virtual bool Quiet() = 0;

  virtual int fd() const = 0;
};

// Returns the error of a wait that did not end with kReady.
Error WaitEnded(Deadline::Wake wake);

}  // namespace relay
