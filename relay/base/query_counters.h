// Counters of queries that are passed on to backends. metrics.cc renders the text.
//
// THREADS. Any number at once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace relay {

enum class QueryEnd : std::uint8_t {
  kAnswered,   // The backend's answer was passed on whole.
  kNoAnswer,   // It gave none: the query went on to the next.
  kBroken,     // Its answer broke off.
  kAbandoned,  // The client left.
};

// In the order of QueryEnd.
inline constexpr std::array<std::string_view, 4> kQueryEndNames = {"answered", "no_answer",
                                                                   "broken", "abandoned"};

class QueryCounters {
 public:
  using Counts = std::array<std::uint64_t, kQueryEndNames.size()>;

  void Ended(const std::string& backend, QueryEnd end) {
    const std::lock_guard lock(mutex_);
    ++by_backend_[backend].at(static_cast<std::size_t>(end));
  }
  // No backend answered the query.
  void Unanswered() {
    const std::lock_guard lock(mutex_);
    ++unanswered_;
  }

  std::map<std::string, Counts> by_backend() const {
    const std::lock_guard lock(mutex_);
    return by_backend_;
  }
  std::uint64_t unanswered() const {
    const std::lock_guard lock(mutex_);
    return unanswered_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Counts> by_backend_;
  std::uint64_t unanswered_ = 0;
};

}  // namespace relay
