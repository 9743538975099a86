// Lines that come in small pieces and get no answer, as over TCP and UDP,
// joined into records of the log.
//
// Good lines wait until there are enough of them or for a short time, and then
// are appended, one record after the other. What the log refuses stays here, is
// tried again, and is not lost while the relay runs. Points are stamped when
// they are taken. Bad lines and points that no backend takes are counted, and
// now and then the journal says what was wrong with one of them, not what is in it.
//
// INVARIANT. Memory is bounded: who feeds it stops reading while HasRoom() is
// false, and goes on when it is true again.
//
// THREADS. One thread calls it; Retarget from any. `wake` is called on a thread
// of the log when Turn has something to do. The log may still call after the
// batcher is gone: that changes nothing.
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
#include "relay/routing/router.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// Where a listener's lines go and how they are read.
struct LineTarget {
  WriteParams params;
  Codec codec = Codec::kZstd;
  std::shared_ptr<const Router> router;
};

struct LineBatcherOptions {
  Bytes batch = 1_MiB;           // Appended at this size ...
  Clock::Duration linger{20};    // ... or when the first line has waited so long.
  Bytes waiting = 8_MiB;         // All that is held: then there is no room.
  Clock::Duration retry{100};    // After a refusal: a full log, a disk that failed.
  Clock::Duration tell{10'000};  // Of bad lines, in the journal.
};

class LineBatcher {
 public:
  LineBatcher(LineBatcherOptions options, LineTarget target, Log& log, const Clock& clock,
              Counters& counters, LineCounters& of_listener, std::function<void()> wake);
  ~LineBatcher();
  LineBatcher(const LineBatcher&) = delete;
  LineBatcher& operator=(const LineBatcher&) = delete;

  // One body, as a packet: a newline in a quoted string belongs to its line.
  void TakeBody(std::string text);

  // A piece of a stream: every newline ends a line, so that a quote that is
  // never closed spoils one line only. REQUIRES: ends with a newline.
  void TakeLines(std::string text);

  // What could not be taken as a line at all.
  void Refuse(std::uint64_t lines, std::string_view why);

  bool HasRoom() const { return waiting_ < options_.waiting; }

  // Nothing waits for the log.
  bool empty() const { return batches_.empty(); }

  // Appends what is due. Returns when to call again at the latest, if not woken.
  std::optional<Clock::Duration> Turn();

  // From here on everything is due at once.
  void Hurry() { hurried_ = true; }

  // Gives up what is still here, counted and told.
  void Abandon();

  void Retarget(LineTarget target) { target_.Set(std::move(target)); }

 private:
  struct Batch {
    std::shared_ptr<const LineTarget> target;
    Clock::TimePoint since;
    WallTime accepted_at;
    std::string lines;
    PointCount points = 0;
  };
  struct Answer;

  void Scan(std::string text, const std::shared_ptr<const LineTarget>& target);
  Batch& OpenBatch(const std::shared_ptr<const LineTarget>& target);
  void TakeAnswer();
  std::optional<Clock::Duration> UntilDue() const;
  void AppendFront();
  void DropFront();
  void TellUnrouted();
  std::string Name() const { return of_listener_.protocol() + " " + of_listener_.address(); }

  const LineBatcherOptions options_;
  SharedSnapshot<LineTarget> target_;
  Log& log_;
  const Clock& clock_;
  Counters& counters_;
  LineCounters& of_listener_;
  const std::shared_ptr<Answer> answer_;  // To the append under way.

  std::deque<Batch> batches_;  // The first one may be under way.
  Bytes waiting_{0};
  bool under_way_ = false;
  bool hurried_ = false;
  Totals routed_;  // Of the front batch, when it was last tried.
  PointCount unrouted_ = 0;
  std::string unrouted_why_;
  std::optional<Clock::TimePoint> retry_at_;
  bool told_refusal_ = false;
  ReportLimiter bad_lines_;
  ReportLimiter unrouted_points_;
};

}  // namespace relay
