#include <boost/asio/ip/udp.hpp>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "relay/base/event_log.h"
#include "relay/base/report_limiter.h"
#include "relay/stream/drop_count.h"
#include "relay/stream/listener_thread.h"

namespace relay {
namespace stream_parts {
namespace {

using asio::ip::udp;

constexpr std::size_t kPacketMax = 64U << 10U;  // More than UDP can carry.
constexpr std::size_t kPacketsAtOnce = 32;

// How often the kernel is asked how many packets it has dropped.
constexpr std::chrono::milliseconds kSweep{1'000};

// Bounds what is read at the stop, because a sender may never pause.
constexpr std::size_t kDrainReads = 1'000;

// A buffer for packets as the kernel hands them over, many in one call.
class PacketBuffer {
 public:
  PacketBuffer() : bytes_(kPacketsAtOnce * kPacketMax) {
    for (std::size_t i = 0; i < kPacketsAtOnce; ++i) {
      parts_[i] = {bytes_.data() + i * kPacketMax, kPacketMax};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // Returns how many packets it holds now; 0: none had arrived.
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

// Returns how many packets the kernel has dropped since the socket was opened. nullopt: it does not
// say.
std::optional<std::uint32_t> DroppedBy(int socket) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof(memory);
  if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return std::nullopt;
  return memory[SK_MEMINFO_DROPS];
}

// Sets as much as the system allows, and reports it if that is less: more packets will be lost.
void SetReadBuffer(int socket, const UdpListenerOptions& options) {
  const int wanted = static_cast<int>(options.read_buffer.count());
  if (wanted == 0) return;
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) == 0) return;
  setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
  int got = 0;
  socklen_t size = sizeof(got);
  getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &got, &size);
  got /= 2;  // The kernel doubles it for its own bookkeeping.
  if (got >= wanted) return;
  LogEvent(Level::kWarning, "the UDP read buffer is smaller than configured",
           {{"listener", "udp " + ToString(options.address)},
            {"read_buffer", std::to_string(got)},
            {"remedy", "raise net.core.rmem_max"}});
}

class UdpListener final : public ListenerThread {
 public:
  UdpListener(const UdpListenerOptions& options, BoundSocket<udp::socket> bound, LineTarget target,
              const ListenerDeps& deps)
      : ListenerThread(std::move(bound.context), deps, std::move(target),
                       {.protocol = "udp",
                        .address = options.address,
                        .port = bound.socket.local_endpoint().port(),
                        .sweep = kSweep,
                        .batcher = options.batcher}),
        socket_(std::move(bound.socket)) {
    AwaitPackets();
    Start();
  }
  ~UdpListener() override { Stop(std::chrono::milliseconds(0)); }

 private:
  void AwaitPackets() {
    if (stopping()) return;
    socket_.async_wait(udp::socket::wait_read, [this](const error_code&) {
      if (!socket_.is_open()) return;
      unread_ = true;
      if (batcher().HasRoom()) Resume();
    });
  }

  bool Resume() override {
    if (!std::exchange(unread_, false)) return false;
    Receive();
    AwaitPackets();
    return true;
  }

  // Returns false if no packet had arrived.
  bool Receive() {
    const std::size_t count = packets_.Receive(socket_.native_handle());
    for (std::size_t i = 0; i < count; ++i) batcher().AddBody(packets_.Packet(i));
    counters().Received(count);
    return count > 0;
  }

  void Sweep() override { CountLost(); }

  void CountLost() {
    const std::uint32_t more = drops_.More(DroppedBy(socket_.native_handle()));
    if (more == 0) return;
    counters().Lost(more);
    if (const auto count = lost_.Note(more, Now())) {
      LogEvent(Level::kWarning, "packets lost: the read buffer was full",
               {{"listener", "udp " + counters().address()}, {"packets", std::to_string(*count)}});
    }
  }

  void Drain() override {
    for (std::size_t reads = 0; reads < kDrainReads && batcher().HasRoom() && Receive(); ++reads) {
    }
    CountLost();
    error_code ignored;
    socket_.close(ignored);
  }

  udp::socket socket_;
  PacketBuffer packets_;
  bool unread_ = false;  // Packets have arrived and were not read yet.
  DropCount drops_;
  ReportLimiter lost_{std::chrono::seconds(10)};
};

}  // namespace
}  // namespace stream_parts

Result<std::unique_ptr<LineListener>> StartUdpListener(const UdpListenerOptions& options,
                                                       LineTarget target,
                                                       const ListenerDeps& deps) {
  using stream_parts::udp;
  const auto enlarge = [&options](udp::socket& socket, stream_parts::error_code&) {
    stream_parts::SetReadBuffer(socket.native_handle(), options);
  };
  auto bound = stream_parts::Bind<udp::socket>(options.address, enlarge);
  if (!bound.ok()) return std::move(bound).error().Within("udp");
  return std::unique_ptr<LineListener>(std::make_unique<stream_parts::UdpListener>(
      options, std::move(bound).value(), std::move(target), deps));
}

}  // namespace relay
