#include "replay/delivery/cursor_committer.h"

#include <algorithm>
#include <set>
#include <utility>

namespace relay {
namespace {

// Bounds the cost of a lost wake-up: operators' changes are checked this often even if the log
// wakes nobody.
constexpr Clock::Duration kLookAgain{1'000};

// After the log refused to hold one more lane, the whole backend waits for this long.
constexpr Clock::Duration kHoldsFull{60'000};

}  // namespace

CursorCommitter::CursorCommitter(BackendId backend, Backoff retry, const Parts& parts)
    : backend_(std::move(backend)), retry_(retry), parts_(parts) {}

void CursorCommitter::LookAtLease(bool is_idle) {
  const Result<std::uint64_t> lease = parts_.log.LeaseOf(backend_);
  elsewhere_ = lease.ok() ? "" : lease.error().message();
  if (!lease.ok() || lease.value() == lease_) return;
  if (!is_idle) {
    elsewhere_ = "waiting for the answers to requests from before another relay delivered";
    return;
  }
  lease_ = lease.value();
  parts_.book.BeginAnew();
  Restart();
}

void CursorCommitter::Look(bool is_idle) {
  LookAtLease(is_idle);
  marks_ = parts_.log.MarksOf(backend_);
  if (marks_.cursor != parts_.book.flow().forgotten_through()) Restart();
  is_paused_ = parts_.log.PausedOf(backend_);
  LearnOverflow();
  const Clock::TimePoint now = parts_.clock.Now();
  if (now < look_again_at_) return;
  look_again_at_ = now + kLookAgain;
  const Result<std::vector<HeldLane>> held = parts_.log.HeldLanes(backend_);
  if (held.ok()) {
    parts_.book.Adopt(held.value());
  } else {
    Failed(held.error());
  }
  parts_.book.DropTooOld();
  LookAtRate();
  parts_.book.lanes().ForgetIdle();
  parts_.board.ShowLanes(*parts_.book.TakeChanged(true));
  parts_.board.CheckStuck(marks_.lag(), is_paused_ || !elsewhere_.empty(),
                          parts_.book.LongestHeld());
}

// Reads a part of the overflow lane after a start, until the book knows whose records are in it.
void CursorCommitter::LearnOverflow() {
  constexpr ReadLimit kAtOnce{.records = 10'000, .bytes = 4_MiB};
  const std::optional<Sequence> after = parts_.book.overflow().learning_after();
  if (!after) return;
  const Result<std::vector<StoredRecord>> read =
      parts_.log.ReadHeld(backend_, OverflowLane(), *after, kAtOnce);
  if (read.ok()) {
    parts_.book.overflow().Learn(read.value());
  } else {
    Failed(read.error());
  }
}

void CursorCommitter::LookAtRate() {
  if (!parts_.gate.is_rate_limited()) return;
  const Result<QueueStats> stats = parts_.log.StatsOf(backend_);
  if (stats.ok()) parts_.gate.NoteAccepted(stats.value().accepted, parts_.clock.Now());
}

bool CursorCommitter::has_read_all() const {
  return parts_.book.flow().read_through() >= parts_.log.MarksOf(backend_).head;
}

bool CursorCommitter::Commit() {
  if (!CommitFlow()) return false;
  const std::set<LaneQueue*> reading = parts_.book.reading_held();
  return std::all_of(reading.begin(), reading.end(),
                     [this](LaneQueue* lane) { return CommitHeld(*lane); });
}

bool CursorCommitter::CommitFlow() {
  const std::optional<ResolvedPrefix> prefix = parts_.book.flow().Resolved();
  if (!prefix) return true;
  const Status resolved =
      parts_.log.Resolve(backend_, {.after = parts_.book.flow().forgotten_through(),
                                    .through = prefix->through,
                                    .delivered = prefix->delivered,
                                    .letters = prefix->letters,
                                    .gaps = prefix->gaps,
                                    .held = prefix->held,
                                    .overflow = parts_.book.InOverflow(prefix->held)});
  if (resolved.ok()) {
    failures_ = 0;
    for (const Gap& gap : prefix->gaps) parts_.on_gap(gap);
    parts_.book.FlowCommitted(*prefix);
    marks_ = parts_.log.MarksOf(backend_);  // Includes the head: more was read than it knew.
    parts_.board.CursorMoved();
    return true;
  }
  const ErrorCode code = resolved.error().code();
  if (code == ErrorCode::kFull) holds_full_until_ = parts_.clock.Now() + kHoldsFull;
  const bool is_moved = code == ErrorCode::kConflict || code == ErrorCode::kElsewhere;
  if (code != ErrorCode::kFull && !is_moved) return Failed(resolved.error());
  Restart();
  return true;
}

bool CursorCommitter::CommitHeld(LaneQueue& lane) {
  const std::optional<ResolvedPrefix> prefix = lane.held.Resolved();
  if (!prefix) return true;
  const Status resolved = parts_.log.ResolveHeld(backend_, lane.lane,
                                                 {.first = prefix->first,
                                                  .through = prefix->through.sequence,
                                                  .delivered = prefix->delivered,
                                                  .letters = prefix->letters,
                                                  .gaps = prefix->gaps});
  if (resolved.ok()) {
    failures_ = 0;
    for (const Gap& gap : prefix->gaps) parts_.on_gap(gap);
    parts_.board.CursorMoved();
    parts_.book.HeldCommitted(lane, prefix->through.sequence);
  } else if (resolved.error().code() == ErrorCode::kConflict ||
             resolved.error().code() == ErrorCode::kElsewhere) {
    parts_.book.ForgetHeldRead(lane);
    LookAgainNow();
  } else {
    return Failed(resolved.error());
  }
  parts_.book.lanes().Queue(lane, parts_.clock.Now());
  return true;
}

void CursorCommitter::Restart() {
  marks_ = parts_.log.MarksOf(backend_);
  // Records that come once more must not be sent behind those that the round has passed.
  const bool moved_back = marks_.cursor < parts_.book.flow().forgotten_through();
  if (moved_back) {
    parts_.book.overflow().BeginRound();
    parts_.on_rewound(marks_);
  }
  parts_.book.Restart(marks_.cursor);
  ++restarts_;
  LookAgainNow();
}

bool CursorCommitter::Failed(const Error& error) {
  ++failures_;
  failure_ = error.message();
  retry_at_ = parts_.clock.Now() + retry_.After(failures_, Chance(parts_.random));
  return false;
}

}  // namespace relay
