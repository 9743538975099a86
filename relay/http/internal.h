// Parts of the HTTP server, for its own sources only: a connection, the loop that a few thousand of
// them share, and the state that the loops of a server share. Only relay/http uses Boost.Beast;
// relay/stream uses Asio too.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "relay/http/server.h"

namespace relay::http_parts {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using TlsContext = asio::ssl::context;

inline std::string_view View(boost::string_view text) {
  return {text.data(), text.size()};
}

// State shared by the loops of a server. THREADS. Any number at once.
struct Service {
  const HttpServerOptions& options;
  HttpHandler& handler;
  const Clock& clock;
  Admission& admission;
  std::atomic<std::size_t> connections = 0;
  std::function<void()> loop_ended;
};

// A client's socket, plain or with TLS: a stream to Beast and Asio.
class ClientStream {
 public:
  using executor_type = tcp::socket::executor_type;

  ClientStream(tcp::socket socket, std::shared_ptr<TlsContext> tls)
      : socket_(std::move(socket)), context_(std::move(tls)) {
    if (context_) tls_.emplace(socket_, *context_);
  }
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;
  ~ClientStream() = default;

  tcp::socket& socket() { return socket_; }
  bool secure() const { return tls_.has_value(); }
  // NOLINTNEXTLINE(readability-identifier-naming): the name Asio requires.
  executor_type get_executor() { return socket_.get_executor(); }

  template <typename Buffers, typename Handler>
  // NOLINTNEXTLINE(readability-identifier-naming)
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_read_some(buffers, std::forward<Handler>(handler));
    socket_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <typename Buffers, typename Handler>
  // NOLINTNEXTLINE(readability-identifier-naming)
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_) return tls_->async_write_some(buffers, std::forward<Handler>(handler));
    socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

  // REQUIRES: secure().
  template <typename Handler>
  void Handshake(Handler&& handler) {
    tls_->async_handshake(asio::ssl::stream_base::server, std::forward<Handler>(handler));
  }
  template <typename Handler>
  void SayGoodbye(Handler&& handler) {
    tls_->async_shutdown(std::forward<Handler>(handler));
  }

 private:
  tcp::socket socket_;
  std::shared_ptr<TlsContext> context_;
  std::optional<asio::ssl::stream<tcp::socket&>> tls_;
};

class Loop;

// One client. Runs on its loop's thread, except for Answer.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::string address, Loop& loop);

  void Start();
  void Send(const HttpResponse& response);  // Once for each request that was handled.
  void Sweep(Clock::TimePoint now);
  void BeginStop();
  void Close();

  // Returns whether it no longer needs to wait for memory.
  bool TryProceed();

  const std::string& address() const { return address_; }

  // Called from any thread.
  void Answer(HttpResponse response);

 private:
  enum class Phase : std::uint8_t {
    kHandshake,
    kHead,
    kWaiting,  // For memory for its body; nothing is read meanwhile.
    kBody,
    kHandling,
    kWriting,
    kLingering,
    kClosed
  };
  // The head is parsed first: it decides how the body is read.
  using HeadParser = http::request_parser<http::empty_body>;
  using ChunkedParser = http::request_parser<http::string_body>;

  void Enter(Phase phase, std::chrono::milliseconds limit);
  void ReadHead();
  void OnHead(const error_code& error, std::size_t size);
  bool RefuseHead();
  void CheckHead();
  const http::request_header<>& Head() const;

  void RequireRoom(Bytes total);
  bool TakeRoom(Bytes more);
  void BeginBody();
  void SendContinue();
  void ReadBody();
  void ReadSized();
  void ReadChunked();
  void OnBody(const error_code& error);
  bool RefuseUnreadable(const error_code& error);

  void Dispatch();
  void Refuse(int status, std::string_view message);
  void RefuseFor(HttpLimit limit, int status, std::string_view message);
  void Write();
  void Serialize(const HttpResponse& response);
  void AppendRequestId();
  void OnWritten(const error_code& error);
  void Linger();
  void Part();
  void OnLate();
  void Release();

  ClientStream stream_;
  const std::string address_;
  Loop& loop_;
  beast::flat_buffer buffer_;
  std::optional<HeadParser> parser_;
  std::optional<ChunkedParser> chunked_;
  std::string body_;
  std::string out_;
  std::string request_id_;
  Bytes reserved_{0};
  Bytes wanted_{0};  // The total it waits to reserve.
  std::size_t discarded_ = 0;
  Clock::TimePoint deadline_;
  Clock::Duration body_time_left_{0};  // Set while it waits.
  Phase phase_ = Phase::kHead;
  bool head_begun_ = false;
  bool body_begun_ = false;
  bool has_pass_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;  // A HEAD request.
};

// One thread, its event loop and its connections.
class Loop {
 public:
  Loop(Service& service, std::shared_ptr<TlsContext> tls);

  Status Listen(const tcp::endpoint& endpoint);
  // Accepts from a duplicate of a socket that already listens.
  Status Adopt(const tcp::endpoint& endpoint, int listening);
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void StartThread();
  void Join();

  // Called from any thread.
  void BeginStop();
  void CloseAll();
  void SetLimits(const HttpLimits& limits);
  void SetTls(std::shared_ptr<TlsContext> tls);
  void Deliver(std::shared_ptr<Connection> connection, HttpResponse response);
  bool OnThisThread() const { return thread_id_ == std::this_thread::get_id(); }

  // Queues for memory: first come, first served, except that connections that already hold some go
  // first.
  void Wait(std::shared_ptr<Connection> connection, bool first);
  void AdmitWaiting();
  bool SomebodyWaits() const { return !waiting_.empty(); }

  void Remove(const std::shared_ptr<Connection>& connection);
  std::string NewRequestId();

  Service& service() { return service_; }
  const HttpLimits& limits() const { return limits_; }
  const std::shared_ptr<TlsContext>& tls() const { return tls_; }
  Clock::TimePoint Now() const { return service_.clock.Now(); }
  bool stopping() const { return stopping_; }
  const std::string& date() const { return date_; }

 private:
  void Accept();
  void OnAccepted(const error_code& error, tcp::socket socket);
  void PauseAccepting();
  void TurnAway(tcp::socket socket, HttpLimit limit);
  void Sweep();
  void DrainInbox();
  void UpdateDate();
  void EndIfIdle();

  Service& service_;
  HttpLimits limits_;
  std::shared_ptr<TlsContext> tls_;
  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{
      context_.get_executor()};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer sweep_timer_{context_};
  asio::steady_timer accept_timer_{context_};
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::deque<std::shared_ptr<Connection>> waiting_;
  bool admitting_ = false;
  std::mt19937_64 random_{std::random_device()()};
  std::string date_;
  bool stopping_ = false;

  std::mutex inbox_mutex_;
  std::vector<std::pair<std::shared_ptr<Connection>, HttpResponse>> inbox_;
  std::atomic<std::thread::id> thread_id_;
  std::thread thread_;
};

}  // namespace relay::http_parts
