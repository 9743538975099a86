// A backend's write endpoint over HTTP/1.1: InfluxDB's v1, v2 or v3.
//
// The connection is kept and used again, for a minute where the host has a name,
// so that one whose name moves is followed though the old one still answers.
// Where an answer does not end cleanly, or more comes than was asked for, it is
// closed, so that no answer is ever taken for that of another request.
// Redirects are not followed, answers are not inflated and are cut at 64 KiB.
// A peer that takes no more of a request is given up after a time of its own; one
// deadline covers the whole attempt, so a backend that answers a byte a
// second holds the worker no longer than one that is silent.
//
// What a backend of this API can never be told (a timestamp that is too large
// in the only unit it takes) is answered here as a backend would: 422 and words.
//
// Boost.Beast and Asio 1.81 were tried in place of the code here and in
// replay/net. They saved about 350 lines of 1,300 and were as fast within the noise
// (drain_bench in turns, five rounds each: 0.99 of the CPU a point), but broke promises:
// - Asio's resolver joins its getaddrinfo thread: with a name server that did not
//   answer for 10 s, a cancelled transport took 9.4 s to destroy, here 0.1 ms. A
//   look-up that timed out holds up the next one.
// - Beast's parser refuses answers that are read here: lines that end in LF alone,
//   "HTTP/1.1 204" without a space behind it, a header line without a colon, a
//   Content-Length beside chunks. Such a backend would be retried for ever.
// - Compiling replay/transport took 19.5 s of CPU instead of 7.0.
//
// THREADS. As Transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "replay/net/connection.h"
#include "replay/transport/target.h"
#include "replay/transport/transport.h"
#include "wal/base/secret.h"

namespace relay {

// Read when they are first needed and again after a 401 or 403.
struct Credentials {
  std::string username;  // Goes with `password`, as Basic.
  std::optional<SecretSource> password;
  std::optional<SecretSource> token;  // Or this one.
};

struct HttpTransportOptions {
  Peer peer;
  Target target;
  Credentials credentials;
  // Whether what is sent goes with the credentials that the client sent with it,
  // where the record has some. REQUIRES: no `credentials`.
  bool pass_credentials = false;
  bool gzip = false;
  // For the peer to take any more of a request; as it is, `timeout` comes first.
  std::chrono::milliseconds write_timeout = std::chrono::minutes(10);
  std::chrono::milliseconds timeout{10'000};        // For the whole attempt.
  std::chrono::milliseconds look_up_after{60'000};  // How old a connection may get.
};

std::unique_ptr<Transport> MakeHttpTransport(HttpTransportOptions options);

}  // namespace relay
