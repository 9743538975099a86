#include "relay/stream/batcher.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/lineprotocol/scanner.h"
#include "relay/routing/append_write.h"

namespace relay {

// Carries the result of an append from the log's thread to the batcher's. It outlives the batcher
// if the log answers late.
struct LineBatcher::Completion {
  explicit Completion(std::function<void()> on_result) : wake(std::move(on_result)) {}

  void Put(Status status) {
    const std::lock_guard lock(mutex);
    result = std::move(status);
    if (wake) wake();
  }
  std::optional<Status> Get() {
    const std::lock_guard lock(mutex);
    return std::exchange(result, std::nullopt);
  }
  void Detach() {
    const std::lock_guard lock(mutex);
    wake = nullptr;
  }

  std::mutex mutex;
  std::optional<Status> result;
  std::function<void()> wake;
};

LineBatcher::LineBatcher(LineBatcherOptions options, LineTarget target, const ListenerDeps& deps,
                         LineCounters& listener_counters, std::function<void()> wake)
    : options_(options),
      target_(std::move(target)),
      deps_(deps),
      listener_counters_(listener_counters),
      completion_(std::make_shared<Completion>(std::move(wake))),
      bad_lines_(options.report_interval),
      unrouted_points_(options.report_interval) {}

LineBatcher::~LineBatcher() {
  completion_->Detach();
}

void LineBatcher::AddBody(std::string text) {
  Scan(std::move(text), target_.Get());
}

void LineBatcher::AddLines(std::string text) {
  INVARIANT(text.ends_with('\n'));
  const std::shared_ptr<const LineTarget> target = target_.Get();
  // Only a quote or a backslash can make a newline part of a line.
  if (text.find_first_of("\"\\") == std::string::npos) return Scan(std::move(text), target);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    Scan(text.substr(begin, end - begin), target);
    begin = end + 1;
  }
}

void LineBatcher::Scan(std::string text, const std::shared_ptr<const LineTarget>& target) {
  ScannedLines scanned = ScanLines(std::move(text), target->params.precision, deps_.clock.WallNow(),
                                   options_.line_max);
  if (scanned.refused > 0) Refuse(scanned.refused, scanned.errors.front().why);
  if (scanned.points == 0) return;
  PendingBatch& batch = OpenBatch(target);
  waiting_ += Bytes(scanned.lines.size());
  batch.points += scanned.points;
  if (batch.lines.empty()) {
    batch.lines = std::move(scanned.lines);
  } else {
    batch.lines += scanned.lines;
  }
}

// Returns the last batch if lines can be added to it, or a new one.
LineBatcher::PendingBatch& LineBatcher::OpenBatch(const std::shared_ptr<const LineTarget>& target) {
  const bool closed = batches_.empty() || (batches_.size() == 1 && appending_) ||
                      Bytes(batches_.back().lines.size()) >= options_.batch ||
                      batches_.back().target != target;
  if (closed) batches_.push_back({target, deps_.clock.Now(), deps_.clock.WallNow(), "", 0});
  return batches_.back();
}

void LineBatcher::Refuse(std::uint64_t lines, std::string_view why) {
  listener_counters_.Refused(lines);
  deps_.counters.RefusedLines(lines);
  if (const auto count = bad_lines_.Note(lines, deps_.clock.Now())) {
    LogEvent(Level::kWarning, "lines refused",
             {{"listener", Name()}, {"lines", std::to_string(*count)}, {"example", why}});
  }
}

std::optional<Clock::Duration> LineBatcher::Turn() {
  for (;;) {
    HandleCompletion();
    const std::optional<Clock::Duration> due = UntilDue();
    if (!due || *due > Clock::Duration::zero()) return due;
    AppendFront();  // The log may answer before this returns.
  }
}

std::optional<Clock::Duration> LineBatcher::UntilDue() const {
  if (batches_.empty() || appending_) return std::nullopt;
  const Clock::TimePoint now = deps_.clock.Now();
  Clock::TimePoint due = batches_.front().since + options_.linger;
  const bool full =
      batches_.size() > 1 || Bytes(batches_.front().lines.size()) >= options_.batch || !lingers_;
  if (full) due = now;
  if (retry_at_) due = std::max(due, *retry_at_);
  return std::max(std::chrono::ceil<Clock::Duration>(due - now), Clock::Duration::zero());
}

// Routes a copy: the batch is kept until the log has accepted it.
void LineBatcher::AppendFront() {
  const PendingBatch& batch = batches_.front();
  RoutedLines routed = batch.target->router->Route(batch.target->params, batch.lines, batch.points);
  front_ = {.routed = routed.size, .unrouted = routed.unrouted, .why = std::move(routed.why)};
  if (routed.parts.empty()) return RemoveFront();
  appending_ = true;
  retry_at_.reset();
  AppendRouted(deps_.log,
               {batch.target->params, batch.target->codec, batch.accepted_at, batch.target->judge},
               std::move(routed), [completion = completion_](const Result<Durable>& done) {
                 completion->Put(done.ok() ? Ok() : Status(Error(done.error())));
               });
}

void LineBatcher::HandleCompletion() {
  const std::optional<Status> result = completion_->Get();
  if (!result) return;
  appending_ = false;
  if (!result->ok()) {
    retry_at_ = deps_.clock.Now() + options_.retry;
    if (!std::exchange(refusal_reported_, true)) {
      LogEvent(Level::kWarning, "log is not accepting writes, listener paused",
               {{"listener", Name()}, {"reason", result->error().message()}});
    }
    return;
  }
  refusal_reported_ = false;
  listener_counters_.Accepted(front_.routed.points, front_.routed.bytes);
  deps_.counters.Accepted(front_.routed.points, front_.routed.bytes);
  const std::string& database = batches_.front().target->params.database;
  deps_.counters.databases().Accepted(database, front_.routed.points, front_.routed.bytes);
  if (deps_.databases != nullptr && !deps_.databases->IsNoted(database)) {
    deps_.databases->Note(database);
  }
  RemoveFront();
}

// Removes the front batch once each of its points is stored or has no backend.
void LineBatcher::RemoveFront() {
  if (front_.unrouted > 0) ReportUnrouted();
  waiting_ = waiting_ - Bytes(batches_.front().lines.size());
  batches_.pop_front();
}

void LineBatcher::ReportUnrouted() {
  listener_counters_.Unrouted(front_.unrouted);
  deps_.counters.UnroutedPoints(front_.unrouted);
  if (const auto count = unrouted_points_.Note(front_.unrouted, deps_.clock.Now())) {
    LogEvent(Level::kWarning, "no backend accepts these points",
             {{"listener", Name()}, {"points", std::to_string(*count)}, {"example", front_.why}});
  }
}

void LineBatcher::Abandon() {
  HandleCompletion();
  PointCount points = 0;
  for (const PendingBatch& batch : batches_) points += batch.points;
  if (points == 0) return;
  batches_.clear();
  waiting_ = 0_B;
  listener_counters_.Abandoned(points);
  LogEvent(Level::kError, "points lost: the log did not accept them before the stop",
           {{"listener", Name()}, {"points", std::to_string(points)}});
}

}  // namespace relay
