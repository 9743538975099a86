#include "replay/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "replay/line_walk.h"

namespace relay {
namespace {

// Records of one window: bounds the work between two moves of the cursor when
// records are small.
constexpr RecordCount kWindowRecordsMax = 10'000;

// A backend that refuses even small requests is not helped by smaller ones.
constexpr Bytes kBatchBytesLeast = 64_KiB;

constexpr std::size_t kWordsMax = 4U << 10U;
constexpr std::size_t kShownAnswerMax = 512;

// The log wakes a worker that has caught up; this bounds what a lost wake-up
// would cost.
constexpr Clock::Duration kIdleWait = std::chrono::seconds(1);

std::string Cut(std::string_view text, std::size_t size_max) {
  return std::string(text.substr(0, size_max));
}

// An answer in one line that cannot disturb a terminal or a log.
std::string Shown(const Reply& reply) {
  std::string text = fmt::format("HTTP {}", reply.http_status);
  if (!reply.body.empty()) text += ": " + Cut(reply.body, kShownAnswerMax);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

// The bytes of the first `count` lines.
std::size_t SizeOfLines(std::string_view lines, PointCount count) {
  LineWalk walk(lines);
  std::size_t size = 0;
  for (PointCount i = 0; i < count; ++i) size += walk.Next().size();
  return size;
}

}  // namespace

std::string_view ToString(WorkerState state) {
  switch (state) {
    case WorkerState::kCaughtUp: return "caught up";
    case WorkerState::kDelivering: return "delivering";
    case WorkerState::kRetrying: return "retrying";
    case WorkerState::kHeld: return "held";
    case WorkerState::kLogFailing: return "log failing";
  }
  INVARIANT(false);
}

Worker::Worker(Options options, Log& log, Transport& transport, Clock& clock)
    : options_(std::move(options)),
      log_(log),
      transport_(transport),
      clock_(clock),
      batch_bytes_max_(options_.batch_bytes_max),
      random_(static_cast<std::minstd_rand::result_type>(options_.jitter_seed)) {
  status_.since = clock_.WallNow();
}

void Worker::Run(Signal& more, const std::stop_token& stop) {
  const std::stop_callback cancel(stop, [this] { transport_.Cancel(); });
  Signal never;
  while (!stop.stop_requested()) {
    const StepResult step = Step();
    if (step.wait == Clock::Duration::zero()) continue;
    // New records end the wait of a worker without work, not that of one whose
    // backend needs time.
    clock_.WaitFor(step.state == WorkerState::kCaughtUp ? more : never, step.wait, stop);
  }
}

WorkerStatus Worker::Snapshot() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

Worker::StepResult Worker::Step() {
  // Rewound or skipped over: a piece that waits for its backend would not see it.
  if (log_.MarksOf(options_.backend).cursor != cursor_) ForgetWindow();
  if (Status settled = Settle(); !settled.ok()) return LogFailed(settled.error());
  if (pieces_.empty()) {
    const StepResult loaded = LoadWindow();
    if (pieces_.empty()) return loaded;
  }
  return SendFront();
}

Worker::StepResult Worker::LoadWindow() {
  INVARIANT(settled_ == window_.size());
  window_.clear();
  settled_ = 0;
  const Marks marks = log_.MarksOf(options_.backend);
  if (marks.lag() == 0) {
    Note(WorkerState::kCaughtUp, "");
    return {WorkerState::kCaughtUp, kIdleWait};
  }
  cursor_ = marks.cursor;
  Result<std::vector<StoredRecord>> read = log_.Read(
      options_.backend, cursor_, {.records = kWindowRecordsMax, .bytes = options_.batch_bytes_max});
  if (!read.ok()) return LogFailed(read.error());
  window_.reserve(read.value().size());
  for (StoredRecord& stored : read.value()) {
    window_.push_back({.stored = std::move(stored), .letters = {}});
  }
  CutIntoPieces();
  return {WorkerState::kDelivering, Clock::Duration::zero()};
}

// Records of one lane (database and retention policy) keep their order; those
// of different lanes have none to keep, so each lane fills its own pieces.
void Worker::CutIntoPieces() {
  using LaneName = std::pair<std::string_view, std::string_view>;
  std::map<LaneName, std::size_t> open;  // Where in pieces_ the lane goes on.
  for (std::size_t i = 0; i < window_.size(); ++i) {
    const StoredRecord& stored = window_[i].stored;
    if (!stored.record.ok()) {
      GiveUpDamaged(i);
      continue;
    }
    const WriteParams& params = stored.record.value()->params;
    const LaneName lane(params.database, params.retention_policy);
    const auto found = open.find(lane);
    if (found == open.end() || !Fits(pieces_[found->second], stored)) {
      open[lane] = pieces_.size();
      pieces_.emplace_back();
    }
    Piece& piece = pieces_[open[lane]];
    piece.slots.push_back(i);
    piece.points += stored.record.value()->points;
    piece.bytes += Bytes(stored.record.value()->lines.size());
  }
}

bool Worker::Fits(const Piece& piece, const StoredRecord& next) const {
  const Record& record = *next.record.value();
  return record.params == RecordOf(piece).params &&
         piece.points + record.points <= options_.batch_points_max &&
         piece.bytes + Bytes(record.lines.size()) <= batch_bytes_max_;
}

void Worker::GiveUpDamaged(std::size_t at) {
  Slot& slot = window_[at];
  const Entry& entry = slot.stored.entry;
  const Sequence before = at == 0 ? cursor_ : window_[at - 1].stored.entry.position.sequence;
  slot.gap = Gap{.first = before.Next(),
                 .last = entry.position.sequence,
                 .from = entry.accepted_at,
                 .to = entry.accepted_at,
                 .points = entry.size.points,
                 .bytes = entry.size.bytes,
                 .databases = {},
                 .reason = GapReason::kDamaged,
                 .note = Cut(slot.stored.record.error().message(), kWordsMax),
                 .by = "relay",
                 .when = clock_.WallNow()};
  slot.pieces_left = 0;
}

const Record& Worker::RecordOf(const Piece& piece) const {
  return *window_[piece.slots.front()].stored.record.value();
}

std::string_view Worker::LinesOf(const Piece& piece) {
  if (piece.slots.size() == 1) {
    return std::string_view(RecordOf(piece).lines).substr(piece.offset, piece.bytes.count());
  }
  joined_.clear();
  for (const std::size_t slot : piece.slots) joined_ += window_[slot].stored.record.value()->lines;
  return joined_;
}

Worker::StepResult Worker::SendFront() {
  const Piece& piece = pieces_.front();
  const Result<Reply> answer =
      transport_.Send({.params = RecordOf(piece).params, .lines = LinesOf(piece)});
  NoteRequest(answer);
  const Verdict verdict = Judge(answer, clock_.WallNow());
  if (answer.ok()) return Act(verdict, answer.value());
  return WaitAndRetry({.action = Action::kRetry, .why = answer.error().message()}, options_.retry,
                      WorkerState::kRetrying);
}

Worker::StepResult Worker::Act(const Verdict& verdict, const Reply& reply) {
  switch (verdict.action) {
    case Action::kDelivered:
      for (const std::size_t slot : pieces_.front().slots) {
        const PointCount all = window_[slot].stored.entry.size.points;
        window_[slot].delivered += pieces_.front().slots.size() == 1 ? pieces_.front().points : all;
      }
      return Finished();
    case Action::kPartial:
      if (verdict.try_again_first && failures_in_a_row_ == 0) {
        return WaitAndRetry(verdict, options_.retry, WorkerState::kRetrying);
      }
      return Refused(verdict, reply);
    case Action::kSplit: return Refused(verdict, reply);
    case Action::kRetry:
      return WaitAndRetry(verdict, verdict.rest_long ? options_.rest : options_.retry,
                          WorkerState::kRetrying);
    case Action::kHold: return WaitAndRetry(verdict, options_.probe, WorkerState::kHeld);
  }
  INVARIANT(false);
}

// Some lines of the front piece will never be taken: all of them go to the dead
// letters if that is what the backend says or only one is left, else each half
// is asked for on its own.
Worker::StepResult Worker::Refused(const Verdict& verdict, const Reply& reply) {
  const Piece& piece = pieces_.front();
  if (verdict.too_large) LearnSmallerBatch(piece);
  if (piece.points == 1 || verdict.dropped == piece.points) {
    BuryFront(verdict, reply);
    return Finished();
  }
  failures_in_a_row_ = 0;
  Note(WorkerState::kDelivering, verdict.why);
  HalveFront();
  return {WorkerState::kDelivering, Clock::Duration::zero()};
}

Worker::StepResult Worker::WaitAndRetry(const Verdict& verdict, const Backoff& backoff,
                                        WorkerState state) {
  ++failures_in_a_row_;
  Note(state, verdict.why);
  Clock::Duration wait = backoff.After(failures_in_a_row_, Chance());
  if (verdict.retry_after) wait = std::max(wait, *verdict.retry_after);
  return {state, wait};
}

// The front piece is resolved.
Worker::StepResult Worker::Finished() {
  for (const std::size_t slot : pieces_.front().slots) --window_[slot].pieces_left;
  pieces_.pop_front();
  failures_in_a_row_ = 0;
  Note(WorkerState::kDelivering, "");
  if (Status settled = Settle(); !settled.ok()) return LogFailed(settled.error());
  return {WorkerState::kDelivering, Clock::Duration::zero()};
}

void Worker::BuryFront(const Verdict& verdict, const Reply& reply) {
  const Piece& piece = pieces_.front();
  for (const std::size_t slot : piece.slots) {
    const StoredRecord& stored = window_[slot].stored;
    DeadLetter letter;
    letter.sequence = stored.entry.position.sequence;
    letter.first_line = piece.first_line;
    letter.reason = verdict.reason;
    letter.http_status = reply.http_status;
    letter.when = clock_.WallNow();
    letter.params = stored.record.value()->params;
    letter.words = Cut(reply.body, kWordsMax);
    const bool alone = piece.slots.size() == 1;
    letter.points = alone ? piece.points : stored.entry.size.points;
    letter.lines = alone ? LinesOf(piece) : std::string_view(stored.record.value()->lines);
    window_[slot].letters.push_back(std::move(letter));
  }
}

// REQUIRES: the front piece has at least two points.
void Worker::HalveFront() {
  Piece second = pieces_.front();
  Piece& first = pieces_.front();
  INVARIANT(first.points >= 2);
  if (first.slots.size() > 1) {
    const auto middle = static_cast<std::ptrdiff_t>(first.slots.size() / 2);
    first.slots.erase(first.slots.begin() + middle, first.slots.end());
    second.slots.erase(second.slots.begin(), second.slots.begin() + middle);
    first.points = 0;
    first.bytes = Bytes(0);
    for (const std::size_t slot : first.slots) {
      first.points += window_[slot].stored.record.value()->points;
      first.bytes += Bytes(window_[slot].stored.record.value()->lines.size());
    }
  } else {
    ++window_[first.slots.front()].pieces_left;
    const std::string_view lines = LinesOf(first);
    first.points /= 2;
    first.bytes = Bytes(SizeOfLines(lines, first.points));
    second.first_line += static_cast<std::uint32_t>(first.points);
    second.offset += first.bytes.count();
  }
  second.points -= first.points;
  second.bytes = second.bytes - first.bytes;
  pieces_.insert(pieces_.begin() + 1, std::move(second));
}

void Worker::LearnSmallerBatch(const Piece& piece) {
  const Bytes half(piece.bytes.count() / 2);
  batch_bytes_max_ =
      std::clamp(half, kBatchBytesLeast, std::max(kBatchBytesLeast, batch_bytes_max_));
}

// Moves the cursor over the resolved records at the window's front.
Status Worker::Settle() {
  Resolution resolution{.after = cursor_, .through = {}, .letters = {}, .gaps = {}, .held = {}};
  std::size_t next = settled_;
  for (; next < window_.size() && window_[next].pieces_left == 0; ++next) {
    const Slot& slot = window_[next];
    resolution.delivered += slot.delivered;
    resolution.letters.insert(resolution.letters.end(), slot.letters.begin(), slot.letters.end());
    if (slot.gap) resolution.gaps.push_back(*slot.gap);
  }
  if (next == settled_) return Ok();
  resolution.through = window_[next - 1].stored.entry.position;
  const Sequence through = resolution.through.sequence;
  Status moved = log_.Resolve(options_.backend, std::move(resolution));
  if (!moved.ok() && moved.error().code() == ErrorCode::kConflict) {
    ForgetWindow();
    return Ok();
  }
  if (!moved.ok()) return moved;
  settled_ = next;
  cursor_ = through;
  return Ok();
}

// What was read is no longer what is owed.
void Worker::ForgetWindow() {
  window_.clear();
  pieces_.clear();
  settled_ = 0;
}

Worker::StepResult Worker::LogFailed(const Error& error) {
  ++failures_in_a_row_;
  Note(WorkerState::kLogFailing, error.message());
  return {WorkerState::kLogFailing, options_.retry.After(failures_in_a_row_, Chance())};
}

void Worker::Note(WorkerState state, std::string_view why) {
  WorkerStatus changed;
  {
    const std::lock_guard lock(status_mutex_);
    status_.failures_in_a_row = failures_in_a_row_;
    if (status_.state == state && status_.why == why) return;
    if (status_.state != state) status_.since = clock_.WallNow();
    status_.state = state;
    status_.why = why;
    changed = status_;
  }
  options_.on_change(changed);
}

void Worker::NoteRequest(const Result<Reply>& answer) {
  const std::lock_guard lock(status_mutex_);
  ++status_.requests;
  if (!answer.ok()) {
    status_.last_answer = answer.error().message();
  } else if (answer.value().http_status / 100 != 2) {
    status_.last_answer = Shown(answer.value());
  }
}

double Worker::Chance() {
  constexpr auto kRange = static_cast<double>(std::minstd_rand::max()) + 1.0;
  return static_cast<double>(random_()) / kRange;
}

}  // namespace relay
