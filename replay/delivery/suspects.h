// Lines that end backends: shared by the deliveries of all backends, so that what ends one is kept
// from the others.
//
// Search. A delivery whose backend ended its connection again and again at the same lines searches
// among them. Meanwhile the other deliveries do not send these lines: the lanes that have them
// wait, for at most kSearchFor after the search was last extended, since a backend that does not
// come back must not stop the others for ever.
//
// Found. A line that a search ended with is sent to no backend any more. At most kFoundMax are
// remembered, the newest ones, and none over a restart of the relay.
//
// Lines are known by a hash of their bytes, database, retention policy and precision.
//
// THREADS. Any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "replay/batch/send_batch.h"
#include "wal/base/clock.h"
#include "wal/base/types.h"
#include "wal/log.h"

namespace relay {

class SuspectLines {
 public:
  static constexpr std::size_t kFoundMax = 10'000;
  static constexpr std::chrono::minutes kSearchFor{5};

  // One lane of a backend.
  struct Searcher {
    BackendId backend;
    Lane lane;
    friend auto operator<=>(const Searcher&, const Searcher&) = default;
  };

  // Returns true if there is neither a search nor a line that was found. Cheap.
  bool empty() const { return is_empty_; }

  // Begins a search among the lines of the batch, or extends one to them. Returns false, and does
  // nothing, if another backend's search is for some of them.
  bool Search(const Searcher& by, const SendBatch& batch, Clock::TimePoint now);
  void EndSearch(const Searcher& by);

  // Returns the backend that searches among lines of the batch, unless `asking` is that. nullopt:
  // none does.
  std::optional<BackendId> SearchedBy(const SendBatch& batch, const BackendId& asking,
                                      Clock::TimePoint now) const;

  // Remembers a line that ended a backend. REQUIRES: the batch is of one line.
  void Found(const BackendId& ended, const SendBatch& line);

  // Returns a backend that a line of the batch ended. nullopt: none that is remembered.
  std::optional<BackendId> EndedBy(const SendBatch& batch) const;

  // Returns whether the line is remembered to have ended the backend.
  bool HasEnded(const BackendId& backend, const WriteParams& params, std::string_view line) const;

 private:
  struct Running {
    std::unordered_set<std::uint64_t> lines;
    Clock::TimePoint until;
  };

  std::optional<BackendId> FindSearch(const SendBatch& batch, const BackendId& asking,
                                      Clock::TimePoint now) const;

  std::atomic<bool> is_empty_ = true;
  mutable std::mutex mutex_;  // Guards the rest.
  std::map<Searcher, Running> searches_;
  std::unordered_map<std::uint64_t, BackendId> found_;
  std::deque<std::uint64_t> found_in_order_;
};

}  // namespace relay
