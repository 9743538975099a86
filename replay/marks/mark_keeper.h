// Keeps the watermarks of one backend: reads them back, writes new ones, and says when the backend
// diverged.
//
// One turn checks every lane that was delivered to, then writes the marks that are due: a lane's
// marks are read before one is written, so that a new mark never covers up that an old one is gone.
// A mark is written once the cursor has passed what it stands for, on a connection of its own: it
// neither delays a delivery nor fails one.
//
// ERRORS. None: what goes wrong is shown in the status and tried again at the next turn.
//
// THREADS. Turn by one thread at a time; Cancel and everything else from any. What the parts name
// outlives it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replay/compare/source.h"
#include "replay/marks/mark_book.h"
#include "replay/transport/target.h"
#include "replay/transport/transport.h"
#include "wal/base/clock.h"
#include "wal/log.h"
#include "wal/record/lane_rename.h"

namespace relay {

// The status of a backend's watermarks.
struct MarkStatus {
  bool is_watched = true;
  std::string why;  // Why not, or why a check or a mark failed; empty: all is well.
  std::size_t lanes = 0;
  std::optional<Watermark> newest;                          // The newest mark of any lane.
  std::optional<WallTime> read_at;                          // The last turn that read all of them.
  std::optional<std::pair<Lane, LaneDivergence>> diverged;  // See MarkBook::Worst.
};

class MarkKeeper {
 public:
  // Between two turns. More lanes than 500 make it longer, for at most 50 questions a second.
  static constexpr Clock::Duration kTurn{10'000};
  // Before the second look at marks that are missing.
  static constexpr Clock::Duration kSecondLook{2'000};
  // Between two tries of a backend that does not tell.
  static constexpr Clock::Duration kNotWatched{60'000};

  struct Options {
    BackendId backend;
    std::string log;       // Identifies the log that the sequences are of.
    std::string file;      // Where the marks are remembered.
    Target target = {};    // Says by which names the backend has a lane.
    bool rewinds = false;  // Calls `rewind` where everything needed is kept.
    std::function<Status(Sequence)> rewind = {};
    // Called when a lane diverges, after `rewind`, and when it is mended.
    std::function<void(const MarkStatus&)> on_change = [](const MarkStatus&) {};
  };
  struct Parts {
    Log& log;
    Transport& transport;  // Renames by itself.
    Source& source;        // Names are the backend's own: it renames nothing.
    Clock& clock;
  };

  MarkKeeper(Options options, const Parts& parts);

  // Events of the delivery; cheap.
  void Delivered(const Lane& lane, Sequence last);
  void Changed(const std::string& database);
  void Rewound(const Marks& marks);

  // An operator takes note of what is missing. kConflict: nothing is.
  Status Acknowledge();

  // Checks and marks every lane. Returns the wait until the next turn.
  Clock::Duration Turn();

  // Ends a turn that waits for the backend, and all later ones.
  void Cancel();

  MarkStatus Snapshot() const;

 private:
  // The reason why a turn ended early.
  struct Trouble {
    bool is_refused = false;  // The backend answers, and does not tell.
    std::string why;
  };
  struct KnownPolicies {
    Clock::TimePoint until;
    std::vector<PolicyInfo> policies;
  };
  struct Place {
    Lane ours;
    Lane theirs;
    LaneMarks marks;  // Those that are looked for.
  };

  std::optional<Trouble> CheckAll();
  Result<MarkBook::Outcome> Check(const Lane& lane, MarksRead& read);
  Result<MarksRead> Read(const Place& place, std::int64_t since, bool is_thorough);
  Result<std::vector<PolicyInfo>> PoliciesOf(const std::string& database, bool is_fresh);
  Status Scan(const Place& place, const std::string& policy, std::int64_t since, MarksRead& read);
  Status WriteDue(const Lane& lane, const MarksRead& read);
  std::optional<Sequence> DeliveredThrough(const Lane& lane) const;
  std::string LineOf(const Lane& lane, Watermark mark) const;
  void RewindIfAsked();
  void Load();
  void Save();
  void Show(const std::optional<Trouble>& trouble);

  const Options options_;
  const Parts parts_;
  // These belong to the turn.
  bool is_unsure_ = false;
  std::int64_t last_time_ = 0;  // The newest mark's: no two have the same.
  std::string saved_;           // The file's content.
  std::string mark_failure_;    // In this turn; empty: none.
  std::map<std::string, KnownPolicies> policies_;

  mutable std::mutex mutex_;  // Guards what follows.
  MarkBook book_;
  MarkStatus status_;
};

}  // namespace relay
