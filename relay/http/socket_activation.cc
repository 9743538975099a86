#include "relay/http/socket_activation.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace relay {
namespace {

constexpr int kFirst = 3;  // The first descriptor systemd passes.
constexpr int kCountMax = 1024;

// Parses the variable; 0: not a number.
int NumberIn(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr) return 0;
  const std::string_view text(value);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

bool Listens(int fd) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 1;
}

std::optional<ListenAddress> AddressOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the interface of sockets.
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &address.sin_addr, host.data(), host.size());
    return ListenAddress{.host = host.data(), .port = ntohs(address.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &address.sin6_addr, host.data(), host.size());
    return ListenAddress{.host = host.data(), .port = ntohs(address.sin6_port)};
  }
  return std::nullopt;
}

// A socket for all addresses is one family's wildcard: systemd's takes both.
bool Serves(const ListenAddress& socket, const ListenAddress& listened) {
  const bool any = socket.host == "::" || socket.host == "0.0.0.0";
  return socket == listened || (listened.host.empty() && any && socket.port == listened.port);
}

}  // namespace

InheritedSockets::~InheritedSockets() {
  for (const auto& [address, fd] : sockets_) close(fd);
}

void InheritedSockets::TakeFromEnvironment() {
  const int count = std::min(NumberIn("LISTEN_FDS"), kCountMax);
  const bool for_us = NumberIn("LISTEN_PID") == getpid();
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(variable);
  for (int fd = kFirst; for_us && fd < kFirst + count; ++fd) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    const std::optional<ListenAddress> address = AddressOf(fd);
    if (address && Listens(fd)) sockets_.emplace_back(*address, fd);
  }
}

int InheritedSockets::Find(const ListenAddress& address) const {
  for (const auto& [here, fd] : sockets_) {
    if (Serves(here, address)) return fd;
  }
  return -1;
}

std::vector<std::string> InheritedSockets::Unused(
    const std::vector<ListenAddress>& listened) const {
  std::vector<std::string> unused;
  for (const auto& [address, fd] : sockets_) {
    const bool wanted =
        std::any_of(listened.begin(), listened.end(),
                    [&here = address](const auto& one) { return Serves(here, one); });
    if (!wanted) unused.push_back(ToString(address));
  }
  return unused;
}

}  // namespace relay
