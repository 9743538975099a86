#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <list>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "relay/base/event_log.h"
#include "relay/lineprotocol/scanner.h"
#include "relay/stream/listener.h"
#include "relay/stream/sockets.h"

namespace relay {
namespace {

// Read of one connection before it is another's turn.
constexpr std::size_t kReadMax = 64U << 10U;

// After running out of descriptors.
constexpr Clock::Duration kAcceptPause{1'000};

// One client, and the line that it has begun.
struct Client {
  OwnedFd socket;
  Clock::TimePoint last_heard;
  std::string half;
  bool skipping = false;  // A line that was too long, up to its end.
};

enum class Heard : std::uint8_t { kSome, kNothing, kEnd, kBroken };

class TcpLines final : public LineListener {
 public:
  TcpLines(const TcpListenerOptions& options, OwnedFd socket, LineTarget target,
           const ListenerDeps& deps)
      : options_(options),
        socket_(std::move(socket)),
        port_(PortOf(socket_)),
        clock_(deps.clock),
        counters_(deps.counters.AddLineListener("tcp", ToString(options.address))),
        batcher_(options.batcher, std::move(target), deps, counters_, [this] { wake_.Raise(); }),
        buffer_(kReadMax, '\0'),
        thread_([this] { Run(); }) {}
  ~TcpLines() override { Stop(std::chrono::milliseconds(0)); }

  std::uint16_t port() const override { return port_; }
  void Retarget(LineTarget target) override { batcher_.Retarget(std::move(target)); }

  void Stop(std::chrono::milliseconds grace) override {
    if (!thread_.joinable()) return;
    grace_ = grace;
    stopping_ = true;
    wake_.Raise();
    thread_.join();
  }

 private:
  void Run() {
    pthread_setname_np(pthread_self(), "tcp lines");
    while (!stopping_) Turn();
    socket_ = OwnedFd();
    for (Client& client : clients_) ReadOut(client);
    clients_.clear();
    AppendAll(batcher_, wake_, clock_, grace_);
  }

  void Turn() {
    const std::optional<Clock::Duration> due = batcher_.Turn();
    const bool reads = batcher_.HasRoom();
    std::vector<pollfd> fds = {{wake_.fd(), POLLIN, 0},
                               {accepts() ? socket_.get() : -1, POLLIN, 0}};
    for (const Client& client : clients_) {
      // One that is not read is not polled: its hanging up would wake us always.
      fds.push_back({reads ? client.socket.get() : -1, POLLIN, 0});
    }
    PollFor(fds, std::min(due.value_or(UntilSweep()), UntilSweep()));
    if (fds[0].revents != 0) wake_.Clear();
    HearAll(fds);
    if (fds[1].revents != 0) Accept();
    if (reads) DropIdle();
  }

  bool accepts() const { return !accept_again_ || clock_.Now() >= *accept_again_; }
  Clock::Duration UntilSweep() const {
    return std::clamp(options_.idle / 10, Clock::Duration(1), kAcceptPause);
  }

  // REQUIRES: fds[2 + i] is the i-th client's.
  void HearAll(const std::vector<pollfd>& fds) {
    std::size_t at = 2;
    for (auto client = clients_.begin(); client != clients_.end(); ++at) {
      const bool stays = fds[at].revents == 0 || !batcher_.HasRoom() || Serve(*client);
      client = stays ? std::next(client) : clients_.erase(client);
    }
  }

  // False when the client is gone.
  bool Serve(Client& client) {
    const Heard heard = Hear(client);
    if (heard == Heard::kBroken) Leave(client, "half a line before the connection broke");
    if (heard == Heard::kEnd) FinishLastLine(client);
    const bool gone = heard == Heard::kBroken || heard == Heard::kEnd;
    if (gone) counters_.Disconnected();
    return !gone;
  }

  // What has arrived by now, as far as there is room for it.
  void ReadOut(Client& client) {
    Heard heard = Heard::kSome;
    while (batcher_.HasRoom() && heard == Heard::kSome) heard = Hear(client);
    if (heard == Heard::kEnd)
      FinishLastLine(client);
    else
      Leave(client, "half a line at the stop");
    counters_.Disconnected();
  }

  Heard Hear(Client& client) {
    const ssize_t size = recv(client.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (size == 0) return Heard::kEnd;
    if (size < 0) {
      const bool none = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
      return none ? Heard::kNothing : Heard::kBroken;
    }
    client.last_heard = clock_.Now();
    Take(client, std::string_view(buffer_).substr(0, static_cast<std::size_t>(size)));
    return Heard::kSome;
  }

  void Take(Client& client, std::string_view bytes) {
    if (client.skipping) {
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      client.skipping = false;
    }
    const std::size_t last = bytes.rfind('\n');
    if (last == std::string_view::npos) {
      client.half += bytes;
    } else {
      batcher_.AddLines(std::exchange(client.half, "").append(bytes.substr(0, last + 1)));
      client.half = bytes.substr(last + 1);
    }
    if (client.half.size() <= kLineBytesMax) return;
    batcher_.Refuse(1, "a line is longer than 64 KiB");
    client.half.clear();
    client.half.shrink_to_fit();
    client.skipping = true;
  }

  void FinishLastLine(Client& client) {
    if (!client.half.empty()) batcher_.AddLines(client.half + '\n');
  }

  void Leave(Client& client, std::string_view why) {
    if (!client.half.empty()) batcher_.Refuse(1, why);
  }

  void Accept() {
    for (;;) {
      OwnedFd socket(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket.open()) {
        const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS;
        if (exhausted) accept_again_ = clock_.Now() + kAcceptPause;
        return;
      }
      accept_again_.reset();
      if (clients_.size() >= options_.connections_max) {
        counters_.TurnedAway();
        continue;
      }
      const int on = 1;  // A client that is gone without a word is found in the end.
      setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
      clients_.push_back({std::move(socket), clock_.Now(), "", false});
      counters_.Connected();
    }
  }

  void DropIdle() {
    const Clock::TimePoint now = clock_.Now();
    std::erase_if(clients_, [&](Client& client) {
      if (now - client.last_heard < options_.idle) return false;
      Leave(client, "half a line before an idle connection was closed");
      counters_.Disconnected();
      return true;
    });
  }

  const TcpListenerOptions options_;
  OwnedFd socket_;
  const std::uint16_t port_;
  const Clock& clock_;
  LineCounters& counters_;
  Wake wake_;
  LineBatcher batcher_;
  std::string buffer_;
  std::list<Client> clients_;
  std::optional<Clock::TimePoint> accept_again_;
  std::chrono::milliseconds grace_{0};
  std::atomic<bool> stopping_ = false;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace

Result<std::unique_ptr<LineListener>> StartTcpListener(const TcpListenerOptions& options,
                                                       LineTarget target,
                                                       const ListenerDeps& deps) {
  Result<OwnedFd> socket = BindTo(options.address, SOCK_STREAM);
  if (!socket.ok()) return std::move(socket).error().Within("tcp");
  return std::unique_ptr<LineListener>(
      std::make_unique<TcpLines>(options, std::move(socket).value(), std::move(target), deps));
}

}  // namespace relay
