#include "relay/history/recorder.h"

#include <algorithm>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kTurn{1};
constexpr std::uint64_t kLooksMax = 120;  // In a row, should the wall clock stand still.
constexpr std::chrono::milliseconds kStepLeast{2'000};
constexpr const char* kNotConfigured = "not configured";

CounterTotals TotalsOf(const QueueStats& figures) {
  return {.accepted = figures.accepted.points,
          .bytes = figures.accepted.bytes.count(),
          .delivered = figures.delivered,
          .dead = figures.dead,
          .dropped = figures.dropped};
}

// Counters fall if the log was replaced by an older copy: that is no growth.
std::uint64_t Grown(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

CounterTotals Grown(const CounterTotals& before, const CounterTotals& after) {
  return {.accepted = Grown(before.accepted, after.accepted),
          .bytes = Grown(before.bytes, after.bytes),
          .delivered = Grown(before.delivered, after.delivered),
          .dead = Grown(before.dead, after.dead),
          .dropped = Grown(before.dropped, after.dropped)};
}

// Returns the upper bound of the bucket that 99 % of the durations since `before` are within.
double P99Since(const Histogram::Reading& before, const Histogram::Reading& after) {
  const std::uint64_t all = Grown(before.count(), after.count());
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i) {
    seen += Grown(before.counts.at(i), after.counts.at(i));
    if (seen * 100 >= all * 99) return Seconds(Histogram::kBounds.at(i));
  }
  return Seconds(Histogram::kBounds.back());
}

// Returns the state of a backend that is not as it should be; empty: it takes writes.
std::string DownState(const BackendStatus& backend) {
  return !backend.takes_writes || IsDiverged(backend) ? backend.state : std::string();
}

bool IsSameMinute(WallTime a, WallTime b) {
  return std::chrono::floor<std::chrono::minutes>(a) == std::chrono::floor<std::chrono::minutes>(b);
}

}  // namespace

HistoryRecorder::HistoryRecorder(HistoryStore& store, Clock& clock,
                                 std::function<RelayStatus()> status)
    : store_(store), clock_(clock), status_(std::move(status)) {
  for (const HistoryEvent& event : store_.events_found()) Remember(event);
  const std::optional<HistoryRow>& row = store_.last_minute();
  if (!row) return;
  for (const auto& [name, backend] : row->backends) watched_[name].totals = backend.total;
}

// Tells how the relay ended before: in good order if that is the last that it noted.
HistoryEvent HistoryRecorder::StartedNow() const {
  HistoryEvent started{.at = clock_.WallNow(), .kind = HistoryKind::kStarted, .state = "first"};
  if (store_.events_found().empty()) return started;
  const HistoryEvent& newest = store_.events_found().back();
  const std::optional<HistoryRow>& row = store_.last_minute();
  started.state = newest.kind == HistoryKind::kStopped ? "clean" : "unclean";
  started.other = row ? std::max(row->to, newest.at) : newest.at;
  return started;
}

void HistoryRecorder::Start() {
  {
    const std::lock_guard lock(mutex_);
    Write(StartedNow());
    started_ = true;
  }
  Look();
  {
    // Counters are told from here on, even if the relay is killed within the first minute.
    const std::lock_guard lock(mutex_);
    CloseRow();
  }
  thread_ = std::jthread([this](const std::stop_token& stop) {
    Signal never;
    while (!stop.stop_requested()) {
      Look();
      clock_.WaitFor(never, kTurn, stop);
    }
  });
}

void HistoryRecorder::Stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  const std::lock_guard lock(mutex_);
  if (!std::exchange(started_, false)) return;
  CloseRow();
  Write({.at = clock_.WallNow(), .kind = HistoryKind::kStopped});
}

// Goes on where the relay was when it ended.
void HistoryRecorder::Remember(const HistoryEvent& event) {
  if (event.backend.empty()) return;
  Watched& watched = watched_[event.backend];
  switch (event.kind) {
    case HistoryKind::kDown:
      watched.down = event.state;
      watched.recovers = true;
      break;
    case HistoryKind::kUp: watched.down.clear(); break;
    case HistoryKind::kRecovered:
    case HistoryKind::kRemoved: watched = Watched(); break;
    default: break;
  }
}

void HistoryRecorder::Look() {
  const RelayStatus status = status_();
  const std::lock_guard lock(mutex_);
  WriteWaiting();
  NoteClock();
  const WallTime now = clock_.WallNow();
  CloseRowIfDue(now);
  if (!row_) row_ = HistoryRow{.from = now, .to = now};
  row_->to = now;
  ++looks_;
  for (const BackendStatus& backend : status.backends) NoteBackend(backend, status.now);
}

void HistoryRecorder::NoteClock() {
  const Moment moment = MomentOf(clock_);
  const std::optional<Moment> last = std::exchange(last_look_, moment);
  if (!last) return;
  const auto by = (moment.wall - last->wall) - (moment.steady - last->steady);
  if (std::chrono::abs(by) < kStepLeast) return;
  Write({.at = moment.wall, .kind = HistoryKind::kClockSet, .seconds = Seconds(by)});
}

