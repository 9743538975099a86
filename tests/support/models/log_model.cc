#include "tests/support/models/log_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/models/log_difference.h"
#include "wal/reading/load.h"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

BackendId Named(std::string_view name) {
  return BackendId::Parse(name).value();
}

Record RecordOf(std::uint64_t number, const Lane& lane, PointCount points) {
  Record record;
  record.params.database = lane.database;
  record.params.retention_policy = lane.retention_policy;
  record.points = points;
  for (PointCount i = 0; i < points; ++i) {
    record.lines += fmt::format("m,n={} v={} {}\n", number, i, number + i);
  }
  return record;
}

template <typename T>
Status WithoutValue(Result<T> result) {
  if (result.ok()) return Ok();
  return std::move(result).error();
}

}  // namespace

LogModel::LogModel(std::uint64_t seed, PlantedBug bug)
    : random_(seed),
      bug_(bug),
      directory_(FastestDirectory()),
      env_(rocksdb::NewCompositeEnv(disk_)),
      configured_({Named("west"), Named("east")}),
      model_(std::make_unique<MemoryLog>(configured_)),
      now_(1'000s) {
  options_.directory = directory_.path();
  options_.env = env_.get();
  options_.cursor_interval = 1h;  // Cursors are synced only along with something else.
  options_.reopen_first = 5ms;
  options_.reopen_max = 20ms;
  options_.file_size = 256_KiB;
  options_.group_max = 64_KiB;
  options_.limits.free_min = 0_B;
  options_.limits.dead.size = 1_GiB;  // It does not follow a size_max of one byte.
  options_.recent_max = 16_KiB;
  options_.limits.keep = {.time = 400s, .size = 64_KiB};
}

LogModel::~LogModel() = default;

std::string LogModel::Run(std::uint64_t operations) {
  try {
    if (log_ == nullptr) Open();
    if (bug_ == PlantedBug::kAnswerBeforeSync) disk_->LieAboutSyncs(true);
    const std::uint64_t end = done_ + operations;
    while (done_ < end) DoOne();
    CheckAll();
    Reopen();
  } catch (const Difference& difference) {
    return fmt::format("operation {}, {}: {}", done_, doing_, difference.what);
  }
  return "";
}

std::string LogModel::Summary() const {
  std::string text;
  for (const auto& [name, count] : counts_) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count);
  }
  return text;
}

void LogModel::Open() {
  Result<std::unique_ptr<DurableLog>> log = DurableLog::Open(options_, configured_);
  Expect(log.ok(), log.ok() ? "" : "opening: " + log.error().message());
  log_ = std::move(log).value();
}

