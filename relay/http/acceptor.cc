#include "relay/http/acceptor.h"

#include <boost/asio/ip/v6_only.hpp>
#include <fcntl.h>

#include <string_view>
#include <utility>

namespace relay::http_parts {
namespace {

// Without file descriptors an accept fails at once; the pause prevents a busy loop.
constexpr std::chrono::milliseconds kAcceptPause{100};

std::string AddressOf(const tcp::socket& socket) {
  error_code error;
  asio::ip::address address = socket.remote_endpoint(error).address();
  if (error) return {};  // Already disconnected; its first read reports it.
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address.to_string();
}

}  // namespace

Status Acceptor::Listen(const tcp::endpoint& endpoint, bool takes_ipv4) {
  using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  const bool both = takes_ipv4 && endpoint.address().is_v6();
  if (!error && both) acceptor_.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  // Each loop has a listening socket of its own; the kernel distributes the clients.
  if (!error) acceptor_.set_option(ReusePort(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return Ok();
  return Error(ErrorCode::kUnavailable, error.message());
}

Status Acceptor::Adopt(const tcp::endpoint& endpoint, int listening) {
  const int copy = fcntl(listening, F_DUPFD_CLOEXEC, 0);
  error_code error;
  if (copy < 0) return Error(ErrorCode::kUnavailable, "cannot duplicate the listening socket");
  acceptor_.assign(endpoint.protocol(), copy, error);
  // All loops wait on this socket: those that lose the race must not block.
  if (!error) acceptor_.non_blocking(true, error);
  if (!error) return Ok();
  return Error(ErrorCode::kUnavailable, error.message());
}

void Acceptor::Start(Receive receive, bool secure) {
  receive_ = std::move(receive);
  secure_ = secure;
  Accept();
}

void Acceptor::Stop() {
  stopped_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void Acceptor::Accept() {
  acceptor_.async_accept(context_, [this](const error_code& error, tcp::socket socket) {
    OnAccepted(error, std::move(socket));
  });
}

void Acceptor::OnAccepted(const error_code& error, tcp::socket socket) {
  if (stopped_ || error == asio::error::operation_aborted) return;
  if (error) return Pause();
  std::string address = AddressOf(socket);
  switch (admission_.Connect(address)) {
    case Admission::Verdict::kTooMany: TurnAway(std::move(socket), HttpLimit::kConnections); break;
    case Admission::Verdict::kTooManyOfAddress:
      TurnAway(std::move(socket), HttpLimit::kConnectionsOfAddress);
      break;
    case Admission::Verdict::kAdmitted: receive_(std::move(socket), std::move(address));
  }
  Accept();
}

// Usually out of file descriptors: they become free as clients leave. Connected clients are served
// meanwhile.
void Acceptor::Pause() {
  counts_.Reached(HttpLimit::kDescriptors);
  pause_.expires_after(kAcceptPause);
  pause_.async_wait([this](const error_code& cancelled) {
    if (!cancelled && !stopped_) Accept();
  });
}

// Costs next to nothing: the response is attempted once, and over TLS not at all.
void Acceptor::TurnAway(tcp::socket socket, HttpLimit limit) {
  counts_.Reached(limit);
  if (secure_) return;
  constexpr std::string_view kAnswer =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
      "Connection: close\r\n\r\n";
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(kAnswer.data(), kAnswer.size()), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace relay::http_parts
