#include <fmt/format.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "relay/base/event_log.h"
#include "relay/stream/listener.h"
#include "relay/stream/sockets.h"

namespace relay {
namespace {

constexpr std::size_t kPacketMax = 64U << 10U;  // More than UDP can carry.
constexpr std::size_t kPacketsAtOnce = 32;

// How often the kernel is asked what it had to drop.
constexpr Clock::Duration kCountEvery{1'000};

// Room for packets as the kernel hands them over, many in one call.
class PacketRoom {
 public:
  PacketRoom() : bytes_(kPacketsAtOnce * kPacketMax) {
    for (std::size_t i = 0; i < kPacketsAtOnce; ++i) {
      parts_[i] = {bytes_.data() + i * kPacketMax, kPacketMax};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // How many packets there are now; 0 if none came.
  std::size_t Receive(int socket) {
    const int count = recvmmsg(socket, messages_.data(), kPacketsAtOnce, MSG_DONTWAIT, nullptr);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  std::string Packet(std::size_t index) const {
    return {bytes_.data() + index * kPacketMax, messages_[index].msg_len};
  }

 private:
  std::vector<char> bytes_;
  std::array<iovec, kPacketsAtOnce> parts_{};
  std::array<mmsghdr, kPacketsAtOnce> messages_{};
};

// What the socket had no room for, since it was opened; the kernel's number has
// 32 bits and begins anew.
std::uint32_t DroppedBy(const OwnedFd& socket) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof(memory);
  if (getsockopt(socket.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return 0;
  return memory[SK_MEMINFO_DROPS];
}

// As much as the system lets us have; a smaller one loses more, so that is told.
void SetReadBuffer(const OwnedFd& socket, const UdpListenerOptions& options) {
  const int wanted = static_cast<int>(options.read_buffer.count());
  if (wanted == 0) return;
  const int fd = socket.get();
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) == 0) return;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
  int got = 0;
  socklen_t size = sizeof(got);
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &size);
  got /= 2;  // The kernel counts its own share.
  if (got >= wanted) return;
  LogEvent(Level::kWarning, "the UDP read buffer is smaller than configured",
           {{"listener", "udp " + ToString(options.address)},
            {"read_buffer", std::to_string(got)},
            {"remedy", "raise net.core.rmem_max"}});
}

class UdpLines final : public LineListener {
 public:
  UdpLines(const UdpListenerOptions& options, OwnedFd socket, LineTarget target,
           const ListenerDeps& deps)
      : socket_(std::move(socket)),
        port_(PortOf(socket_)),
        clock_(deps.clock),
        counters_(deps.counters.AddLineListener("udp", ToString(options.address))),
        batcher_(options.batcher, std::move(target), deps, counters_, [this] { wake_.Raise(); }),
        thread_([this] { Run(); }) {}
  ~UdpLines() override { Stop(std::chrono::milliseconds(0)); }

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
    pthread_setname_np(pthread_self(), "udp lines");
    while (!stopping_) Turn();
    // What has arrived by now; a sender that does not stop must not keep us.
    for (std::size_t turns = 0; turns < kDrainTurns && batcher_.HasRoom() && Receive(); ++turns) {
    }
    CountLost();
    socket_ = OwnedFd();
    AppendAll(batcher_, wake_, clock_, grace_);
  }

  void Turn() {
    const std::optional<Clock::Duration> due = batcher_.Turn();
    const bool reads = batcher_.HasRoom();
    std::vector<pollfd> fds = {{wake_.fd(), POLLIN, 0}, {reads ? socket_.get() : -1, POLLIN, 0}};
    PollFor(fds, std::min(due.value_or(kCountEvery), kCountEvery));
    if (fds[0].revents != 0) wake_.Clear();
    if (fds[1].revents != 0) Receive();
    CountLost();
  }

  // False if there was nothing.
  bool Receive() {
    const std::size_t count = packets_.Receive(socket_.get());
    for (std::size_t i = 0; i < count; ++i) batcher_.AddBody(packets_.Packet(i));
    counters_.Received(count);
    return count > 0;
  }

  void CountLost() {
    const std::uint32_t dropped = DroppedBy(socket_);
    const std::uint32_t more = dropped - std::exchange(dropped_, dropped);
    if (more == 0) return;
    counters_.Lost(more);
    if (const auto count = lost_.Note(more, clock_.Now())) {
      LogEvent(Level::kWarning, "packets lost: the read buffer was full",
               {{"listener", "udp " + counters_.address()}, {"packets", std::to_string(*count)}});
    }
  }

  static constexpr std::size_t kDrainTurns = 1'000;

  OwnedFd socket_;
  const std::uint16_t port_;
  const Clock& clock_;
  LineCounters& counters_;
  Wake wake_;
  LineBatcher batcher_;
  PacketRoom packets_;
  std::uint32_t dropped_ = 0;
  ReportLimiter lost_{std::chrono::seconds(10)};
  std::chrono::milliseconds grace_{0};
  std::atomic<bool> stopping_ = false;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace

Result<std::unique_ptr<LineListener>> StartUdpListener(const UdpListenerOptions& options,
                                                       LineTarget target,
                                                       const ListenerDeps& deps) {
  Result<OwnedFd> socket = BindTo(options.address, SOCK_DGRAM);
  if (!socket.ok()) return std::move(socket).error().Within("udp");
  SetReadBuffer(socket.value(), options);
  return std::unique_ptr<LineListener>(
      std::make_unique<UdpLines>(options, std::move(socket).value(), std::move(target), deps));
}

}  // namespace relay
