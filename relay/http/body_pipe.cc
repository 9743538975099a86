#include "relay/http/body_pipe.h"

#include <utility>

namespace relay {

bool BodyPipe::Put(std::string_view part) {
  std::function<void()> more;
  {
    std::unique_lock lock(mutex_);
    taken_.wait(lock, [this] { return is_closed_ || bytes_.size() < kRoom.count(); });
    if (is_closed_) return false;
    bytes_ += part;
    more = WakeUp();
  }
  if (more) more();
  return true;
}

void BodyPipe::Finish(State state) {
  std::function<void()> more;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kOpen) return;
    state_ = state;
    more = WakeUp();
  }
  if (more) more();
}

// Returns what is to be called without the mutex; empty: nobody waits.
std::function<void()> BodyPipe::WakeUp() {
  return std::exchange(is_awaited_, false) ? more_ : std::function<void()>();
}

BodyPipe::Taken BodyPipe::Take() {
  const std::lock_guard lock(mutex_);
  Taken taken{std::exchange(bytes_, {}), state_};
  is_awaited_ = taken.bytes.empty() && state_ == State::kOpen;
  taken_.notify_one();
  return taken;
}

void BodyPipe::OnMore(std::function<void()> more) {
  const std::lock_guard lock(mutex_);
  more_ = std::move(more);
}

void BodyPipe::Close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  is_awaited_ = false;
  more_ = nullptr;  // It may own the connection that owns this.
  taken_.notify_one();
}

}  // namespace relay