void HistoryRecorder::NoteBackend(const BackendStatus& backend, WallTime now) {
  Watched& watched = watched_[backend.name];
  if (backend.state == kNotConfigured) {
    if (watched.recovers) {
      Write({.at = clock_.WallNow(), .kind = HistoryKind::kRemoved, .backend = backend.name});
    }
    watched = Watched();
    return;
  }
  AddSample(backend, now, watched);
  NoteOutage(backend, watched);
  NoteRecovery(backend, watched);
}

// A state that began before the last event of this backend did is told as beginning now.
void HistoryRecorder::NoteOutage(const BackendStatus& backend, Watched& watched) {
  const std::string down = DownState(backend);
  if (down == watched.down) return;
  const Moment now = MomentOf(clock_);
  const auto age = backend.since ? std::max(now.wall - *backend.since, WallTime::duration::zero())
                                 : WallTime::duration::zero();
  HistoryEvent event{.at = now.wall - age, .backend = backend.name};
  if (down.empty()) {
    event.kind = HistoryKind::kUp;
    if (watched.down_since) {
      event.seconds = Seconds(std::max<WallTime::duration>(now.steady - age - *watched.down_since,
                                                           WallTime::duration::zero()));
    }
    watched.recovered_at = backend.figures.marks.head;
  } else {
    event.kind = HistoryKind::kDown;
    event.state = down;
    event.text = backend.why;
    if (watched.down.empty()) watched.down_since = now.steady - age;
    watched.recovers = true;
    watched.recovered_at.reset();
  }
  watched.down = down;
  Write(std::move(event));
}

void HistoryRecorder::NoteRecovery(const BackendStatus& backend, Watched& watched) {
  if (!watched.recovers) return;
  watched.points_worst = std::max(watched.points_worst, UndeliveredPoints(backend));
  if (!watched.down.empty()) return;
  // The relay ended while the backend recovered: what it is owed at the start is what counts.
  if (!watched.recovered_at) watched.recovered_at = backend.figures.marks.head;
  if (backend.figures.marks.cursor < *watched.recovered_at) return;
  Write({.at = clock_.WallNow(),
         .kind = HistoryKind::kRecovered,
         .backend = backend.name,
         .points = watched.points_worst,
         .seconds = watched.age_worst});
  watched.recovers = false;
  watched.recovered_at.reset();
  watched.down_since.reset();
  watched.points_worst = 0;
  watched.age_worst = 0;
}

void HistoryRecorder::AddSample(const BackendStatus& backend, WallTime now, Watched& watched) {
  BackendRow& row = row_->backends[backend.name];
  const double age = Seconds(OldestUndeliveredAge(backend, now));
  ++row.samples;
  if (!DownState(backend).empty()) ++row.samples_down;
  row.undelivered_last = UndeliveredPoints(backend);
  row.undelivered_max = std::max(row.undelivered_max, row.undelivered_last);
  row.held_max = std::max(row.held_max, backend.figures.held.points);
  row.age_max = std::max(row.age_max, age);
  watched.age_worst = watched.recovers ? std::max(watched.age_worst, age) : 0;
  row.total = TotalsOf(backend.figures);
  row.grown = row.grown + Grown(watched.totals.value_or(row.total), row.total);
  watched.totals = row.total;
  watched.sent = backend.send_times;
  const Histogram::Reading& before = watched.sent_before;
  row.requests = Grown(before.count(), watched.sent.count());
  row.request_seconds = std::max(0.0, Seconds(watched.sent.sum) - Seconds(before.sum));
  row.request_p99_seconds = row.requests == 0 ? 0 : P99Since(before, watched.sent);
}

// Rows begin with the minutes of the wall clock; if that is set, a row ends early.
void HistoryRecorder::CloseRowIfDue(WallTime now) {
  if (!row_) return;
  if (!IsSameMinute(row_->from, now) || looks_ >= kLooksMax) CloseRow();
}

void HistoryRecorder::CloseRow() {
  if (!row_) return;
  looks_ = 0;
  for (auto& [name, watched] : watched_) watched.sent_before = watched.sent;
  Report(store_.AppendMinute(*std::exchange(row_, std::nullopt)));
}

std::optional<HistoryRow> HistoryRecorder::Present() const {
  const std::lock_guard lock(mutex_);
  return row_;
}

void HistoryRecorder::Note(HistoryEvent event) {
  const std::lock_guard lock(mutex_);
  event.at = clock_.WallNow();
  Write(std::move(event));
}

void HistoryRecorder::Write(HistoryEvent event) {
  waiting_.push_back(std::move(event));
  if (waiting_.size() > kWaitingMax) waiting_.pop_front();
  WriteWaiting();
}

void HistoryRecorder::WriteWaiting() {
  while (!waiting_.empty()) {
    const Status written = store_.Append(waiting_.front());
    Report(written);
    if (!written.ok()) return;
    waiting_.pop_front();
  }
}

void HistoryRecorder::Report(const Status& written) {
  if (failing_ == !written.ok()) return;
  failing_ = !written.ok();
  if (!failing_) return LogEvent(Level::kInfo, "history is written again", {});
  LogEvent(Level::kWarning, "cannot write the history",
           {{"reason", written.error().message()},
            {"effect",
             "plots and reports lack what happens until it can be written; writes and "
             "delivery go on"}});
}

}  // namespace relay
