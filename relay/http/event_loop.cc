#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <fcntl.h>

#include <array>
#include <ctime>

#include "relay/http/internal.h"
#include "wal/base/uuid.h"

namespace relay::http_parts {
namespace {

// The interval of deadline checks: one timer per thread instead of one per read.
constexpr std::chrono::milliseconds kSweep{250};
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

Loop::Loop(Service& service, std::shared_ptr<TlsContext> tls)
    : service_(service), limits_(service.options.limits), tls_(std::move(tls)) {
  UpdateDate();
}

Status Loop::Listen(const tcp::endpoint& endpoint) {
  using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  const bool both = service_.options.host.empty() && endpoint.address().is_v6();
  if (!error && both) acceptor_.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  // Each loop has a listening socket of its own; the kernel distributes the clients.
  if (!error) acceptor_.set_option(ReusePort(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return Ok();
  return Error(ErrorCode::kUnavailable, error.message());
}

Status Loop::Adopt(const tcp::endpoint& endpoint, int listening) {
  const int copy = fcntl(listening, F_DUPFD_CLOEXEC, 0);
  error_code error;
  if (copy < 0) return Error(ErrorCode::kUnavailable, "cannot duplicate the listening socket");
  acceptor_.assign(endpoint.protocol(), copy, error);
  // All loops wait on this socket: those that lose the race must not block.
  if (!error) acceptor_.non_blocking(true, error);
  if (!error) return Ok();
  return Error(ErrorCode::kUnavailable, error.message());
}

void Loop::StartThread() {
  Accept();
  Sweep();
  thread_ = std::thread([this] {
    thread_id_ = std::this_thread::get_id();
    pthread_setname_np(pthread_self(), "http");
    context_.run();
    service_.loop_ended();
  });
}

void Loop::Join() {
  if (thread_.joinable()) thread_.join();
}

// ---- Connections

void Loop::Accept() {
  acceptor_.async_accept(context_, [this](const error_code& error, tcp::socket socket) {
    OnAccepted(error, std::move(socket));
  });
}

void Loop::OnAccepted(const error_code& error, tcp::socket socket) {
  if (stopping_ || error == asio::error::operation_aborted) return;
  if (error) return PauseAccepting();
  std::string address = AddressOf(socket);
  switch (service_.admission.Connect(address)) {
    case Admission::Verdict::kTooMany: TurnAway(std::move(socket), HttpLimit::kConnections); break;
    case Admission::Verdict::kTooManyOfAddress:
      TurnAway(std::move(socket), HttpLimit::kConnectionsOfAddress);
      break;
    case Admission::Verdict::kAdmitted: {
      ++service_.connections;
      auto connection = std::make_shared<Connection>(std::move(socket), std::move(address), *this);
      connections_.insert(connection);
      connection->Start();
    }
  }
  Accept();
}

// Usually out of file descriptors: they become free as clients leave. Connected clients are served
// meanwhile.
void Loop::PauseAccepting() {
  service_.handler.Reached(HttpLimit::kDescriptors);
  accept_timer_.expires_after(kAcceptPause);
  accept_timer_.async_wait([this](const error_code& cancelled) {
    if (!cancelled && !stopping_) Accept();
  });
}

// Costs next to nothing: the response is attempted once, and over TLS not at all.
void Loop::TurnAway(tcp::socket socket, HttpLimit limit) {
  service_.handler.Reached(limit);
  if (tls_) return;
  constexpr std::string_view kAnswer =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
      "Connection: close\r\n\r\n";
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(kAnswer.data(), kAnswer.size()), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void Loop::Remove(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) > 0) {
    --service_.connections;
    service_.admission.Disconnect(connection->address());
  }
  EndIfIdle();
}

// ---- Time and memory

void Loop::Sweep() {
  UpdateDate();
  const Clock::TimePoint now = Now();
  std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->Sweep(now);
  AdmitWaiting();
  // This sweep may have closed the last connection.
  if (stopping_ && connections_.empty()) return;
  sweep_timer_.expires_after(kSweep);
  sweep_timer_.async_wait([this](const error_code& cancelled) {
    const bool over = stopping_ && connections_.empty();
    if (!cancelled && !over) Sweep();
  });
}

void Loop::Wait(std::shared_ptr<Connection> connection, bool first) {
  first ? waiting_.push_front(std::move(connection)) : waiting_.push_back(std::move(connection));
}

// Called whenever a body is finished, and on every sweep for bodies of other loops.
void Loop::AdmitWaiting() {
  if (std::exchange(admitting_, true)) return;  // Admitting one may release another.
  while (!waiting_.empty()) {
    const std::shared_ptr<Connection> next = std::move(waiting_.front());
    waiting_.pop_front();  // Removed first: it may have to wait again at once.
    if (next->TryProceed()) continue;
    waiting_.push_front(next);
    break;
  }
  admitting_ = false;
}

void Loop::UpdateDate() {
  const std::time_t now = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(service_.clock.WallNow()));
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  date_.assign(text.data(), size);
}

// ---- From other threads

void Loop::Deliver(std::shared_ptr<Connection> connection, HttpResponse response) {
  bool first = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    first = inbox_.empty();
    inbox_.emplace_back(std::move(connection), std::move(response));
  }
  // One wake-up for all responses of a group.
  if (first) asio::post(context_, [this] { DrainInbox(); });
}

void Loop::DrainInbox() {
  std::vector<std::pair<std::shared_ptr<Connection>, HttpResponse>> answers;
  {
    const std::lock_guard lock(inbox_mutex_);
    answers.swap(inbox_);
  }
  for (const auto& [connection, response] : answers) connection->Send(response);
}

void Loop::SetLimits(const HttpLimits& limits) {
  asio::post(context_, [this, limits] { limits_ = limits; });
}

void Loop::SetTls(std::shared_ptr<TlsContext> tls) {
  asio::post(context_, [this, tls = std::move(tls)] { tls_ = tls; });
}

void Loop::BeginStop() {
  asio::post(context_, [this] {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
    std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->BeginStop();
    EndIfIdle();
  });
}

void Loop::CloseAll() {
  asio::post(context_, [this] {
    std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->Close();
  });
}

void Loop::EndIfIdle() {
  if (!stopping_ || !connections_.empty()) return;
  sweep_timer_.cancel();
  work_.reset();
}

std::string Loop::NewRequestId() {
  const std::uint64_t high = random_();
  const std::uint64_t low = random_();
  return UuidV4(high, low);
}

}  // namespace relay::http_parts
