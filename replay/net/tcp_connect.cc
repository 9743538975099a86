#include "replay/net/tcp_connect.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>

#include "replay/net/connection.h"
#include "wal/base/invariant.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

// A look-up on a thread of its own, since getaddrinfo has no time limit. Shared with that thread,
// which may outlive the attempt.
struct Lookup {
  std::string host;
  std::string port;
  addrinfo hints{};
  OwnedFd done{eventfd(0, EFD_CLOEXEC)};
  int failure = 0;  // Both are written before `done`.
  std::vector<Address> addresses;
};

void Run(Lookup& lookup) {
  addrinfo* found = nullptr;
  lookup.failure = getaddrinfo(lookup.host.c_str(), lookup.port.c_str(), &lookup.hints, &found);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Address address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    lookup.addresses.push_back(address);
  }
}

Status RunBeside(const std::shared_ptr<Lookup>& lookup, const Deadline& deadline) {
  if (!lookup->done.open()) return Error(ErrorCode::kUnavailable, "too many open files");
  std::thread([lookup] {
    Run(*lookup);
    eventfd_write(lookup->done.get(), 1);
  }).detach();
  const Deadline::Wake wake = deadline.Wait(lookup->done.get(), POLLIN);
  if (wake == Deadline::Wake::kReady) {
    // The read, not the wait, makes earlier writes visible.
    eventfd_t ended = 0;
    eventfd_read(lookup->done.get(), &ended);
    return Ok();
  }
  if (wake == Deadline::Wake::kCancelled) return WaitEnded(wake);
  return Error(ErrorCode::kUnavailable, fmt::format("looking up {} took too long", lookup->host));
}

Error NotFound(const Lookup& lookup) {
  if (lookup.failure == EAI_NONAME || lookup.failure == EAI_NODATA) {
    return {ErrorCode::kNotFound, fmt::format("cannot resolve {}", lookup.host)};
  }
  return {ErrorCode::kUnavailable,
          fmt::format("looking up {}: {}", lookup.host, gai_strerror(lookup.failure))};
}

Error ConnectFailed(int error) {
  return {ErrorCode::kUnavailable,
          error == ECONNREFUSED ? "connection refused" : std::generic_category().message(error)};
}

void SetOptions(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

Result<OwnedFd> DialOne(const Address& address, milliseconds at_most, const Deadline& deadline) {
  const auto* place = reinterpret_cast<const sockaddr*>(&address.storage);
  OwnedFd socket(::socket(place->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return ConnectFailed(errno);
  SetOptions(socket.get());
  if (connect(socket.get(), place, address.size) == 0) return socket;
  if (errno != EINPROGRESS) return ConnectFailed(errno);
  const Deadline::Wake wake = deadline.Wait(socket.get(), POLLOUT, at_most);
  if (wake == Deadline::Wake::kPauseOver) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("no connection within {} ms", at_most.count()));
  }
  if (wake != Deadline::Wake::kReady) return WaitEnded(wake);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return ConnectFailed(error);
  return socket;
}

}  // namespace

bool IsLiteralAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

Result<std::vector<Address>> Resolve(const std::string& host, std::uint16_t port, int type,
                                     const Deadline& deadline) {
  const auto lookup = std::make_shared<Lookup>();
  lookup->host = host;
  lookup->port = std::to_string(port);
  lookup->hints.ai_socktype = type;
  lookup->hints.ai_flags = AI_NUMERICSERV;
  if (IsLiteralAddress(host)) {
    lookup->hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
    Run(*lookup);
  } else
    RETURN_IF_ERROR(RunBeside(lookup, deadline));
  if (lookup->failure != 0 || lookup->addresses.empty()) return NotFound(*lookup);
  return lookup->addresses;
}

Result<OwnedFd> Dial(const std::vector<Address>& addresses, milliseconds each,
                     const Deadline& deadline) {
  INVARIANT(!addresses.empty());
  Result<OwnedFd> socket = ConnectFailed(EHOSTUNREACH);
  for (std::size_t i = 0; i < addresses.size() && !deadline.cancelled(); ++i) {
    const milliseconds share = deadline.Left() / static_cast<int>(addresses.size() - i);
    socket = DialOne(addresses[i], std::min(each, share), deadline);
    if (socket.ok()) return socket;
  }
  if (deadline.cancelled()) return WaitEnded(Deadline::Wake::kCancelled);
  return socket;
}

}  // namespace relay
