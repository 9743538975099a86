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
