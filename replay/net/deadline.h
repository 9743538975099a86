// The time limit of one attempt at a backend, and the waits within it.
//
// A monotonic timer of the kernel bounds all waits of an attempt together, so that a byte now and
// then does not stretch it.
//
// THREADS. One thread arms and waits; Cancel from any.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "wal/base/result.h"

namespace relay {

// A file descriptor with an owner.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd();
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class Deadline {
 public:
  enum class Wake : std::uint8_t {
    kReady,      // The descriptor is ready or has an error.
    kPauseOver,  // This wait's limit has passed ...
    kTimeUp,     // ... or that of the whole attempt.
    kCancelled,
  };

  // REQUIRES: the process has descriptors left.
  Deadline();

  // kUnavailable: it has none left.
  static Result<Deadline> Make();

  // Starts the limit. REQUIRES: above 0.
  void Arm(std::chrono::milliseconds timeout);

  // Returns the time left; 0 once it has passed.
  std::chrono::milliseconds Left() const;

  // Ends every present and future wait at once.
  void Cancel();
  bool cancelled() const;

  // `events` as for poll(2).
  Wake Wait(int fd, short events) const;
  Wake Wait(int fd, short events, std::chrono::milliseconds at_most) const;

 private:
  Deadline(OwnedFd timer, OwnedFd cancel) : timer_(std::move(timer)), cancel_(std::move(cancel)) {}

  Wake Poll(int fd, short events, int timeout_ms) const;

  OwnedFd timer_;
  OwnedFd cancel_;
};

}  // namespace relay
