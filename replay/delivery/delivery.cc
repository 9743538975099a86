#include "replay/delivery/delivery.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

using TimePoint = Clock::TimePoint;
using Duration = Clock::Duration;

// What is read ahead, in batches: one is under way, one waits, one is read.
constexpr std::uint64_t kBatchesRead = 3;
constexpr RecordCount kReadRecordsMax = 10'000;
constexpr RecordCount kWindowRecordsMax = 4 * kReadRecordsMax;

// While a request is under way, new records are looked for this often, not each
// time one is accepted.
constexpr Duration kReadAgain{5};

// What operators change is looked at this often; the log wakes a worker that
// has caught up, and this bounds what a lost wake-up would cost.
constexpr Duration kLookAgain{1'000};

// For this long after the log refused to hold one more lane, the backend waits
// as a whole.
constexpr Duration kHoldsFull{60'000};

bool IsStatement(const StoredRecord& stored) {
  return stored.record.ok() && stored.record.value()->params.api == Api::kStatement;
}

}  // namespace

Delivery::Delivery(DeliveryOptions options, Log& log, Clock& clock)
    : options_(std::move(options)),
      log_(log),
      clock_(clock),
      gate_({.batch_points_max = options_.batch_points_max,
             .batch_bytes_max = options_.batch_bytes_max,
             .at_once_max = options_.at_once_max,
             .timeout = options_.timeout,
             .rate = options_.rate}),
      board_(options_.stuck_after, options_.on_change, clock),
      random_(static_cast<std::minstd_rand::result_type>(options_.jitter_seed)) {
  board_.Show({}, {.batch_bytes_max = options_.batch_bytes_max});
}

Delivery::Job Delivery::Next() {
  Job job = ChooseJob();
  ShowState();
  if (auto* wait = std::get_if<Wait>(&job)) wait->state = board_.state();
  return job;
}

Delivery::Job Delivery::ChooseJob() {
  LookAtLog();
  const TimePoint now = clock_.Now();
  const bool log_rests = log_retry_at_ > now;
  if (log_rests || !CommitResolved()) {
    return Wait{WorkerState::kLogFailing, std::chrono::ceil<Duration>(log_retry_at_ - now), false};
  }
  if (is_paused_) return Wait{WorkerState::kPaused, kLookAgain, true};
  if (std::optional<Job> job = NextOfLanes()) return *std::move(job);
  if (std::optional<Job> job = NextRead()) return *std::move(job);
  return WaitForWork();
}

// ------------------------------------------------------------------- requests

std::optional<Delivery::Job> Delivery::NextOfLanes() {
  const TimePoint now = clock_.Now();
  if (!gate_.MayStart(now)) return std::nullopt;
  const bool may_read_held = held_open_.size() < options_.at_once_max;
  LaneQueue* const lane = lanes_.Next(now, may_read_held);
  if (lane == nullptr) return std::nullopt;
  return StartLane(*lane);
}

std::optional<Delivery::Job> Delivery::StartLane(LaneQueue& lane) {
  if (lane.wants_held_read()) {
    held_open_.insert(&lane);
    lane.is_busy = true;
    lanes_.Queue(lane, clock_.Now());
    under_way_[++last_job_] = {.kind = Kind::kReadHeld,
                               .lane = &lane,
                               .epoch = lane.epoch,
                               .started = clock_.Now(),
                               .piece = nullptr};
    return Read{
        last_job_,
        lane.lane,
        Sequence::BeforeFirst(),
        {.records = kReadRecordsMax, .bytes = std::max(gate_.Limit().bytes, options_.read_least)}};
  }
  const std::shared_ptr<const SendBatch> front =
      lane.pieces.empty() ? FormPiece(lane) : lane.pieces.front();
  if (lane.create_due) return StartRequest(lane, Kind::kCreate, front);
  if (lane.canary) return StartRequest(lane, Kind::kCanary, lane.canary);
  return StartRequest(lane, Kind::kPiece, front);
}

Delivery::Job Delivery::StartRequest(LaneQueue& lane, Kind kind,
                                     std::shared_ptr<const SendBatch> piece) {
  const TimePoint now = clock_.Now();
  lane.is_busy = true;
  lanes_.Queue(lane, now);
  gate_.Started(*piece, now);
  under_way_[++last_job_] = {
      .kind = kind, .lane = &lane, .epoch = lane.epoch, .started = now, .piece = piece};
  if (kind == Kind::kCreate) return Create{last_job_, piece->params()};
  return Send{last_job_, std::move(piece)};
}

// What waits in the lane, joined. REQUIRES: something does.
std::shared_ptr<const SendBatch> Delivery::FormPiece(LaneQueue& lane) {
  std::deque<Sequence>& unsent = lane.held.empty() ? lane.flow : lane.held_unsent;
  Window& window = WindowOf(lane);
  const PieceLimit limit = gate_.Limit();
  auto piece = std::make_shared<SendBatch>();
  INVARIANT(!unsent.empty());
  while (!unsent.empty()) {
    const WindowEntry& slot = window.At(unsent.front());
    if (!Join(*piece, {unsent.front(), slot.record}, limit)) break;
    unsent.pop_front();
  }
  lane.pieces.push_back(piece);
  return piece;
}

// ---------------------------------------------------------------------- reads

bool Delivery::MayReadOn() const {
  const Bytes most(kBatchesRead * std::max(options_.batch_bytes_max, options_.read_least).count());
  if (fenced_ && !window_.empty()) return false;
  return !flow_read_ && window_.bytes() < most && window_.records() < kWindowRecordsMax;
}

std::optional<Delivery::Job> Delivery::NextRead() {
  if (!MayReadOn() || window_.read_through() >= marks_.head) return std::nullopt;
  const TimePoint now = clock_.Now();
  if (gate_.under_way() > 0 && now < read_again_at_) return std::nullopt;
  flow_read_ = ++last_job_;
  return Read{*flow_read_,
              std::nullopt,
              window_.read_through(),
              {.records = kReadRecordsMax,
               .bytes = std::max(options_.batch_bytes_max, options_.read_least)}};
}

void Delivery::HasRead(JobId id, Result<std::vector<StoredRecord>> read) {
  const auto held = under_way_.find(id);
  if (held == under_way_.end()) {
    if (flow_read_ != id) return;  // Thrown away meanwhile.
    flow_read_.reset();
    if (!read.ok()) {
      LogFailed(read.error());
    } else {
      TakeIntoLanes(std::move(read).value());
    }
    return;
  }
  const UnderWay job = held->second;
  under_way_.erase(held);
  LaneQueue& lane = *job.lane;
  lane.is_busy = false;
  held_open_.erase(&lane);
  if (!read.ok()) {
    LogFailed(read.error());
  } else if (job.epoch == lane.epoch) {
    TakeHeld(lane, std::move(read).value());
  }
  lanes_.Queue(lane, clock_.Now());
}

// Its lane; that of the record before it, if there is one, is tried first.
LaneQueue& Delivery::LaneFor(const WriteParams& params, LaneQueue* last) {
  const bool same = last != nullptr && last->lane.database == params.database &&
                    last->lane.retention_policy == params.retention_policy;
  return same ? *last : lanes_.Of(LaneOf(params));
}

void Delivery::TakeIntoLane(LaneQueue& lane, Sequence sequence) {
  if (!lane.takes_flow()) return window_.Hold(sequence);
  lane.flow.push_back(sequence);
  if (lane.flow.size() == 1) lanes_.Queue(lane, clock_.Now());
}

void Delivery::TakeIntoLanes(std::vector<StoredRecord> records) {
  log_failures_ = 0;
  LaneQueue* lane = nullptr;
  for (StoredRecord& stored : records) {
    const bool fences = IsStatement(stored);
    fenced_ = fences;
    if (fences && !window_.empty()) break;  // It is read again, once it is its turn.
    const Sequence sequence = stored.entry.position.sequence;
    window_.Add(std::move(stored), clock_.WallNow());
    const std::shared_ptr<const Record>& record = window_.At(sequence).record;
    if (!record) continue;
    lane = &LaneFor(record->params, lane);
    TakeIntoLane(*lane, sequence);
    if (fences) break;
  }
  // At the head, others than the first few come one by one.
  const bool at_head = window_.read_through() >= log_.MarksOf(options_.backend).head;
  read_again_at_ = at_head ? clock_.Now() + kReadAgain : TimePoint{};
}

void Delivery::TakeHeld(LaneQueue& lane, std::vector<StoredRecord> records) {
  log_failures_ = 0;
  if (records.empty()) {  // Somebody took them: the next look says so.
    look_again_at_ = clock_.Now();
    lane.not_before = clock_.Now() + kReadAgain;
    return;
  }
  lane.held.Restart(Sequence::BeforeFirst());
  for (StoredRecord& stored : records) {
    const Sequence sequence = stored.entry.position.sequence;
    lane.held.Add(std::move(stored), clock_.WallNow());
    if (lane.held.At(sequence).record) lane.held_unsent.push_back(sequence);
  }
  held_open_.insert(&lane);
  FinishIfAllRead(lane);
}

Delivery::Wait Delivery::WaitForWork() {
  const TimePoint now = clock_.Now();
  TimePoint until = std::max(look_again_at_, now);
  const bool turn_counts = gate_.has_room();
  if (const auto turn = lanes_.NextTurn(); turn && turn_counts) {
    // A lane that is due and waits for another to finish reading is not waited for.
    const TimePoint at = std::max(*turn, gate_.OpensAt(now));
    if (at > now) until = std::min(until, at);
  }
  const bool reads_later = MayReadOn() && gate_.under_way() > 0 && read_again_at_ > now;
  if (reads_later) until = std::min(until, read_again_at_);
  return {WorkerState::kCaughtUp, std::chrono::ceil<Duration>(until - now),
          MayReadOn() && !reads_later};
}

// -------------------------------------------------------------------- the log

void Delivery::LookAtLog() {
  marks_ = log_.MarksOf(options_.backend);
  if (marks_.cursor != window_.settled()) StartOver();
  is_paused_ = log_.PausedOf(options_.backend);
  if (clock_.Now() < look_again_at_) return;
  look_again_at_ = clock_.Now() + kLookAgain;
  LookAtHeldLanes();
  LookAtRate();
  lanes_.ForgetIdle();
  ShowLanes();
  const LaneQueue* const held = LongestHeld();
  board_.CheckStuck(marks_.lag(), is_paused_,
                    held == nullptr ? std::nullopt : std::optional(NamedStatusOf(*held)));
}

void Delivery::LookAtRate() {
  if (!gate_.is_rate_limited()) return;
  const Result<QueueStats> stats = log_.StatsOf(options_.backend);
  if (stats.ok()) gate_.NoteAccepted(stats.value().accepted, clock_.Now());
}

bool Delivery::CommitResolved() {
  if (!SettleFlow()) return false;
  const std::set<LaneQueue*> open = held_open_;
  return std::all_of(open.begin(), open.end(),
                     [this](LaneQueue* lane) { return SettleHeld(*lane); });
}

bool Delivery::SettleFlow() {
  const std::optional<ResolvedPrefix> settlement = window_.Resolved();
  if (!settlement) return true;
  const Status resolved = log_.Resolve(options_.backend, {.after = window_.settled(),
                                                          .through = settlement->through,
                                                          .delivered = settlement->delivered,
                                                          .letters = settlement->letters,
                                                          .gaps = settlement->gaps,
                                                          .held = settlement->held});
  if (resolved.ok()) {
    log_failures_ = 0;
    NoteHeld(*settlement);
    window_.Forget(settlement->through.sequence);
    marks_ = log_.MarksOf(options_.backend);  // The head too: more was read than it knew.
    board_.CursorMoved();
    return true;
  }
  const ErrorCode code = resolved.error().code();
  if (code == ErrorCode::kFull) holds_full_until_ = clock_.Now() + kHoldsFull;
  if (code != ErrorCode::kFull && code != ErrorCode::kConflict) return LogFailed(resolved.error());
  StartOver();
  return true;
}

void Delivery::NoteHeld(const ResolvedPrefix& settlement) {
  for (const Sequence sequence : settlement.held) {
    LaneQueue* const lane = lanes_.Find(LaneOf(window_.At(sequence).record->params));
    INVARIANT(lane != nullptr);
    lane->held_last = sequence;
    lanes_.Queue(*lane, clock_.Now());
  }
}

bool Delivery::SettleHeld(LaneQueue& lane) {
  const std::optional<ResolvedPrefix> settlement = lane.held.Resolved();
  if (!settlement) return true;
  const Status resolved = log_.ResolveHeld(options_.backend, lane.lane,
                                           {.first = settlement->first,
                                            .through = settlement->through.sequence,
                                            .delivered = settlement->delivered,
                                            .letters = settlement->letters,
                                            .gaps = settlement->gaps});
  if (resolved.ok()) {
    log_failures_ = 0;
    lane.held.Forget(settlement->through.sequence);
    board_.CursorMoved();
    if (lane.held.empty()) HeldSettled(lane);
  } else if (resolved.error().code() == ErrorCode::kConflict) {
    ForgetHeldRead(lane);
    look_again_at_ = clock_.Now();
  } else {
    return LogFailed(resolved.error());
  }
  lanes_.Queue(lane, clock_.Now());
  return true;
}

void Delivery::HeldSettled(LaneQueue& lane) {
  held_open_.erase(&lane);
  const bool is_last = lane.held_last && *lane.held_last <= lane.held.settled();
  if (lane.mode == LaneMode::kFinishing || is_last) GoLive(lane);
}

// Somebody moved the cursor, or the log refused: all that was read is forgotten
// and read anew. An answer that is still to come changes nothing, but its lane
// waits for it.
void Delivery::StartOver() {
  marks_ = log_.MarksOf(options_.backend);
  window_.Restart(marks_.cursor);
  fenced_ = false;
  flow_read_.reset();
  for (auto& [name, lane] : lanes_) {
    ++lane.epoch;
    lane.pieces.clear();
    lane.flow.clear();
    ForgetHeldRead(lane);
    lane.is_suspect = lane.create_due = false;
    lane.canary.reset();
    if (lane.mode == LaneMode::kFinishing) lane.mode = LaneMode::kDraining;
    const bool holds_nothing = !lane.held_last && !lane.by_operator;
    if (lane.mode != LaneMode::kLive && holds_nothing) GoLive(lane);
    lanes_.Queue(lane, clock_.Now());
  }
  look_again_at_ = clock_.Now();
}

bool Delivery::LogFailed(const Error& error) {
  ++log_failures_;
  log_why_ = error.message();
  log_retry_at_ = clock_.Now() + options_.retry.After(log_failures_, Chance());
  return false;
}

}  // namespace relay
