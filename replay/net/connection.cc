#include "replay/net/connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "replay/net/tcp_connect.h"
#include "replay/net/tls.h"

namespace relay {

std::string HostPort(const Peer& peer) {
  const bool ipv6 = peer.host.find(':') != std::string::npos;
  return fmt::format("{}:{}", ipv6 ? "[" + peer.host + "]" : peer.host, peer.port);
}

namespace {

Error Broken(int error) {
  const bool reset = error == ECONNRESET || error == EPIPE;
  return {ErrorCode::kUnavailable,
          reset ? "the connection was reset" : std::generic_category().message(error)};
}

bool WouldBlock(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

class PlainConnection final : public Connection {
 public:
  explicit PlainConnection(OwnedFd socket) : socket_(std::move(socket)) {}

  Result<Progress> TryWrite(std::string_view bytes) override {
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return Moved(sent);
    if (WouldBlock(errno)) return Progress{.kind = Progress::Kind::kWantsWrite};
    return Broken(errno);
  }

  Result<Progress> TryRead(char* into, std::size_t size) override {
    const ssize_t got = recv(socket_.get(), into, size, 0);
    if (got == 0) return Progress{.kind = Progress::Kind::kEnd};
    if (got > 0) return Moved(got);
    if (WouldBlock(errno)) return Progress{.kind = Progress::Kind::kWantsRead};
    return Broken(errno);
  }

  bool Quiet() override {
    char byte = 0;
    return recv(socket_.get(), &byte, 1, MSG_PEEK) < 0 && WouldBlock(errno);
  }

  int fd() const override { return socket_.get(); }

 private:
  static Progress Moved(ssize_t bytes) {
    return {.kind = Progress::Kind::kMoved, .bytes = static_cast<std::size_t>(bytes)};
  }

  OwnedFd socket_;
};

}  // namespace

Error WaitEnded(Deadline::Wake wake) {
  if (wake == Deadline::Wake::kCancelled) return {ErrorCode::kUnavailable, "cancelled"};
  return {ErrorCode::kUnavailable, "no answer in time"};
}

Result<std::unique_ptr<Connection>> Connection::Open(const Peer& peer, const Deadline& deadline) {
  ASSIGN_OR_RETURN(std::vector<Address> addresses,
                   Resolve(peer.host, peer.port, SOCK_STREAM, deadline));
  ASSIGN_OR_RETURN(OwnedFd socket, Dial(addresses, peer.connect_timeout, deadline));
  if (peer.tls) return OpenTls(std::move(socket), peer, deadline);
  return std::unique_ptr<Connection>(std::make_unique<PlainConnection>(std::move(socket)));
}

}  // namespace relay
