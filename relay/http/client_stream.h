// A client's socket, plain or with TLS: a stream to Asio.
//
// THREADS. One: its loop's.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace relay::http_parts {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using TlsContext = asio::ssl::context;

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

  // Ends the stream without an answer to what is still to be read.
  void Close() {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
  std::shared_ptr<TlsContext> context_;
  std::optional<asio::ssl::stream<tcp::socket&>> tls_;
};

}  // namespace relay::http_parts
