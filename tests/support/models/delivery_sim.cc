#include "tests/support/models/delivery_sim.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/record/lines.h"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kLanes = 6;
constexpr std::size_t kAtOnce = 3;
constexpr Clock::Duration kRetryMax{400};
constexpr Clock::Duration kTimeout{1'500};

}  // namespace

DeliverySim::DeliverySim(std::uint64_t seed, Planted planted) : random_(seed), planted_(planted) {
  Start();
  since_sync_ = {{Sequence::BeforeFirst(), 0}};
}

void DeliverySim::Start() {
  DeliveryOptions options{.backend = kWest};
  options.at_once_max = kAtOnce;
  options.unknown_refusals = UnknownRefusals::kDead;  // A lane that poison holds never ends.
  options.batch_points_max = 4 + Below(30);
  options.batch_bytes_max = Bytes(200 + Below(2000));
  options.read_least = Bytes(300 + Below(4000));  // Two records or more.
  options.timeout = kTimeout;
  options.retry = {.first = 50ms, .max = kRetryMax};
  options.probe = {.first = 100ms, .max = 2s};
  options.rest = {.first = 100ms, .max = 2s};
  options.jitter_seed = random_();
  delivery_ = std::make_unique<Delivery>(std::move(options), log_, clock_);
}

std::string DeliverySim::Run(std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps && model_.wrong().empty(); ++i) Step();
  EndFaults();
  if (model_.wrong().empty() && !Drain()) {
    const QueueStats now = log_.StatsOf(kWest).value();
    const WorkerStatus status = delivery_->Snapshot();
    model_.Wrong(fmt::format("{} points owed and {} held are not delivered in time: {} {}",
                             now.owed.points, now.held.points, ToString(status.state),
                             status.reason));
  }
  if (model_.wrong().empty()) CheckEnd();
  return model_.wrong();
}

void DeliverySim::Step() {
  const std::uint64_t what = Below(1000);
  if (what < 400) {
    Pump();
  } else if (what < 750) {
    Land();
  } else if (what < 860) {
    Advance();
  } else if (what < 970) {
    Accept();
  } else if (what < 985) {
    ChangeWeather();
  } else if (what < 988) {
    Crash();
  } else {
    Intervene();
  }
  NoteCursor();
  CheckBalance();
}

// ---------------------------------------------------------------- the delivery

void DeliverySim::Pump() {
  const Delivery::Job job = delivery_->Next();
  wait_ = Clock::Duration::zero();
  if (const auto* wait = std::get_if<Delivery::Wait>(&job)) {
    wait_ = wait->duration;
  } else if (const auto* send = std::get_if<Delivery::Send>(&job)) {
    flying_.push_back({.id = send->id, .batch = send->batch, .read = {}, .answer = {}});
    PlantOnSend(flying_.back());
  } else if (const auto* read = std::get_if<Delivery::Read>(&job)) {
    flying_.push_back({.id = read->id, .batch = nullptr, .read = *read, .answer = {}});
  }
}

void DeliverySim::Advance() {
  const bool all = OneIn(2);
  clock_.Advance(all ? wait_ : Clock::Duration(Below(100)));
  wait_ = Clock::Duration::zero();
}

bool DeliverySim::IsAlone(const Flying& arriving) const {
  return std::none_of(flying_.begin(), flying_.end(), [&](const Flying& other) {
    return &other != &arriving && other.batch &&
           LaneOf(other.batch->params()) == LaneOf(arriving.batch->params());
  });
}

// Lands something under way: a request arrives, or its answer does.
void DeliverySim::Land() {
  if (flying_.empty()) return;
  const std::size_t which = Below(flying_.size());
  Flying& flying = flying_[which];
  if (flying.batch && !flying.answer) {
    flying.answer = model_.Arrive(*flying.batch, {IsAlone(flying), flying.is_overtaken});
    return;
  }
  Flying landed = std::move(flying);
  flying_.erase(flying_.begin() + static_cast<std::ptrdiff_t>(which));
  Report(std::move(landed));
}

void DeliverySim::Report(Flying flying) {
  if (flying.read) {
    const Delivery::Read& read = *flying.read;
    delivery_->HasRead(flying.id, read.held
                                      ? log_.ReadHeld(kWest, *read.held, read.after, read.limit)
                                      : log_.Read(kWest, read.after, read.limit));
    return;
  }
  if (flying.is_reported) return;
  model_.Answered(*flying.batch, *flying.answer);
  if (flying.answer->is_late) clock_.Advance(kTimeout);
  delivery_->Sent(flying.id, Heard(flying.answer->reply));
}

// ------------------------------------------------------------ planted mistakes

