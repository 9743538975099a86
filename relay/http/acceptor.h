// Accepts the clients of one loop: listens, turns away those beyond the limits, and pauses while
// there are no file descriptors.
//
// ERRORS. kUnavailable: the address cannot be listened on. Later failures are counted, and end.
//
// THREADS. One: its loop's; Listen and Adopt before it runs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <string>

#include "relay/http/admission.h"
#include "relay/http/client_stream.h"
#include "relay/http/server.h"
#include "wal/base/result.h"

namespace relay::http_parts {

class Acceptor {
 public:
  // Gets each admitted client; what Admission::Connect counted is the receiver's to return.
  using Receive = std::function<void(tcp::socket socket, std::string address)>;

  Acceptor(asio::io_context& context, Admission& admission, HttpHandler& counts)
      : context_(context), admission_(admission), counts_(counts) {}

  // `takes_ipv4`: an IPv6 endpoint accepts IPv4 too, whatever the system's default.
  Status Listen(const tcp::endpoint& endpoint, bool takes_ipv4);
  // Accepts from a duplicate of a socket that already listens.
  Status Adopt(const tcp::endpoint& endpoint, int listening);
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  // `secure`: clients expect TLS, and cannot be told why they are turned away.
  void Start(Receive receive, bool secure);
  // Calls `receive` no more.
  void Stop();

 private:
  void Accept();
  void OnAccepted(const error_code& error, tcp::socket socket);
  void Pause();
  void TurnAway(tcp::socket socket, HttpLimit limit);

  asio::io_context& context_;
  Admission& admission_;
  HttpHandler& counts_;
  tcp::acceptor acceptor_{context_};
  asio::steady_timer pause_{context_};
  Receive receive_;
  bool secure_ = false;
  bool stopped_ = false;
};

}  // namespace relay::http_parts
