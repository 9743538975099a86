// Finds the points that one backend is owed, or that are on hold for it, and that will be older
// than its retention policy keeps before they arrive.
//
// The policies are asked for once a minute, and remembered while the backend is away. How old a
// point is goes by when the relay accepted it: points that a client sent late expire earlier, and
// those with a time to come later. A server drops a point only where it has no shard for its time
// any more, so that some that count as too old are still taken, for the length of a shard at most.
//
// ERRORS. None: what goes wrong is shown in the status and tried again.
//
// THREADS. Turn by one thread at a time; Cancel and Snapshot from any. What the parts name outlives
// it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "replay/compare/source.h"
#include "replay/expiry/age_scan.h"
#include "replay/expiry/known_policies.h"
#include "wal/base/clock.h"
#include "wal/log.h"
#include "wal/record/lane_rename.h"

namespace relay {

// A lane with points that are, or will soon be, too old.
struct LaneExpiry {
  Lane lane;
  Lane theirs;  // The backend's names for it.
  std::chrono::nanoseconds keeps{0};
  DuePoints due;
};

struct ExpiryStatus {
  bool is_watched = false;             // Its policies are known, now or from before.
  std::string why;                     // Why not, or what could not be asked; empty: all is well.
  std::optional<WallTime> asked_at;    // When its policies were read last.
  bool is_whole = true;                // False: more may be found.
  std::vector<LaneExpiry> lanes = {};  // The most urgent first.
};

class ExpiryWatch {
 public:
  // Between two turns, and while there is more to read.
  static constexpr Clock::Duration kTurn{10'000};
  static constexpr Clock::Duration kReadsOn{1'000};
  // Between two questions for the policies; longer with more than a hundred databases.
  static constexpr Clock::Duration kAsks{60'000};
  static constexpr std::size_t kDatabasesMax = 1'000;
  // Read in one turn.
  static constexpr Bytes kBudget = 32_MiB;

  struct Options {
    BackendId backend;
    std::vector<LaneRename> renames = {};
    std::optional<KnownPolicies> known = {};  // From an earlier process.
    std::function<void(const KnownPolicies&)> on_known = [](const KnownPolicies&) {};
    // Called when points begin to be due, and when none is any more.
    std::function<void(const ExpiryStatus&)> on_change = [](const ExpiryStatus&) {};
  };
  struct Parts {
    const Log& log;
    Source& source;  // Names are the backend's own: it renames nothing.
    Clock& clock;
  };

  ExpiryWatch(Options options, const Parts& parts);

  // Asks if it is time, and counts. Returns the wait until the next turn.
  Clock::Duration Turn();

  // Ends a turn that waits for the backend, and all later ones.
  void Cancel() { parts_.source.Cancel(); }

  ExpiryStatus Snapshot() const;

 private:
  void AskIfDue();
  Status Ask();
  Status Count(WallTime now);
  Status CountHeld(WallTime until, ScanBudget& budget);
  void Show(WallTime now);
  std::vector<LaneExpiry> DueLanes(WallTime now) const;

  const Options options_;
  const Parts parts_;
  // These belong to the turn.
  std::optional<KnownPolicies> known_;
  std::optional<Clock::TimePoint> asks_at_;
  std::string trouble_;        // The last question's; empty: none.
  std::string count_trouble_;  // This turn's.
  Sequence cursor_ = Sequence::BeforeFirst();
  AgeScan owed_;
  std::map<Lane, AgeScan> held_;

  mutable std::mutex mutex_;  // Guards what follows.
  ExpiryStatus status_;
};

}  // namespace relay
