// The socket on which a service of Type=notify reports its state to systemd.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/process/socket.h"

namespace relay::test {

class NotifySocket {
 public:
  // Binds the socket for NOTIFY_SOCKET. Throws if it cannot.
  explicit NotifySocket(const std::string& path)
      : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("too long: " + path);
    std::memcpy(address.sun_path, path.data(), path.size());
    if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("binding " + path + ": " + std::strerror(errno));
    }
  }

  // Waits for this message and discards those before it.
  bool Hears(const std::string& wanted) {
    return Eventually(kPatience, [&] { return Next() == wanted; });
  }

  // Discards the messages so far.
  void Forget() {
    while (!Next().empty()) continue;
  }

 private:
  std::string Next() const {
    std::array<char, 256> text{};
    const ssize_t size = recv(socket_.get(), text.data(), text.size(), 0);
    return {text.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
  }

  Fd socket_;
};

}  // namespace relay::test
