#include "relay/stream/sockets.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace relay {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// REQUIRES: a literal address, as ListenAddress has it.
SocketAddress AddressOf(const ListenAddress& address) {
  SocketAddress made;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&made.storage, &v4, sizeof(v4));
    made.size = sizeof(v4);
    return made;
  }
  sockaddr_in6 v6{};
  INVARIANT(inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  std::memcpy(&made.storage, &v6, sizeof(v6));
  made.size = sizeof(v6);
  return made;
}

Error Refused(const ListenAddress& address, int why) {
  return {ErrorCode::kUnavailable, fmt::format("cannot listen on {}: {}", ToString(address),
                                               std::generic_category().message(why))};
}

}  // namespace

Result<OwnedFd> BindTo(const ListenAddress& address, int type) {
  SocketAddress at = AddressOf(address);
  OwnedFd socket(::socket(at.storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.open()) return Refused(address, errno);
  const int on = 1;
  if (type == SOCK_STREAM) {  // Not for UDP: there two could listen on one port.
    setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  const auto* raw = reinterpret_cast<const sockaddr*>(&at.storage);
  if (bind(socket.get(), raw, at.size) != 0) return Refused(address, errno);
  if (type == SOCK_STREAM && listen(socket.get(), SOMAXCONN) != 0) return Refused(address, errno);
  return socket;
}

std::uint16_t PortOf(const OwnedFd& socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  INVARIANT(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size) == 0);
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof(v4));
    return ntohs(v4.sin_port);
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof(v6));
  return ntohs(v6.sin6_port);
}

Wake::Wake() : event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  INVARIANT(event_.open());
}

void Wake::Raise() const {
  const std::uint64_t one = 1;
  // It fails only where it is raised already, as high as it goes.
  static_cast<void>(!write(event_.get(), &one, sizeof(one)));
}

void Wake::Clear() const {
  std::uint64_t count = 0;
  static_cast<void>(!read(event_.get(), &count, sizeof(count)));
}

void PollFor(std::vector<pollfd>& fds, std::optional<Clock::Duration> at_most) {
  constexpr Clock::Duration kMost{60'000};
  const Clock::Duration time = std::min(at_most.value_or(kMost), kMost);
  if (poll(fds.data(), fds.size(), static_cast<int>(time.count())) >= 0) return;
  INVARIANT(errno == EINTR || errno == ENOMEM);
  for (pollfd& fd : fds) fd.revents = 0;
}

void AppendAll(LineBatcher& batcher, const Wake& wake, const Clock& clock,
               std::chrono::milliseconds grace) {
  const Clock::TimePoint end = clock.Now() + grace;
  batcher.StopLingering();
  for (;;) {
    wake.Clear();
    const std::optional<Clock::Duration> next = batcher.Turn();
    const Clock::TimePoint now = clock.Now();
    if (batcher.empty() || now >= end) break;
    const auto left = std::chrono::ceil<Clock::Duration>(end - now);
    std::vector<pollfd> fds = {{wake.fd(), POLLIN, 0}};
    PollFor(fds, std::min(next.value_or(left), left));
  }
  batcher.Abandon();
}

}  // namespace relay
