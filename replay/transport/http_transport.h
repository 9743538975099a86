// A backend's write endpoint over HTTP/1.1: InfluxDB's v1, v2 or v3, or Prometheus remote write.
//
// The connection is reused, for a minute if the host has a name, so that a changed address is
// followed though the old one still answers. After an answer that does not end cleanly, or
// unexpected bytes, it is closed, so that no answer is ever taken for that of another request.
// Redirects are followed only if asked for, and only on the same host (see redirect.h), three in a
// row at most; answers are not decompressed and are cut at 64 KiB. A peer that
// accepts no more of a request is given up after a time of its own; one deadline covers the whole
// attempt, so a backend that answers a byte a second holds the worker no longer than a silent one.
//
// Lines that a backend of this API can never accept (a timestamp too large for its only unit) are
// answered here as a backend would: 422 and a message.
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
#include <functional>
#include <memory>
#include <string>

#include "replay/net/connection.h"
#include "replay/transport/authorization.h"
#include "replay/transport/create_database.h"
#include "replay/transport/target.h"
#include "replay/transport/transport.h"

namespace relay {

struct HttpTransportOptions {
  Peer peer;
  Target target;
  Credentials credentials;
  // Sends each record with its client's own credentials, if it has some. REQUIRES: no
  // `credentials`.
  bool pass_credentials = false;
  bool gzip = false;
  bool follow_redirects = false;  // On the same host, with the credentials.
  // The limit for a peer that accepts no bytes of a request; by default `timeout` ends earlier.
  std::chrono::milliseconds write_timeout = std::chrono::minutes(10);
  std::chrono::milliseconds timeout{10'000};        // For the whole attempt.
  std::chrono::milliseconds look_up_after{60'000};  // The greatest age of a connection.
  // Returns the form of a retention policy that is to be created, by its clients' names; may take
  // some seconds. Empty: without expiry.
  std::function<PolicyForm(const WriteParams&)> policy_of = {};
  std::string relay_id = {};  // Names this relay to others, see hops.h; empty: it is not named.
};

std::unique_ptr<Transport> MakeHttpTransport(HttpTransportOptions options);

// Asks an InfluxDB 1.x for the retention policies of the database. Returns its answer, in JSON.
// kUnavailable, kBrokenOff: no answer came.
Result<Reply> AskForPolicies(HttpTransportOptions options, const WriteParams& params);

}  // namespace relay
