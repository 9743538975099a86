// A backend's /write over HTTP/1.1.
//
// The connection is kept and used again; after an answer that does not end
// cleanly it is closed. Redirects are not followed, answers are not inflated
// and are cut at 64 KiB. One deadline covers the whole attempt, so a backend
// that answers a byte a second holds the worker no longer than one that is
// silent.
//
// THREADS. As Transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "replay/secret.h"
#include "replay/transport.h"

namespace relay {

struct HttpTransportOptions {
  bool tls = false;
  std::string host;
  std::uint16_t port = 8086;
  std::string path_prefix;               // Before /write: "" or "/influx".
  std::string username;                  // Empty: no credentials are sent.
  std::optional<SecretSource> password;  // Read when it is first needed and after a 401 or 403.
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{10'000};  // For the whole attempt.
};

std::unique_ptr<Transport> MakeHttpTransport(HttpTransportOptions options);

// The path and query of a v1 write: "/write?db=…&rp=…&precision=…".
std::string WriteTarget(std::string_view path_prefix, const WriteParams& params);

}  // namespace relay
