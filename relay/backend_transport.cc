#include "relay/backend_transport.h"

#include <utility>

#include "replay/http_transport.h"

namespace relay {

std::unique_ptr<Transport> TransportFor(const BackendConfig& backend) {
  HttpTransportOptions options;
  options.peer = {.host = backend.url.host, .port = backend.url.port};
  if (backend.url.tls) options.peer.tls = TlsOptions{};
  options.target.path_prefix = backend.url.path_prefix;
  options.credentials = {.username = backend.username, .password = backend.password};
  options.timeout = backend.timeout;
  return MakeHttpTransport(std::move(options));
}

}  // namespace relay
