// Joins lines that arrive in small pieces and get no response, as over TCP and UDP, into records of
// the log.
//
// Valid lines wait until there are enough of them, or for a short time, and are then appended, one
// record after the other. A batch that the log refuses stays here and is tried again: it is not
// lost while the relay runs. A point without a time gets the time at which it was added. Bad lines
// and points that no backend accepts are counted; from time to time the event log says what is
// wrong with one of them, without its content.
//
// INVARIANT. Memory is bounded: the caller stops reading while HasRoom() is false, and continues
// when it is true again.
//
// THREADS. One thread calls it; Retarget from any. `wake` is called on a thread of the log when
// Turn has something to do. The log may still answer after the batcher is destroyed; that has no
// effect.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "relay/base/counters.h"
#include "relay/base/listener_counters.h"
#include "relay/base/report_limiter.h"
#include "relay/base/shared_snapshot.h"
#include "relay/routing/database_names.h"
#include "relay/routing/router.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// The parts of the relay that a listener uses. All outlive it.
struct ListenerDeps {
  Log& log;
  const Clock& clock;
  Counters& counters;
  DatabaseNames* databases = nullptr;  // nullptr: names are not noted.
};

// How a listener's lines are parsed, and where they go.
struct LineTarget {
  WriteParams params;
  Codec codec = Codec::kZstd;
  ColumnsJudge* judge = nullptr;  // See Accepted::judge.
  std::shared_ptr<const Router> router;
};

struct LineBatcherOptions {
  Bytes batch = 1_MiB;                      // A batch is appended at this size ...
  Clock::Duration linger{20};               // ... or when its first line has waited for so long.
  Bytes waiting = 8_MiB;                    // Limit of all batches together.
  Bytes line_max = 1_MiB;                   // A longer line is refused.
  Clock::Duration retry{100};               // Pause after the log has refused a batch.
  Clock::Duration report_interval{10'000};  // Between reports of bad lines in the event log.
};

class LineBatcher {
 public:
  LineBatcher(LineBatcherOptions options, LineTarget target, const ListenerDeps& deps,
              LineCounters& listener_counters, std::function<void()> wake);
  ~LineBatcher();
  LineBatcher(const LineBatcher&) = delete;
  LineBatcher& operator=(const LineBatcher&) = delete;

  // Adds a body, such as a packet: a newline in a quoted string is part of its line.
  void AddBody(std::string text);

  // Adds a piece of a stream: every newline ends a line, so that a quote that is never closed
  // spoils one line only. REQUIRES: ends with a newline.
  void AddLines(std::string text);

  // Counts lines that the caller could not pass on.
  void Refuse(std::uint64_t lines, std::string_view why);

  bool HasRoom() const { return waiting_ < options_.waiting; }

  // Returns whether no batch is waiting for the log.
  bool empty() const { return batches_.empty(); }

  // Appends the batches that are due. Returns how soon to call again; nullopt: only `wake` or
  // another line can make a batch due.
  std::optional<Clock::Duration> Turn();

  // Makes every batch due at once from now on.
  void StopLingering() { lingers_ = false; }

  // Drops the batches that are left, counts their points and reports them.
  void Abandon();

  void Retarget(LineTarget target) { target_.Set(std::move(target)); }

 private:
  struct PendingBatch {
    std::shared_ptr<const LineTarget> target;
    Clock::TimePoint since;
    WallTime accepted_at;
    std::string lines;
    PointCount points = 0;
  };
  // How the router split the front batch when it was last appended.
  struct Split {
    Totals routed;
    PointCount unrouted = 0;
    std::string why;  // One of the unrouted points has no backend.
  };
  struct Completion;

  void Scan(std::string text, const std::shared_ptr<const LineTarget>& target);
  PendingBatch& OpenBatch(const std::shared_ptr<const LineTarget>& target);
  void HandleCompletion();
  std::optional<Clock::Duration> UntilDue() const;
  void AppendFront();
  void RemoveFront();
  void ReportUnrouted();
  std::string Name() const {
    return listener_counters_.protocol() + " " + listener_counters_.address();
  }

  const LineBatcherOptions options_;
  SharedSnapshot<LineTarget> target_;
  const ListenerDeps deps_;
  LineCounters& listener_counters_;
  const std::shared_ptr<Completion> completion_;  // Shared with the append in progress.

  std::deque<PendingBatch> batches_;  // The front one may be in progress.
  Bytes waiting_{0};
  Split front_;
  bool appending_ = false;
  bool lingers_ = true;
  std::optional<Clock::TimePoint> retry_at_;
  bool refusal_reported_ = false;
  ReportLimiter bad_lines_;
  ReportLimiter unrouted_points_;
};

}  // namespace relay
