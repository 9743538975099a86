// The HTTP server, and an HTTP exchange as its handlers see it.
//
// The server does everything HTTP itself requires: framing, limits, deadlines, 100-continue,
// keep-alive, pipelining. It runs a few threads, each with its own connections; a handler is called
// on the connection's thread and may answer at once or later, from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "relay/base/http_limits.h"
#include "relay/http/admission.h"
#include "relay/http/body_pipe.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Tells a handler that waits, or answers in parts, when its client has left.
class ClientWatch {
 public:
  virtual ~ClientWatch() = default;

  // Calls `gone` at most once, on the connection's thread, if the client leaves, or is given up,
  // before its answer is whole. Within half a second.
  virtual void WhenGone(std::function<void()> gone) = 0;
};

struct HttpRequest {
  std::string_view method;  // Upper case, as sent. These views are valid during Handle.
  std::string_view path;    // Percent-encoded, without the query.
  std::string_view query;   // Without the question mark.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string body;              // Not yet decompressed.
  std::string_view client;       // Its address, as text.
  ClientWatch* watch = nullptr;  // Valid during Handle; nullptr: leaving is not noticed.

  // Returns the value of the first header of that name, ignoring case; "": none.
  std::string_view Header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  // Empty: no body.
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;
  // Header lines of a server behind this one, each with its end, which replace those that the
  // listener adds. nullopt: the response is this server's own.
  std::optional<std::string> relayed = {};
  // The body that is sent as it comes, instead of `body`; not of a HEAD request. nullptr: none.
  std::shared_ptr<BodyPipe> pipe = {};
};

// Sends the response. Called exactly once, from any thread.
using HttpReply = std::function<void(HttpResponse)>;

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  virtual void Handle(HttpRequest request, HttpReply reply) = 0;

  // Makes the response where the server itself refuses: 400, 408, 411, 413, 414, 431, 503.
  virtual HttpResponse Refusal(int status, std::string_view message) = 0;
  // The same for a request whose path is already known.
  virtual HttpResponse RefusalOf(std::string_view /*path*/, int status, std::string_view message) {
    return Refusal(status, message);
  }

  // A client ran into a limit. Only to be counted.
  virtual void Reached(HttpLimit /*limit*/) {}
};

// Paths of PEM files: the server's certificate, and the CA of client certificates.
struct TlsFiles {
  std::string certificate;  // Followed by its chain.
  std::string key;
  std::string client_ca;  // Empty: clients need no certificate; otherwise one signed by this CA.
};

struct HttpServerOptions {
  std::string host;        // A literal IPv4 or IPv6 address; empty: all of both.
  std::uint16_t port = 0;  // 0: any free port.
  unsigned threads = 1;
  HttpLimits limits;
  std::shared_ptr<Admission> admission;  // nullptr: the server has its own.
  std::optional<TlsFiles> tls;           // nullopt: plain HTTP.
  std::string headers;                   // Added to every response: "Name: value\r\n" each.
  bool request_ids = false;              // Echo or generate Request-Id and X-Request-Id.
  int inherited = -1;  // A listening socket to duplicate; it remains the caller's. -1: none.
};

class HttpServer {
 public:
  // Listens and serves. kUnavailable: the address is in use or not local. kInvalidInput: a TLS file
  // cannot be read or is invalid. REQUIRES: handler and clock outlive the server.
  static Result<std::unique_ptr<HttpServer>> Start(HttpServerOptions options, HttpHandler& handler,
                                                   const Clock& clock);

  HttpServer() = default;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Replies may be called until the server is destroyed, not after.
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
  virtual std::size_t connections() const = 0;

  // Applies to later requests.
  virtual void SetLimits(const HttpLimits& limits) = 0;

  // Reads the certificate and key again, from these files, for later connections.
  // kInvalidInput: nothing changed. REQUIRES: it serves TLS.
  virtual Status SetTls(const TlsFiles& files) = 0;

  // Stops accepting, lets requests in progress finish, and closes each connection after its
  // response; after `grace` it closes the rest.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace relay
