// An HTTP exchange as its handlers see it, and the server that carries it.
//
// The server owns what HTTP itself demands: framing, limits, deadlines,
// 100-continue, keep-alive, pipelining. It runs a few threads, each with its
// own connections; a handler is called on the thread of the connection and may
// answer at once or later, from any thread.
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
#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

struct HttpRequest {
  std::string_view method;  // Upper case, as sent. These views last as long as Handle.
  std::string_view path;    // As sent, percent-encoded, without the query.
  std::string_view query;   // Without the question mark.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string body;         // Not yet inflated.
  std::string_view client;  // Its address, as text.

  // The value of the first header of that name, whatever its case; "" if none.
  std::string_view Header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  // Empty: no body.
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;
};

// Sends the answer. Called exactly once, from any thread.
using HttpReply = std::function<void(HttpResponse)>;

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  virtual void Handle(HttpRequest request, HttpReply reply) = 0;

  // What to answer where the server itself refuses: 400, 408, 411, 413, 414, 431, 503.
  virtual HttpResponse Refusal(int status, std::string_view message) = 0;
  // The same where the request was read far enough to know its path.
  virtual HttpResponse RefusalOf(std::string_view /*path*/, int status, std::string_view message) {
    return Refusal(status, message);
  }

  // A client ran into a limit. Only to be counted.
  virtual void Reached(HttpLimit /*limit*/) {}
};

// A certificate and who of the clients is let in. Files, in PEM.
struct TlsFiles {
  std::string certificate;  // With the chain behind it.
  std::string key;
  std::string client_ca;  // Empty: clients need no certificate; else one that it signed.
};

struct HttpServerOptions {
  std::string host;        // A literal IPv4 or IPv6 address.
  std::uint16_t port = 0;  // 0: any free one.
  unsigned threads = 1;
  HttpLimits limits;
  std::shared_ptr<Admission> admission;  // None: the server has one of its own.
  std::optional<TlsFiles> tls;           // None: plain HTTP.
  std::string headers;                   // On every answer: "Name: value\r\n" each.
  bool request_ids = false;              // Echo or make up Request-Id and X-Request-Id.
  int inherited = -1;  // A socket that listens there already; copied, not taken. -1: none.
};

class HttpServer {
 public:
  // Listens and serves. kUnavailable: the address is taken or is not ours.
  // kInvalidInput: a file of TLS cannot be read or is not what it should be.
  // Handler and clock outlive the server.
  static Result<std::unique_ptr<HttpServer>> Start(HttpServerOptions options, HttpHandler& handler,
                                                   const Clock& clock);

  HttpServer() = default;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Replies may still be called until the server is destroyed, not after.
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
  virtual std::size_t connections() const = 0;

  // For the requests to come.
  virtual void SetLimits(const HttpLimits& limits) = 0;

  // Reads the certificate and key again, from where these are now: for the
  // connections to come. kInvalidInput: nothing changed. REQUIRES: it serves TLS.
  virtual Status SetTls(const TlsFiles& files) = 0;

  // Accepts nobody any more, lets the requests under way be answered, closes
  // every connection behind its answer; after `grace` it closes the rest.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace relay
