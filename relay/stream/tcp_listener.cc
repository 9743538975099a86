#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "relay/stream/listener_thread.h"

namespace relay {
namespace stream_parts {
namespace {

using asio::ip::tcp;

// Bytes that are read from one client before others get their turn.
constexpr std::size_t kReadMax = 64U << 10U;

// The part of a line that every client may hold.
constexpr std::size_t kOwnPartial = 64U << 10U;

// Pause after an accept has failed for lack of descriptors or memory. Clients that leave meanwhile
// make room.
constexpr Clock::Duration kAcceptPause{1'000};

// Longest time between two checks for idle clients and for the end of the pause.
constexpr Clock::Duration kSweepMax{250};

bool IsExhausted(const error_code& error) {
  return error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
         error == asio::error::no_memory ||
         error == boost::system::errc::too_many_files_open_in_system;
}

struct Client {
  Client(tcp::socket connected, Clock::TimePoint now)
      : socket(std::move(connected)), last_read(now) {}

  tcp::socket socket;
  Clock::TimePoint last_read;
  std::string partial;    // The beginning of a line whose end has not arrived.
  bool skipping = false;  // Up to the end of a line that is too long.

  // The bytes of a long line, beyond those that every client may hold.
  std::size_t excess() const { return partial.size() - std::min(partial.size(), kOwnPartial); }
};

enum class ReadResult : std::uint8_t { kData, kNone, kEnd, kFailed };

class TcpListener final : public ListenerThread {
 public:
  TcpListener(const TcpListenerOptions& options, BoundSocket<tcp::acceptor> bound,
              LineTarget target, const ListenerDeps& deps)
      : ListenerThread(std::move(bound.context), deps, std::move(target),
                       {.protocol = "tcp",
                        .address = options.address,
                        .port = bound.socket.local_endpoint().port(),
                        .sweep = std::clamp(options.idle / 10, Clock::Duration(1), kSweepMax),
                        .batcher = options.batcher}),
        options_(options),
        acceptor_(std::move(bound.socket)),
        buffer_(kReadMax, '\0') {
    Accept();
    Start();
  }
  ~TcpListener() override { Stop(std::chrono::milliseconds(0)); }

 private:
  using ClientPtr = std::shared_ptr<Client>;

  // ---- Connections

  void Accept() {
    acceptor_.async_accept(context(), [this](const error_code& error, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (!error) Admit(std::move(socket));
      if (IsExhausted(error)) {
        accept_again_ = Now() + kAcceptPause;
      } else if (!stopping()) {
        Accept();
      }
    });
  }

  void Admit(tcp::socket socket) {
    if (clients_.size() >= options_.connections_max) return counters().TurnedAway();
    error_code ignored;
    socket.non_blocking(true, ignored);
    // Finds out in the end that a client has vanished without closing its connection.
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const auto client = std::make_shared<Client>(std::move(socket), Now());
    clients_.insert(client);
    counters().Connected();
    AwaitData(client);
  }

  void Disconnect(const ClientPtr& client) {
    counters().Disconnected();
    error_code ignored;
    client->socket.close(ignored);
    excess_ -= client->excess();
    clients_.erase(client);
  }

  void Sweep() override {
    if (accept_again_ && Now() >= *accept_again_) {
      accept_again_.reset();
      Accept();
    }
    if (batcher().HasRoom()) DropIdle();  // Otherwise clients may have sent what was not read.
  }

  void DropIdle() {
    std::vector<ClientPtr> idle;
    std::copy_if(clients_.begin(), clients_.end(), std::back_inserter(idle),
                 [this](const ClientPtr& client) { return IsIdle(*client); });
    for (const ClientPtr& client : idle) {
      RefusePartial(*client, "an idle connection was closed in the middle of a line");
      Disconnect(client);
    }
  }

  // Returns false if bytes have arrived that are about to be read.
  bool IsIdle(const Client& client) const {
    error_code ignored;
    return Now() - client.last_read >= options_.idle && client.socket.available(ignored) == 0;
  }

  // ---- Reading

  void AwaitData(const ClientPtr& client) {
    if (stopping()) return;
    client->socket.async_wait(tcp::socket::wait_read, [this, client](const error_code&) {
      if (!client->socket.is_open()) return;
      if (batcher().HasRoom()) {
        Serve(client);
      } else {
        unread_.push_back(client);
      }
    });
  }

  bool Resume() override {
    const bool any = !unread_.empty();
    while (batcher().HasRoom() && !unread_.empty()) {
      const ClientPtr client = std::move(unread_.front());
      unread_.pop_front();
      Serve(client);
    }
    return any;
  }

  void Serve(const ClientPtr& client) {
    const ReadResult result = Read(*client);
    if (result == ReadResult::kData || result == ReadResult::kNone) return AwaitData(client);
    FinishLines(*client, result, "a connection broke in the middle of a line");
    Disconnect(client);
  }

  ReadResult Read(Client& client) {
    error_code error;
    const std::size_t size = client.socket.read_some(asio::buffer(buffer_), error);
    if (error == asio::error::eof) return ReadResult::kEnd;
    if (error == asio::error::would_block || error == asio::error::interrupted) {
      return ReadResult::kNone;
    }
    if (error) return ReadResult::kFailed;
    client.last_read = Now();
    AddBytes(client, std::string_view(buffer_).substr(0, size));
    return ReadResult::kData;
  }

  void AddBytes(Client& client, std::string_view bytes) {
    if (client.skipping) {
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      client.skipping = false;
    }
    excess_ -= client.excess();
    const std::size_t last = bytes.rfind('\n');
    if (last == std::string_view::npos) {
      client.partial += bytes;
    } else {
      batcher().AddLines(std::exchange(client.partial, "").append(bytes.substr(0, last + 1)));
      client.partial = bytes.substr(last + 1);
    }
    BoundPartial(client);
    excess_ += client.excess();
  }

  // Refuses the line if it is too long, or if the long lines of all clients are.
  void BoundPartial(Client& client) {
    const std::size_t line_max = options_.batcher.line_max.count();
    if (client.partial.size() > line_max) {
      batcher().Refuse(1, fmt::format("a line is longer than {} bytes", line_max));
    } else if (client.excess() > 0 && excess_ + client.excess() > options_.long_lines.count()) {
      batcher().Refuse(1, "too many clients are in the middle of long lines");
    } else {
      return;
    }
    client.partial.clear();
    client.partial.shrink_to_fit();
    client.skipping = true;
  }

  // An orderly end also ends the last line.
  void FinishLines(Client& client, ReadResult last, std::string_view otherwise) {
    if (last != ReadResult::kEnd) return RefusePartial(client, otherwise);
    if (!client.partial.empty()) batcher().AddLines(client.partial + '\n');
  }

  void RefusePartial(const Client& client, std::string_view why) {
    if (!client.partial.empty()) batcher().Refuse(1, why);
  }

  // ---- Stop

  void Drain() override {
    error_code error;
    while (!error && clients_.size() < options_.connections_max) {
      tcp::socket socket = acceptor_.accept(context(), error);
      if (!error) Admit(std::move(socket));
    }
    acceptor_.close(error);
    const std::vector<ClientPtr> clients(clients_.begin(), clients_.end());
    for (const ClientPtr& client : clients) {
      ReadResult result = ReadResult::kData;
      while (batcher().HasRoom() && result == ReadResult::kData) result = Read(*client);
      FinishLines(*client, result, "the listener was stopped in the middle of a line");
      Disconnect(client);
    }
    unread_.clear();
  }

  const TcpListenerOptions options_;
  tcp::acceptor acceptor_;
  std::string buffer_;  // Shared: a read is handled before the next begins.
  std::unordered_set<ClientPtr> clients_;
  std::size_t excess_ = 0;        // The long lines of all clients.
  std::deque<ClientPtr> unread_;  // Readable while the batcher had no room, first come first.
  std::optional<Clock::TimePoint> accept_again_;  // Set during the pause.
};

Result<BoundSocket<tcp::acceptor>> Listen(const ListenAddress& address) {
  const auto reuse = [](tcp::acceptor& acceptor, error_code& error) {
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  };
  ASSIGN_OR_RETURN(BoundSocket<tcp::acceptor> bound, Bind<tcp::acceptor>(address, reuse));
  error_code error;
  bound.socket.listen(asio::socket_base::max_listen_connections, error);
  if (error) return CannotListen(address, error);
  return bound;
}

}  // namespace
}  // namespace stream_parts

Result<std::unique_ptr<LineListener>> StartTcpListener(const TcpListenerOptions& options,
                                                       LineTarget target,
                                                       const ListenerDeps& deps) {
  auto bound = stream_parts::Listen(options.address);
  if (!bound.ok()) return std::move(bound).error().Within("tcp");
  return std::unique_ptr<LineListener>(std::make_unique<stream_parts::TcpListener>(
      options, std::move(bound).value(), std::move(target), deps));
}

}  // namespace relay
