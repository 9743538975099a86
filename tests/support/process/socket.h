// TCP sockets for tests, as bare as the tests of a protocol need them.
//
// ERRORS. What a test environment must be able to do (a socket, a free port)
// and cannot is a std::system_error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/eventually.h"

namespace relay::test {

struct HostPort {
  std::string host = "127.0.0.1";  // A literal address.
  std::uint16_t port = 0;
};

// A file descriptor with an owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { Close(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

// Listens on 127.0.0.1; port 0 takes any free one.
Fd ListenOn(std::uint16_t port);

// Throws where nobody listens.
Fd ConnectTo(const HostPort& endpoint);

// Takes the packets that are sent there; throws where it cannot.
void BindPackets(const Fd& socket, const HostPort& endpoint);

// One UDP packet; throws where it cannot be sent.
void SendPacket(const HostPort& endpoint, std::string_view bytes);

// The next close sends RST, not FIN.
void ResetOnClose(const Fd& socket);

// Bytes as a peer sent them, and whether it closed (or reset) after them.
struct Received {
  std::string bytes;
  bool closed = false;
};

// One plain connection, to say exactly these bytes and see what comes back.
class RawConnection {
 public:
  explicit RawConnection(const HostPort& endpoint) : socket_(ConnectTo(endpoint)) {}

  // False once the peer is gone, or takes nothing for kPatience.
  bool Send(std::string_view bytes);

  // Whatever comes next; nothing where nothing came in time.
  Received ReadSome(milliseconds timeout = kPatience);

  // Up to and including `marker`, possibly more; less where the peer closed or
  // the time was up.
  Received ReadUntil(std::string_view marker, milliseconds timeout = kPatience);

  Received ReadUntilClose(milliseconds timeout = kPatience);

  // The peer sees the end of the stream; answers can still be read.
  void CloseSending();

  void Close() { socket_.Close(); }
  void Reset();

 private:
  Fd socket_;
};

}  // namespace relay::test
