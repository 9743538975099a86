// A backend that costs next to nothing: it takes every POST, discards the body
// and answers 204, so that the relay in front of it is what is measured.
//
// It speaks no more HTTP than the relay's own client needs: a Content-Length,
// one request after the other on a connection.
//
// THREADS. It has one of its own; any thread may read the counts.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/support/process/socket.h"

namespace relay::bench {

class NullSink {
 public:
  // Listens at once, on 127.0.0.1.
  explicit NullSink(std::uint16_t port)
      : port_(port),
        listener_(test::ListenOn(port)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        stop_(eventfd(0, EFD_CLOEXEC)) {
    fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
    Watch(listener_.get());
    Watch(stop_.get());
    thread_ = std::thread([this] { Serve(); });
  }
  ~NullSink() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = write(stop_.get(), &one, sizeof one);
    thread_.join();
  }
  NullSink(const NullSink&) = delete;
  NullSink& operator=(const NullSink&) = delete;

  std::string Url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::uint64_t requests() const { return requests_; }
  // Waits until there were more requests than that.
  void WaitForMore(std::uint64_t requests) const { requests_.wait(requests); }
  std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  struct Connection {
    test::Fd socket;
    std::string head;             // The part of the next head received so far.
    std::uint64_t body_left = 0;  // Above 0: the head was whole.
  };

  void Watch(int fd) const {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  void Serve() {
    std::array<epoll_event, 64> events{};
    while (true) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
        if (fd == stop_.get()) return;
        fd == listener_.get() ? Accept() : Take(fd);
      }
    }
  }

  void Accept() {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    connections_[fd].socket = test::Fd(fd);
    Watch(fd);
  }

  // Reads all bytes that are available.
  void Take(int fd) {
    Connection& connection = connections_.at(fd);
    while (true) {
      const ssize_t taken = connection.body_left > 0 ? TakeBody(connection) : TakeHead(connection);
      if (taken > 0) continue;
      if (taken == 0 || (errno != EAGAIN && errno != EINTR)) connections_.erase(fd);
      return;
    }
  }

  ssize_t TakeHead(Connection& connection) {
    std::array<char, 8192> buffer;
    const ssize_t taken = recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
    if (taken <= 0) return taken;
    connection.head.append(buffer.data(), static_cast<std::size_t>(taken));
    const std::size_t end = connection.head.find("\r\n\r\n");
    if (end == std::string::npos) return taken;
    const std::uint64_t length = ContentLength(connection.head);
    const std::uint64_t come = connection.head.size() - (end + 4);
    connection.body_left = length - std::min(length, come);
    connection.head.clear();
    body_bytes_ += length;
    if (connection.body_left == 0) Answer(connection);
    return taken;
  }

  // MSG_TRUNC: the kernel drops the bytes without copying them.
  ssize_t TakeBody(Connection& connection) {
    const ssize_t taken =
        recv(connection.socket.get(), nullptr, connection.body_left, MSG_TRUNC | MSG_DONTWAIT);
    if (taken <= 0) return taken;
    connection.body_left -= static_cast<std::uint64_t>(taken);
    if (connection.body_left == 0) Answer(connection);
    return taken;
  }

  void Answer(const Connection& connection) {
    constexpr std::string_view kAnswer = "HTTP/1.1 204 No Content\r\n\r\n";
    ++requests_;
    requests_.notify_all();
    send(connection.socket.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
  }

  static std::uint64_t ContentLength(const std::string& head) {
    const char* found = strcasestr(head.c_str(), "\r\ncontent-length:");
    return found == nullptr ? 0 : std::strtoull(found + 17, nullptr, 10);
  }

  std::uint16_t port_;
  test::Fd listener_;
  test::Fd epoll_;
  test::Fd stop_;
  std::map<int, Connection> connections_;  // Used by its own thread only.
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<std::uint64_t> body_bytes_ = 0;
  std::thread thread_;
};

}  // namespace relay::bench
