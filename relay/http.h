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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replay/clock.h"
#include "wal/result.h"
#include "wal/types.h"

namespace relay {

struct HttpRequest {
  std::string_view method;  // Upper case, as sent. These views last as long as Handle.
  std::string_view path;    // As sent, percent-encoded, without the query.
  std::string_view query;   // Without the question mark.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string body;  // Not yet inflated.

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

  // What to answer where the server itself refuses: 400, 408, 411, 413, 431, 503.
  virtual HttpResponse Refusal(int status, std::string_view message) = 0;
};

// Every limit that bounds a client, with its reason.
struct HttpLimits {
  std::size_t head_bytes = 16U << 10U;  // Heads are read whole before anything is known of them.
  Bytes body = 25_MiB;                  // As sent. InfluxDB 1.x' own default.
  std::size_t connections = 20'000;     // Descriptors and about 10 KB of memory each.
  // Bodies being read or waiting for their answer, in the whole server: bounds
  // its memory when clients are faster than the disk.
  Bytes in_flight = 96_MiB;
  std::chrono::milliseconds wait{10'000};       // For room there, before a 503.
  std::chrono::milliseconds idle{30'000};       // Between two requests.
  std::chrono::milliseconds head{10'000};       // From a head's first byte to its end,
  std::chrono::milliseconds body_time{60'000};  // ... and from there to the body's:
  std::chrono::milliseconds answer{60'000};     // a byte now and then must not hold a connection.
};

struct HttpServerOptions {
  std::string host;        // A literal IPv4 or IPv6 address.
  std::uint16_t port = 0;  // 0: any free one.
  unsigned threads = 1;
  HttpLimits limits;
  std::string headers;       // On every answer: "Name: value\r\n" each.
  bool request_ids = false;  // Echo or make up Request-Id and X-Request-Id.
};

class HttpServer {
 public:
  // Listens and serves. kUnavailable: the address is taken or is not ours.
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

  // Accepts nobody any more, lets the requests under way be answered, closes
  // every connection behind its answer; after `grace` it closes the rest.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace relay
