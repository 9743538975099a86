// A value that is replaced as a whole while other threads read it.
//
// THREADS. Any number at once. A reader keeps its copy as long as it likes.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace relay {

template <typename T>
class SharedSnapshot {
 public:
  explicit SharedSnapshot(T value) : value_(std::make_shared<const T>(std::move(value))) {}

  std::shared_ptr<const T> Get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

  void Set(T value) {
    auto next = std::make_shared<const T>(std::move(value));
    const std::lock_guard lock(mutex_);
    value_.swap(next);  // Destroys the old value, if this held the last reference, outside the
                        // lock.
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace relay