void LogModel::DoOne() {
  struct Kind {
    const char* name;
    std::uint64_t weight;
    void (LogModel::*act)();
  };
  static constexpr Kind kKinds[] = {
      {"append", 3'000, &LogModel::Append},
      {"deliver", 12'000, &LogModel::Deliver},
      {"deliver late", 200, &LogModel::DeliverLate},
      {"deliver held", 600, &LogModel::DeliverHeld},
      {"rewind", 100, &LogModel::Rewind},
      {"skip", 100, &LogModel::Skip},
      {"skip held", 20, &LogModel::SkipHeld},
      {"hold or release", 60, &LogModel::HoldOrRelease},
      {"pause", 30, &LogModel::Pause},
      {"drop or redrive dead", 150, &LogModel::DropOrRedriveDead},
      {"keep house", 150, &LogModel::EnforceRetention},
      {"become full", 10, &LogModel::BecomeFull},
      {"reopen", 20, &LogModel::Reopen},
      {"power loss", 30, &LogModel::CutPower},
      {"failed sync", 15, &LogModel::FailASync},
      {"forget", 5, &LogModel::ForgetAndReturn},
  };
  std::uint64_t sum = 0;
  for (const Kind& kind : kKinds) sum += kind.weight;
  std::uint64_t drawn = Below(sum);
  for (const Kind& kind : kKinds) {
    if (drawn < kind.weight) {
      doing_ = kind.name;
      ++counts_[kind.name];
      ++done_;
      (this->*kind.act)();
      break;
    }
    drawn -= kind.weight;
  }
  now_ += std::chrono::milliseconds(Below(500));
  for (const BackendId& backend : configured_) Check(backend);
  if (done_ % 2'000 == 0) CheckAll();
}

// Returns mostly one record; now and then parts, for different backends.
std::vector<AppendRequest> LogModel::NextWrite() {
  std::vector<AppendRequest> parts;
  const std::uint64_t count = OneIn(10) ? 2 : 1;
  for (std::uint64_t i = 0; i < count; ++i) {
    Record record = RecordOf(next_number_++, AnyLane(), 1 + Below(5));
    std::vector<BackendId> to = configured_;
    if (OneIn(3)) to = {AnyBackend()};
    parts.push_back({Encode(std::move(record), Codec::kZstd).value(),
                     std::make_shared<const std::vector<BackendId>>(std::move(to)), now_});
  }
  return parts;
}

LogModel::Step LogModel::AppendTo(const std::vector<AppendRequest>& parts) {
  return [parts](MemoryLog& model) { model.AppendParts(parts, [](const Result<Durable>&) {}); };
}

void LogModel::Append() {
  const std::uint64_t count = 1 + Below(40);
  std::promise<void> answered;
  std::atomic<std::uint64_t> left = count;
  std::atomic<std::uint64_t> refused = 0;
  const bool full = options_.limits.size_max == 1_B;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::vector<AppendRequest> parts = NextWrite();
    if (!full) AppendTo(parts)(*model_);
    log_->AppendParts(parts, [&](const Result<Durable>& done) {
      const bool right = full ? !done.ok() && done.error().code() == ErrorCode::kFull : done.ok();
      if (!right) ++refused;
      if (--left == 0) answered.set_value();
    });
  }
  answered.get_future().wait();
  Expect(refused == 0,
         fmt::format("{} of {} appends were answered wrongly", refused.load(), count));
  done_ += count - 1;
  if (!full) RememberCursors();
}

// Appends without waiting; returns what each would do to the model.
std::vector<LogModel::Step> LogModel::AppendUnawaited(std::size_t count) {
  std::vector<Step> steps;
  steps.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<AppendRequest> parts = NextWrite();
    steps.push_back(AppendTo(parts));
    log_->AppendParts(parts, [](const Result<Durable>&) {});
  }
  return steps;
}

// Runs the command on both: the results must be the same.
template <typename Verb>
void LogModel::Both(const Verb& verb, bool waits) {
  const Status log = verb(static_cast<Log&>(*log_));
  const Status model = verb(static_cast<Log&>(*model_));
  Expect(Shown(log) == Shown(model),
         fmt::format("{} ({}), the model says {}", Shown(log),
                     log.ok() ? "" : log.error().message(), Shown(model)));
  if (waits && log.ok()) RememberCursors();
}

void LogModel::BothExecute(const BackendId& backend, const LogCommand& command, bool waits) {
  const auto execute = [&](Log& log) { return WithoutValue(log.Execute(backend, command)); };
  Both(execute, waits);
}

// Notes that all cursors moved so far are on stable storage.
void LogModel::RememberCursors() {
  places_.clear();
  for (const BackendId& backend : model_->Backends()) {
    const QueueStats figures = model_->StatsOf(backend).value();
    places_[backend] = {{figures.marks.cursor, figures.delivered}};
  }
}

void LogModel::Deliver() {
  const BackendId backend = AnyBackend();
  const Marks marks = model_->MarksOf(backend);
  if (marks.lag() == 0) return;
  const ReadLimit limit{.records = 1 + Below(20), .bytes = 1_GiB};
  const auto read = log_->Read(backend, marks.cursor, limit);
  ExpectSame(read, model_->Read(backend, marks.cursor, limit));
  Resolution resolution{.after = marks.cursor,
                        .through = read.value().back().entry.position,
                        .letters = {},
                        .gaps = {},
                        .held = {}};
  if (OneIn(10)) {
    AddFates(read.value(), resolution);
  } else {
    for (const StoredRecord& stored : read.value())
      resolution.delivered += stored.entry.size.points;
  }
  const bool waits =
      !resolution.letters.empty() || !resolution.gaps.empty() || !resolution.held.empty();
  if (bug_ == PlantedBug::kCursorAhead && resolution.through.sequence < marks.head && OneIn(100)) {
    const auto next = log_->Read(backend, resolution.through.sequence, {.records = 1});
    Resolution ahead = resolution;
    ahead.through = next.value().front().entry.position;
    Expect(log_->Resolve(backend, ahead).ok(), "not resolved");
    Expect(model_->Resolve(backend, resolution).ok(), "not resolved");
    return;
  }
  Both([&](Log& log) { return log.Resolve(backend, resolution); }, waits);
  if (waits) return;
  const QueueStats figures = model_->StatsOf(backend).value();
  places_[backend].push_back({figures.marks.cursor, figures.delivered});
}

// Adds some of everything that can become of a record.
void LogModel::AddFates(const std::vector<StoredRecord>& records, Resolution& resolution) {
  for (const StoredRecord& stored : records) {
    const Entry& entry = stored.entry;
    const Sequence sequence = entry.position.sequence;
    switch (Below(6)) {
      case 0: resolution.held.push_back(sequence); break;
      case 1: {
        DeadLetter letter;
        letter.sequence = sequence;
        letter.points = 1 + Below(entry.size.points);
        letter.reason = static_cast<DeadReason>(1 + Below(3));
        letter.params = stored.record.value()->params;
        letter.lines = stored.record.value()->lines;
        letter.when = now_;
        resolution.delivered += entry.size.points - letter.points;
        resolution.letters.push_back(std::move(letter));
        break;
      }
      case 2:
        if (OneIn(4)) {
          Gap gap{.first = sequence, .last = sequence, .databases = {}, .note = {}, .by = {}};
          gap.points = entry.size.points;
          gap.reason = GapReason::kDamaged;
          resolution.gaps.push_back(std::move(gap));
          break;
        }
        [[fallthrough]];
      default: resolution.delivered += entry.size.points;
    }
  }
}

// Delivers what was read before somebody else moved the cursor.
void LogModel::DeliverLate() {
  const BackendId backend = AnyBackend();
  const Marks marks = model_->MarksOf(backend);
  if (marks.trimmed == marks.cursor) return;
  Resolution resolution{.after = AnyBetween(marks.trimmed, Sequence(marks.cursor.value() - 1)),
                        .through = {},
                        .delivered = 1,
                        .letters = {},
                        .gaps = {},
                        .held = {}};
  resolution.through = model_->Read(backend, resolution.after, {}).value().front().entry.position;
  if (OneIn(2)) resolution.letters.emplace_back();
  Both([&](Log& log) { return log.Resolve(backend, resolution); }, false);
}

void LogModel::DeliverHeld() {
  const BackendId backend = AnyBackend();
  const std::vector<HeldLane> lanes = model_->HeldLanes(backend).value();
  const Lane lane = lanes.empty() ? AnyLane() : lanes[Below(lanes.size())].lane;
  const ReadLimit limit{.records = 1 + Below(10), .bytes = 1_GiB};
  const auto read = log_->ReadHeld(backend, lane, Sequence::BeforeFirst(), limit);
  ExpectSame(read, model_->ReadHeld(backend, lane, Sequence::BeforeFirst(), limit));
  HeldResolution resolution{
      .first = Sequence(1 + Below(9)), .through = Sequence(9), .letters = {}, .gaps = {}};
  if (!read.value().empty()) {
    resolution.first = read.value().front().entry.position.sequence;
    resolution.through = read.value().back().entry.position.sequence;
    for (const StoredRecord& stored : read.value())
      resolution.delivered += stored.entry.size.points;
    if (OneIn(5)) {  // The last point is refused.
      DeadLetter letter;
      letter.sequence = resolution.through;
      letter.points = 1;
      letter.lines = "m v=1 1\n";
      --resolution.delivered;
      resolution.letters.push_back(letter);
    }
  }
  if (OneIn(10)) resolution.first = resolution.first.Next();
  if (OneIn(10)) resolution.through = resolution.through.Next();
  // The next record may be held too and would then have to be counted: do not ask for it.
  if (!read.value().empty() && resolution.through > read.value().back().entry.position.sequence) {
    const auto more =
        model_->ReadHeld(backend, lane, read.value().back().entry.position.sequence, {}).value();
    if (!more.empty() && more.front().entry.position.sequence == resolution.through) return;
  }
  Both([&](Log& log) { return log.ResolveHeld(backend, lane, resolution); });
}

void LogModel::Rewind() {
  const BackendId backend = AnyBackend();
  const Marks marks = model_->MarksOf(backend);
  const Sequence to = AnyBetween(marks.trimmed, marks.cursor.Next());
  BothExecute(backend, relay::Rewind{to});
}

void LogModel::Skip() {
  const BackendId backend = AnyBackend();
  const Marks marks = model_->MarksOf(backend);
  const std::uint64_t few = std::min<std::uint64_t>(marks.lag(), 10);
  const Sequence to = AnyBetween(marks.cursor, Sequence(marks.cursor.value() + few + 1));
  BothExecute(backend, relay::Skip{to, {.by = "ann", .note = "why", .when = now_}});
}

void LogModel::SkipHeld() {
  const BackendId backend = AnyBackend();
  const Lane lane = AnyLane();
  BothExecute(backend, relay::SkipHeld{lane, {.by = "ann", .note = "", .when = now_}});
}

void LogModel::HoldOrRelease() {
  const BackendId backend = AnyBackend();
  const Lane lane = AnyLane();
  if (OneIn(3)) {
    BothExecute(backend, HoldLane{lane});
  } else if (OneIn(2)) {
    BothExecute(backend, GiveUpRefused{lane});
  } else {
    BothExecute(backend, ReleaseLane{lane});
  }
}

void LogModel::Pause() {
  const BackendId backend = AnyBackend();
  BothExecute(backend, SetPaused{OneIn(2)});
}

void LogModel::DropOrRedriveDead() {
  const BackendId backend = AnyBackend();
  const auto letters = model_->ReadDead(backend, 0, 100).value();
  std::vector<std::uint64_t> numbers;
  for (const StoredDeadLetter& letter : letters) {
    if (OneIn(3)) numbers.push_back(letter.number);
  }
  if (OneIn(10)) numbers.push_back(1 + Below(100));
  if (OneIn(2) || options_.limits.size_max == 1_B) {
    BothExecute(backend, DropDead{numbers});
  } else {
    BothExecute(backend, Redrive{numbers, now_});
  }
}

void LogModel::EnforceRetention() {
  if (bug_ == PlantedBug::kTrimBeforeSync) disk_->LieAboutSyncs(true);
  const Status kept = log_->EnforceRetention({Clock::TimePoint(now_.time_since_epoch()), now_});
  disk_->LieAboutSyncs(bug_ == PlantedBug::kAnswerBeforeSync);
  Expect(kept.ok(), kept.ok() ? "" : kept.error().message());
  KeepPolicy keep = options_.limits.keep;
  if (options_.limits.size_max == 1_B) keep.size = 0_B;
  for (const BackendId& backend : model_->Backends()) TrimModel(backend, keep);
  if (bug_ == PlantedBug::kTrimBeforeSync && OneIn(4)) CutPower();
}

// Too much must go; too old may go, as the log measures ages with a lag.
void LogModel::TrimModel(const BackendId& backend, const KeepPolicy& keep) {
  const Marks marks = model_->MarksOf(backend);
  const Bytes kept = model_->StatsOf(backend).value().kept.stored;
  Bytes before(0);
  Sequence must = marks.trimmed;
  Sequence may = marks.trimmed;
  for (const StoredRecord& stored : model_->Read(backend, marks.trimmed, kAll).value()) {
    const Entry& entry = stored.entry;
    if (entry.position.sequence > marks.cursor) break;
    const bool too_old = entry.accepted_at < now_ - keep.time;
    const bool too_much = kept - before > keep.size;
    if (!too_old && !too_much) break;
    before += entry.size.stored;
    may = entry.position.sequence;
    if (too_much) must = may;
  }
  const Sequence through = log_->MarksOf(backend).trimmed;
  Expect(must <= through && through <= may,
         fmt::format("trimmed {} through {}, expected {} to {}", backend.text(), through.value(),
                     must.value(), may.value()));
  if (through == marks.trimmed) return;
  model_->Trim(backend, through);
  RememberCursors();  // The marks were synced.
}

// Reaches the limit, or makes room again.
void LogModel::BecomeFull() {
  options_.limits.size_max = options_.limits.size_max == 1_B || OneIn(2) ? 64_GiB : 1_B;
  Reopen();
}

void LogModel::Reopen() {
  log_.reset();
  if (bug_ == PlantedBug::kSequenceReused) {
    for (const auto& file :
         std::filesystem::directory_iterator(StoreDirectory(directory_.path()))) {
      if (file.path().extension() != ".log") continue;
      std::filesystem::resize_file(file.path(), file.file_size() / 2);
    }
  }
  Open();
  RememberCursors();
  CheckAll();
}

void LogModel::CutPower() {
  const std::vector<Step> uncertain = AppendUnawaited(Below(6));
  disk_->Freeze();
  LosePower();
  Follow(uncertain);
}

// Applies as much of what was under way as is there, but no cursor that ran ahead.
void LogModel::Follow(const std::vector<Step>& uncertain) {
  std::string seen;
  for (const BackendId& backend : log_->Backends()) {
    seen += fmt::format("\n  {}: {}", backend.text(), Shown(log_->StatsOf(backend).value()));
  }
  for (std::size_t there = 0; there <= uncertain.size(); ++there) {
    std::unique_ptr<MemoryLog> candidate = model_->Copy();
    for (std::size_t i = 0; i < there; ++i) uncertain[i](*candidate);
    if (!FollowsTo(*candidate, there == 0)) continue;
    model_ = std::move(candidate);
    RememberCursors();
    CheckAll();
    return;
  }
  std::string known;
  for (const BackendId& backend : model_->Backends()) {
    known += fmt::format("\n  {}: {}", backend.text(), Shown(model_->StatsOf(backend).value()));
  }
  Expect(false, fmt::format("{} operations under way, and the log has{}\nthe model{}",
                            uncertain.size(), seen, known));
}

bool LogModel::FollowsTo(MemoryLog& candidate, bool cursors_may_fall) const {
  for (const BackendId& backend : candidate.Backends()) {
    const Result<QueueStats> log = log_->StatsOf(backend);
    if (!log.ok()) return false;
    const auto places = places_.find(backend);
    if (cursors_may_fall && places != places_.end()) {
      for (const CursorPlace& place : places->second) {
        if (place.cursor != log.value().marks.cursor) continue;
        candidate.FallBack(backend, place.cursor, place.delivered);
        break;
      }
    }
    if (Shown(candidate.StatsOf(backend).value()) != Shown(log.value())) return false;
  }
  return true;
}

// A change refused then may have happened or not, whether the log reopens by
// itself or power is lost.
void LogModel::FailASync() {
  const bool ignored = bug_ == PlantedBug::kSyncErrorIgnored;
  if (ignored) disk_->LieAboutSyncs(true);
  if (!ignored) disk_->FailSyncs(true);
  const auto [step, accepted] = OneIn(2) ? AppendNow() : SkipNow();
  Expect(ignored || !accepted, "accepted though its sync failed");
  if (accepted) {
    step(*model_);
    RememberCursors();
  }
  const bool power_goes = OneIn(2) || ignored;
  if (power_goes) disk_->Freeze();
  if (ignored) disk_->LieAboutSyncs(false);
  disk_->FailSyncs(false);
  const std::vector<Step> uncertain = accepted ? std::vector<Step>() : std::vector<Step>{step};
  if (power_goes) {
    LosePower();
    Follow(uncertain);
    return;
  }
  WaitForTheLog();
  // The process lives: no cursor falls back now. They are not yet written
  // either, and may fall back later, as far as before.
  auto written = std::exchange(places_, {});
  Follow(uncertain);
  for (auto& [backend, places] : places_) {
    std::vector<CursorPlace>& before = written[backend];
    places.insert(places.begin(), before.begin(), before.end());
  }
}

LogModel::Tried LogModel::AppendNow() {
  const std::vector<AppendRequest> parts = NextWrite();
  std::promise<bool> accepted;
  log_->AppendParts(parts, [&](const Result<Durable>& done) { accepted.set_value(done.ok()); });
  return {AppendTo(parts), accepted.get_future().get()};
}

LogModel::Tried LogModel::SkipNow() {
  const BackendId backend = AnyBackend();
  const auto skip = [backend, to = model_->MarksOf(backend).cursor.Next()](Log& log) {
    return log.Execute(backend, relay::Skip{to, {}}).ok();
  };
  return {[skip](MemoryLog& model) { static_cast<void>(skip(model)); }, skip(*log_)};
}

// REQUIRES: the disk is frozen.
void LogModel::LosePower() {
  log_.reset();
  disk_->LosePower();
  Open();
}

void LogModel::WaitForTheLog() {
  const bool back = Eventually(kPatience, [this] {
    const Status health = log_->Health();
    return health.ok() || health.error().code() == ErrorCode::kFull;
  });
  Expect(back, "the log does not come back");
}

void LogModel::ForgetAndReturn() {
  const BackendId east = Named("east");
  configured_ = {Named("west")};
  model_->Orphan(east);
  Reopen();
  if (OneIn(2)) {
    BothExecute(east, Forget{});
    BothExecute(east, SetPaused{true}, false);
    if (OneIn(2)) CutPower();
  }
  configured_ = {Named("west"), east};
  model_->Configure(east);
  Reopen();
}

void LogModel::Check(const BackendId& backend) {
  ExpectSameFigures(*log_, *model_, backend);
}

void LogModel::CheckAll() {
  Expect(log_->Backends() == model_->Backends(), "other backends than the model's");
  for (const BackendId& backend : model_->Backends()) {
    Check(backend);
    CheckContents(backend);
  }
}

void LogModel::CheckContents(const BackendId& backend) {
  ExpectSameContents(*log_, *model_, backend);
  const WallTime time = now_ - std::chrono::milliseconds(Below(400'000));
  Expect(log_->LastBefore(backend, time).value() == model_->LastBefore(backend, time).value(),
         "another last record before a time");
  const PayloadId payload(1 + Below(next_number_));
  const WriteOutcome fate = log_->OutcomeOf(backend, payload).value();
  const WriteOutcome right = model_->OutcomeOf(backend, payload).value();
  Expect(fate == right || (fate == WriteOutcome::kTrimmed && right == WriteOutcome::kNotRouted),
         fmt::format("fate {} of payload {}, the model says {}", static_cast<int>(fate),
                     payload.value(), static_cast<int>(right)));
}

std::uint64_t LogModel::Below(std::uint64_t bound) {
  return bound == 0 ? 0 : random_() % bound;
}

BackendId LogModel::AnyBackend() {
  return configured_[Below(configured_.size())];
}

Lane LogModel::AnyLane() {
  static const std::vector<Lane> lanes = {{"a", ""}, {"a", "week"}, {"b", ""}, {"c", ""}};
  return lanes[Below(lanes.size())];
}

Sequence LogModel::AnyBetween(Sequence low, Sequence high) {
  return Sequence(low.value() + Below(high - low + 1));
}

}  // namespace relay::test