void DeliverySim::PlantOnSend(Flying& flying) {
  if (planted_ == Planted::kCursorBeforeAnswer || planted_ == Planted::kTwoInFlight) {
    flying.is_reported = true;
    delivery_->Sent(flying.id, planted_ == Planted::kTwoInFlight ? NoAnswer() : Status204());
  }
  if (planted_ == Planted::kLaneOrder && flying.batch->parts.size() > 1) {
    auto turned = std::make_shared<SendBatch>(*flying.batch);
    std::reverse(turned->parts.begin(), turned->parts.end());
    flying.batch = turned;
  }
}

Result<Reply> DeliverySim::Heard(const Result<Reply>& answer) const {
  const bool refused = answer.ok() && answer.value().http_status / 100 == 4;
  if (planted_ == Planted::kRefusedDropped && refused) return Status204();
  return answer;
}

// ------------------------------------------------------------------- the world

Lane DeliverySim::AnyLane() {
  const std::uint64_t n = Below(kLanes);
  return {fmt::format("db{}", n / 2), n % 2 == 0 ? "" : "rp"};
}

void DeliverySim::Accept() {
  if (log_fails_) return;
  const Lane lane = AnyLane();
  Record record;
  record.params.database = lane.database;
  record.params.retention_policy = lane.retention_policy;
  record.params.precision = OneIn(10) ? Precision::kSecond : Precision::kNanosecond;
  record.points = 1 + Below(8);
  record.lines = model_.NextLines(lane, record.points);
  INVARIANT(AppendAndWait(log_, record).ok());
}

void DeliverySim::ChangeWeather() {
  CheckDownTime();
  model_.ChangeWeather();
  if (model_.weather == Weather::kDown) {
    down_since_ = clock_.Now();
    requests_before_down_ = model_.requests;
  }
  const Lane lane = AnyLane();
  if (OneIn(3)) model_.missing.insert(lane);
  if (OneIn(2)) model_.missing.erase(lane);
}

// Checks that while nothing is answered, attempts are as far apart as the
// back-off says, one at a time (except those that were under way).
void DeliverySim::CheckDownTime() {
  if (!down_since_) return;
  const auto down = std::chrono::duration_cast<Clock::Duration>(clock_.Now() - *down_since_);
  const std::uint64_t tries = model_.requests - requests_before_down_;
  const auto most =
      static_cast<std::uint64_t>(down / (kRetryMax / 2)) + kAtOnce + 10 + 10 * crashes_;
  if (tries > most) model_.Wrong(fmt::format("{} tries within {} ms", tries, down.count()));
  down_since_.reset();
}

void DeliverySim::Crash() {
  ++crashes_;
  for (Flying& flying : flying_) {
    const bool arrives = flying.batch && !flying.answer && OneIn(2);
    if (arrives)
      static_cast<void>(model_.Arrive(*flying.batch, {IsAlone(flying), flying.is_overtaken}));
  }
  flying_.clear();
  delivery_.reset();
  const Cursor& to = since_sync_[Below(since_sync_.size())];
  log_.FallBack(kWest, to.at, to.delivered);
  since_sync_ = {to};
  Start();
}

void DeliverySim::NoteCursor() {
  const QueueStats now = log_.StatsOf(kWest).value();
  const Cursor cursor{now.marks.cursor, now.delivered};
  if (cursor.at != since_sync_.back().at || cursor.delivered != since_sync_.back().delivered) {
    since_sync_.push_back(cursor);
  }
  // A change that waits for the disk syncs the cursor too; else it is synced now and then.
  const std::uint64_t synced_changes = log_.synced_changes();
  if (synced_changes != synced_changes_ || OneIn(30)) since_sync_ = {cursor};
  synced_changes_ = synced_changes;
}

void DeliverySim::CheckBalance() {
  const std::int64_t unaccounted = log_.StatsOf(kWest).value().unaccounted();
  if (unaccounted != 0) model_.Wrong(fmt::format("{} points are unaccounted for", unaccounted));
}

// --------------------------------------------------------------- the operators

void DeliverySim::Intervene() {
  if (OneIn(100)) return Forget();
  switch (Below(10)) {
    case 0: return Rewind();
    case 1: return Skip();
    case 2: return SkipHeld(AnyLane());
    case 3: static_cast<void>(log_.Execute(kWest, HoldLane{AnyLane()})); return;
    case 4:
    case 5: static_cast<void>(log_.Execute(kWest, ReleaseLane{AnyLane()})); return;
    case 6: static_cast<void>(log_.Execute(kWest, SetPaused{OneIn(2)})); return;
    case 7:
      log_fails_ = OneIn(2);
      log_.Fail(log_fails_);
      return;
    case 8: return Redrive();
    default: log_.FailReads(OneIn(3)); return;
  }
}

