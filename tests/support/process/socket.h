// Bare TCP sockets for tests of a protocol.
//
// ERRORS. A failure of the test environment (no socket, no free port) is a
// std::system_error.
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

// Throws the error of the last system call as a std::system_error.
[[noreturn]] void ThrowErrno(const std::string& what);

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

// Connects; throws if nobody listens.
Fd ConnectTo(const HostPort& endpoint);

// Binds the socket to receive packets there; throws if it cannot.
void BindPackets(const Fd& socket, const HostPort& endpoint);

// Sends one UDP packet; throws if it cannot.
void SendPacket(const HostPort& endpoint, std::string_view bytes);

// Makes the next close send RST, not FIN.
void ResetOnClose(const Fd& socket);

// Bytes as a peer sent them, and whether it closed (or reset) after them.
struct Received {
  std::string bytes;
  bool closed = false;
};

// One plain connection, to send exact bytes and see what comes back.
class RawConnection {
 public:
  explicit RawConnection(const HostPort& endpoint) : socket_(ConnectTo(endpoint)) {}

  // Returns false once the peer is gone, or takes nothing for kPatience.
  bool Send(std::string_view bytes);

  // Reads whatever comes next; empty if nothing comes in time.
  Received ReadSome(milliseconds timeout = kPatience);

  // Reads up to and including `marker`, possibly more; less if the peer closed
  // or the time was up.
  Received ReadUntil(std::string_view marker, milliseconds timeout = kPatience);

  Received ReadUntilClose(milliseconds timeout = kPatience);

  // Ends the stream for the peer; answers can still be read.
  void CloseSending();

  void Close() { socket_.Close(); }
  void Reset();

 private:
  Fd socket_;
};

}  // namespace relay::test
