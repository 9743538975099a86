// An order in memory for several logs, which loses, repeats, delays and exchanges messages on their
// way, as a network and an election of servers do; a message that has a place keeps it. Driven by a
// seed.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "wal/order/order.h"

namespace relay::test {

// The messages that have a place.
class MemoryStream {
 public:
  // The time that messages get; late, so that relays' own times count.
  static constexpr WallTime kLate{std::chrono::hours(24 * 365 * 200)};

  void Place(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    if (frozen_) return;
    messages_.push_back(
        {relay::Place::In(generation_, messages_.size() + 1), at_, std::string(bytes)});
    placed_.notify_all();
  }

  void SetTime(WallTime at) {
    const std::lock_guard lock(mutex_);
    at_ = at;
  }

  // Forgets the messages up to `through`.
  void Forget(relay::Place through) {
    const std::lock_guard lock(mutex_);
    first_ = std::max(first_, through.Next());
  }

  // Loses the messages behind `last`, as servers do that lose power.
  void LoseBehind(relay::Place last) {
    const std::lock_guard lock(mutex_);
    messages_.resize(last.number());
  }

  Status Found(relay::Place last, std::string_view first) {
    const std::lock_guard lock(mutex_);
    if (generation_ > last.generation()) return Error(ErrorCode::kConflict, "founded before");
    ++generation_;
    messages_ = {{relay::Place::In(generation_, 1), at_, std::string(first)}};
    first_ = messages_.front().place;
    placed_.notify_all();
    return Ok();
  }

  // Loses all that is proposed until Thaw. Returns the last message.
  relay::Place Freeze() {
    const std::lock_guard lock(mutex_);
    frozen_ = true;
    return relay::Place::In(generation_, messages_.size());
  }
  void Thaw() {
    const std::lock_guard lock(mutex_);
    frozen_ = false;
  }

  // Hands out one message at a time from here on, each after this time.
  void Drip(std::chrono::milliseconds each) {
    const std::lock_guard lock(mutex_);
    each_ = each;
  }

  // Answers nobody until it is told to again.
  void Hang(bool hangs) {
    const std::lock_guard lock(mutex_);
    hangs_ = hangs;
    placed_.notify_all();
  }

  Result<OrderRange> Range() const {
    const std::lock_guard lock(mutex_);
    if (hangs_) return Error(ErrorCode::kUnavailable, "the order hangs");
    return OrderRange{first_, relay::Place::In(generation_, messages_.size())};
  }

  bool hangs() const {
    const std::lock_guard lock(mutex_);
    return hangs_;
  }

  Result<std::vector<OrderedMessage>> Next(relay::Place after, std::chrono::milliseconds wait,
                                           bool& woken) {
    std::unique_lock lock(mutex_);
    const std::size_t at_once = each_.count() > 0 ? 1 : 16;
    if (each_.count() > 0) placed_.wait_for(lock, each_, [] { return false; });
    placed_.wait_for(lock, wait, [&] {
      return woken || after.generation() < generation_ ||
             (!hangs_ && messages_.size() > after.number());
    });
    woken = false;
    if (hangs_) return Error(ErrorCode::kUnavailable, "the order hangs");
    if (after.generation() < generation_) after = relay::Place::In(generation_, 0);
    if (after.Next() < first_) return Error(ErrorCode::kNotFound, "forgotten");
    if (messages_.size() < after.number()) return Error(ErrorCode::kConflict, "its end is lost");
    const auto begin = messages_.begin() + static_cast<std::ptrdiff_t>(after.number());
    const auto count = std::min<std::size_t>(at_once, messages_.size() - after.number());
    return std::vector<OrderedMessage>(begin, begin + static_cast<std::ptrdiff_t>(count));
  }

  // A relay's listener, by the relay's order.
  void Listen(const void* who, std::function<void(std::string_view)> listener) {
    const std::lock_guard lock(listening_);
    listeners_[who] = std::move(listener);
  }
  void Tell(std::string_view note) {
    const std::lock_guard lock(listening_);
    if (hangs()) return;
    for (const auto& [who, listener] : listeners_) {
      if (listener) listener(note);
    }
  }

  void Wake(bool& woken) {
    const std::lock_guard lock(mutex_);
    woken = true;
    placed_.notify_all();
  }

 private:
  std::mutex listening_;
  std::map<const void*, std::function<void(std::string_view)>> listeners_;
  mutable std::mutex mutex_;
  std::condition_variable placed_;
  std::vector<OrderedMessage> messages_;
  relay::Place first_{1};
  std::uint16_t generation_ = 0;
  WallTime at_ = kLate;
  std::chrono::milliseconds each_{0};
  bool hangs_ = false;
  bool frozen_ = false;
};

// One relay's way to the stream.
class MemoryOrder final : public Order {
 public:
  // About so many of a hundred messages suffer it.
  struct Faults {
    unsigned lost = 0;
    unsigned repeated = 0;
    unsigned delayed = 0;  // Until the next messages, which may come before it.
  };

  explicit MemoryOrder(MemoryStream& stream) : MemoryOrder(stream, Faults(), 1) {}
  MemoryOrder(MemoryStream& stream, const Faults& faults, std::uint64_t seed)
      : stream_(stream), faults_(faults), random_(seed) {}

  Status Propose(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    if (stream_.hangs()) return Error(ErrorCode::kUnavailable, "the order hangs");
    if (Happens(faults_.lost)) return Ok();
    if (keeps_back_ || Happens(faults_.delayed)) {
      delayed_.emplace_back(bytes);
      return Ok();
    }
    stream_.Place(bytes);
    if (Happens(faults_.repeated)) stream_.Place(bytes);
    while (!delayed_.empty() && Happens(50)) PlaceDelayed();
    return Ok();
  }

  // Keeps all that this relay proposes until it is let go, in its order.
  void KeepBack(bool keeps_back) {
    const std::lock_guard lock(mutex_);
    keeps_back_ = keeps_back;
    while (!keeps_back && !delayed_.empty()) PlaceDelayed();
  }

  Result<std::vector<OrderedMessage>> Next(const Reached& after,
                                           std::chrono::milliseconds wait) override {
    return stream_.Next(after.place, wait, woken_);
  }

  ~MemoryOrder() override { stream_.Listen(this, {}); }

  void Wake() override { stream_.Wake(woken_); }
  void Tell(std::string_view note) override {
    {
      const std::lock_guard lock(mutex_);
      if (silent_ || Happens(faults_.lost)) return;
    }
    stream_.Tell(note);
  }
  void OnTold(std::function<void(std::string_view)> listener) override {
    stream_.Listen(this, std::move(listener));
  }
  // Loses everything that this relay tells.
  void Silence(bool silent) {
    const std::lock_guard lock(mutex_);
    silent_ = silent;
  }
  Result<OrderRange> Range() override { return stream_.Range(); }
  Status Found(relay::Place last, std::string_view first) override {
    return stream_.Found(last, first);
  }
  Status Forget(relay::Place through) override {
    stream_.Forget(through);
    return Ok();
  }

 private:
  // REQUIRES: mutex_ is held, and some are delayed.
  void PlaceDelayed() {
    stream_.Place(delayed_.front());
    delayed_.pop_front();
  }

  bool Happens(unsigned percent) {
    return std::uniform_int_distribution<unsigned>(0, 99)(random_) < percent;
  }

  MemoryStream& stream_;
  const Faults faults_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::deque<std::string> delayed_;
  bool keeps_back_ = false;
  bool woken_ = false;
  bool silent_ = false;
};

}  // namespace relay::test