// Gives up the records (from, to], or asks for them again.
void DeliverySim::GiveUp(Sequence from, Sequence to, bool given_up) {
  log_.FailReads(false);
  for (const StoredRecord& stored : ReadAll(log_, kWest, from)) {
    if (stored.entry.position.sequence > to) return;
    const Record& record = *stored.record.value();
    model_.GiveUp(record.lines, LaneOf(record.params), given_up);
  }
}

void DeliverySim::Rewind() {
  const Marks marks = log_.MarksOf(kWest);
  const std::uint64_t back = Below(std::min<RecordCount>(marks.cursor.value(), 40) + 1);
  const Sequence to(marks.cursor.value() - back);
  if (!log_.Execute(kWest, relay::Rewind{to}).ok()) return;
  GiveUp(to, marks.cursor, false);
  for (Flying& flying : flying_) flying.is_overtaken = true;
}

void DeliverySim::Skip() {
  const Marks marks = log_.MarksOf(kWest);
  if (marks.lag() == 0) return;
  const Sequence to(marks.cursor.value() + 1 + Below(std::min<RecordCount>(marks.lag(), 5)));
  if (log_.Execute(kWest, relay::Skip{to, {}}).ok()) GiveUp(marks.cursor, to, true);
}

// Redrives some dead letters, each line of which the backend may take by now.
void DeliverySim::Redrive() {
  std::vector<std::uint64_t> numbers;
  const std::vector<StoredDeadLetter> letters = log_.ReadDead(kWest, 0, 1 + Below(5)).value();
  for (const StoredDeadLetter& stored : letters) numbers.push_back(stored.number);
  if (numbers.empty() || !log_.Execute(kWest, relay::Redrive{numbers, clock_.WallNow()}).ok())
    return;
  for (const StoredDeadLetter& stored : letters) {
    model_.Redriven(stored.letter.lines, LaneOf(stored.letter.params));
  }
}

// Takes the backend out of the configuration, forgets it, and adds it as new.
void DeliverySim::Forget() {
  flying_.clear();
  delivery_.reset();
  log_.Orphan(kWest);
  INVARIANT(log_.Execute(kWest, relay::Forget{}).ok());
  log_.Configure(kWest);
  model_.ForgetAll();
  since_sync_ = {{Sequence::BeforeFirst(), 0}};
  Start();
}

void DeliverySim::SkipHeld(const Lane& lane) {
  log_.FailReads(false);
  const Result<std::vector<StoredRecord>> held =
      log_.ReadHeld(kWest, lane, Sequence::BeforeFirst(), {.records = 100'000, .bytes = 1_GiB});
  if (!held.ok() || !log_.Execute(kWest, relay::SkipHeld{lane, {}}).ok()) return;
  for (const StoredRecord& stored : held.value()) {
    model_.GiveUp(stored.record.value()->lines, lane, true);
  }
}

// --------------------------------------------------------------------- the end

void DeliverySim::EndFaults() {
  CheckDownTime();
  model_.weather = Weather::kFair;
  model_.missing.clear();
  log_fails_ = false;
  log_.Fail(false);
  log_.FailReads(false);
  static_cast<void>(log_.Execute(kWest, SetPaused{false}));
  const std::vector<HeldLane> lanes = log_.HeldLanes(kWest).value();
  for (const HeldLane& held : lanes) {
    if (held.by_operator) static_cast<void>(log_.Execute(kWest, ReleaseLane{held.lane}));
  }
  // A lane whose only line is poison has nothing to tell it by.
  for (std::uint64_t i = 0; i < 20 * kLanes; ++i) Accept();
}

bool DeliverySim::Drain() {
  constexpr Clock::Duration kBound = 10min;
  const Clock::TimePoint start = clock_.Now();
  while (clock_.Now() - start < kBound && model_.wrong().empty()) {
    Pump();
    if (!flying_.empty()) {
      Land();
      clock_.Advance(1ms);
    } else {
      clock_.Advance(wait_);
    }
    CheckBalance();
    const QueueStats now = log_.StatsOf(kWest).value();
    if (now.owed.points + now.held.points == 0 && flying_.empty()) return true;
  }
  return !model_.wrong().empty();
}

void DeliverySim::CheckEnd() {
  std::set<std::pair<Lane, std::uint64_t>> dead;
  for (const StoredDeadLetter& stored : log_.ReadDead(kWest, 0, 1'000'000).value()) {
    for (LineWalk walk(stored.letter.lines); !walk.AtEnd();) {
      dead.emplace(LaneOf(stored.letter.params), BackendModel::NumberOf(walk.Next()));
    }
  }
  model_.CheckEnd(dead);
}

}  // namespace relay::test
