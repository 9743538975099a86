#include "replay/net/deadline.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "wal/base/invariant.h"

namespace relay {

using std::chrono::milliseconds;

OwnedFd::~OwnedFd() {
  if (open()) close(fd_);
}

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this == &other) return *this;
  if (open()) close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

Deadline::Deadline()
    : timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      cancel_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  INVARIANT(timer_.open() && cancel_.open());
}

Result<Deadline> Deadline::Make() {
  OwnedFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  OwnedFd cancel(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (timer.open() && cancel.open()) return Deadline(std::move(timer), std::move(cancel));
  return Error(ErrorCode::kUnavailable, "the relay has no file descriptors left");
}

void Deadline::Arm(milliseconds timeout) {
  constexpr std::int64_t kNanosInMilli = 1'000'000;
  INVARIANT(timeout > milliseconds(0));
  itimerspec spec{};
  spec.it_value.tv_sec = timeout.count() / 1000;
  spec.it_value.tv_nsec = timeout.count() % 1000 * kNanosInMilli;
  INVARIANT(timerfd_settime(timer_.get(), 0, &spec, nullptr) == 0);
}

milliseconds Deadline::Left() const {
  constexpr std::int64_t kNanosInMilli = 1'000'000;
  itimerspec spec{};
  INVARIANT(timerfd_gettime(timer_.get(), &spec) == 0);
  return milliseconds(spec.it_value.tv_sec * 1000 + spec.it_value.tv_nsec / kNanosInMilli);
}

void Deadline::Cancel() {
  INVARIANT(eventfd_write(cancel_.get(), 1) == 0);
}

bool Deadline::cancelled() const {
  pollfd one{.fd = cancel_.get(), .events = POLLIN, .revents = 0};
  return poll(&one, 1, 0) > 0;
}

Deadline::Wake Deadline::Wait(int fd, short events) const {
  return Poll(fd, events, -1);
}

Deadline::Wake Deadline::Wait(int fd, short events, milliseconds at_most) const {
  constexpr milliseconds kDay = std::chrono::hours(24);
  return Poll(fd, events, static_cast<int>(std::clamp(at_most, milliseconds(0), kDay).count()));
}

Deadline::Wake Deadline::Poll(int fd, short events, int timeout_ms) const {
  std::array<pollfd, 3> all = {pollfd{.fd = cancel_.get(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = timer_.get(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = fd, .events = events, .revents = 0}};
  int ready = -1;
  do {
    ready = poll(all.data(), all.size(), timeout_ms);
  } while (ready < 0 && errno == EINTR);
  INVARIANT(ready >= 0);
  if (all[0].revents != 0) return Wake::kCancelled;
  if (all[1].revents != 0) return Wake::kTimeUp;
  return all[2].revents != 0 ? Wake::kReady : Wake::kPauseOver;
}

}  // namespace relay
