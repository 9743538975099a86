#include "tests/support/process/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace relay::test {

void ThrowErrno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

namespace {

bool WaitFor(const Fd& socket, short events, milliseconds timeout) {
  pollfd one{.fd = socket.get(), .events = events, .revents = 0};
  int ready = 0;
  do {  // A fuzzer's timers interrupt it.
    ready = poll(&one, 1, static_cast<int>(timeout.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

using AddressInfo = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressInfo Resolve(const HostPort& endpoint) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  if (getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found) != 0) {
    throw std::runtime_error("not an address: " + endpoint.host);
  }
  return {found, &freeaddrinfo};
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::Close() {
  if (open()) close(std::exchange(fd_, -1));
}

void BindPackets(const Fd& socket, const HostPort& endpoint) {
  const AddressInfo at = Resolve(endpoint);
  if (bind(socket.get(), at->ai_addr, at->ai_addrlen) != 0) ThrowErrno("bind");
}

void SendPacket(const HostPort& endpoint, std::string_view bytes) {
  const AddressInfo to = Resolve(endpoint);
  const Fd socket(::socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) ThrowErrno("socket");
  const ssize_t sent =
      sendto(socket.get(), bytes.data(), bytes.size(), 0, to->ai_addr, to->ai_addrlen);
  if (sent != static_cast<ssize_t>(bytes.size())) ThrowErrno("sendto");
}

Fd ListenOn(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) ThrowErrno("socket");
  const int on = 1;  // Otherwise connections of an earlier listener would hold the port.
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ThrowErrno("bind to port " + std::to_string(port));
  }
  if (listen(socket.get(), SOMAXCONN) != 0) ThrowErrno("listen");
  return socket;
}

Fd ConnectTo(const HostPort& endpoint) {
  const AddressInfo address = Resolve(endpoint);
  Fd socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) ThrowErrno("socket");
  int failed = connect(socket.get(), address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
  if (failed == EINTR) {  // The connect continues regardless.
    WaitFor(socket, POLLOUT, kPatience);
    socklen_t size = sizeof failed;
    getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failed, &size);
  }
  if (failed != 0) {
    errno = failed;
    ThrowErrno("connect to port " + std::to_string(endpoint.port));
  }
  const int on = 1;  // A test that sends byte by byte means it.
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

void ResetOnClose(const Fd& socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool RawConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!WaitFor(socket_, POLLOUT, kPatience)) return false;
    const ssize_t sent =
        send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

Received RawConnection::ReadSome(milliseconds timeout) {
  Received received;
  if (!WaitFor(socket_, POLLIN, timeout)) return received;
  std::array<char, 65536> buffer{};
  const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
  received.closed = size <= 0;
  if (size > 0) received.bytes.assign(buffer.data(), static_cast<std::size_t>(size));
  return received;
}

Received RawConnection::ReadUntil(std::string_view marker, milliseconds timeout) {
  const Deadline deadline(timeout);
  Received all;
  while (!all.closed && all.bytes.find(marker) == std::string::npos && !deadline.passed()) {
    Received more = ReadSome(deadline.remaining());
    all.bytes += more.bytes;
    all.closed = more.closed;
  }
  return all;
}

Received RawConnection::ReadUntilClose(milliseconds timeout) {
  const Deadline deadline(timeout);
  Received all;
  while (!all.closed && !deadline.passed()) {
    Received more = ReadSome(deadline.remaining());
    all.bytes += more.bytes;
    all.closed = more.closed;
  }
  return all;
}

void RawConnection::CloseSending() {
  shutdown(socket_.get(), SHUT_WR);
}

void RawConnection::Reset() {
  ResetOnClose(socket_);
  socket_.Close();
}

}  // namespace relay::test
