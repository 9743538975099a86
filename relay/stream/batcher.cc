#include "relay/stream/batcher.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/lineprotocol/scanner.h"
#include "relay/routing/append_write.h"

namespace relay {

// Outlives the batcher where the log answers late.
struct LineBatcher::Answer {
  explicit Answer(std::function<void()> to_wake) : wake(std::move(to_wake)) {}

  void Put(Status status) {
    const std::lock_guard lock(mutex);
    came = std::move(status);
    if (wake) wake();
  }
  std::optional<Status> Take() {
    const std::lock_guard lock(mutex);
    return std::exchange(came, std::nullopt);
  }
  void Leave() {
    const std::lock_guard lock(mutex);
    wake = nullptr;
  }

  std::mutex mutex;
  std::optional<Status> came;
  std::function<void()> wake;
};

LineBatcher::LineBatcher(LineBatcherOptions options, LineTarget target, Log& log,
                         const Clock& clock, Counters& counters, LineCounters& of_listener,
                         std::function<void()> wake)
    : options_(options),
      target_(std::move(target)),
      log_(log),
      clock_(clock),
      counters_(counters),
      of_listener_(of_listener),
      answer_(std::make_shared<Answer>(std::move(wake))),
      bad_lines_(options.tell),
      unrouted_points_(options.tell) {}

LineBatcher::~LineBatcher() {
  answer_->Leave();
}

void LineBatcher::TakeBody(std::string text) {
  Scan(std::move(text), target_.Get());
}

void LineBatcher::TakeLines(std::string text) {
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
  ScannedLines scanned = ScanLines(std::move(text), target->params.precision, clock_.WallNow());
  if (scanned.refused > 0) Refuse(scanned.refused, scanned.errors.front().why);
  if (scanned.points == 0) return;
  Batch& batch = OpenBatch(target);
  waiting_ += Bytes(scanned.lines.size());
  batch.points += scanned.points;
  if (batch.lines.empty()) {
    batch.lines = std::move(scanned.lines);
  } else {
    batch.lines += scanned.lines;
  }
}

// The last batch if it can take more, or a new one.
LineBatcher::Batch& LineBatcher::OpenBatch(const std::shared_ptr<const LineTarget>& target) {
  const bool closed = batches_.empty() || (batches_.size() == 1 && under_way_) ||
                      Bytes(batches_.back().lines.size()) >= options_.batch ||
                      batches_.back().target != target;
  if (closed) batches_.push_back({target, clock_.Now(), clock_.WallNow(), "", 0});
  return batches_.back();
}

void LineBatcher::Refuse(std::uint64_t lines, std::string_view why) {
  of_listener_.Refused(lines);
  counters_.RefusedLines(lines);
  if (const auto count = bad_lines_.Note(lines, clock_.Now())) {
    LogEvent(Level::kWarning, "lines refused",
             {{"listener", Name()}, {"lines", std::to_string(*count)}, {"one", why}});
  }
}

std::optional<Clock::Duration> LineBatcher::Turn() {
  for (;;) {
    TakeAnswer();
    const std::optional<Clock::Duration> due = UntilDue();
    if (!due || *due > Clock::Duration::zero()) return due;
    AppendFront();  // The log may have answered already.
  }
}

// Nothing: only an answer or another line can change anything.
std::optional<Clock::Duration> LineBatcher::UntilDue() const {
  if (batches_.empty() || under_way_) return std::nullopt;
  const Clock::TimePoint now = clock_.Now();
  Clock::TimePoint due = batches_.front().since + options_.linger;
  const bool full =
      batches_.size() > 1 || Bytes(batches_.front().lines.size()) >= options_.batch || hurried_;
  if (full) due = now;
  if (retry_at_) due = std::max(due, *retry_at_);
  return std::max(std::chrono::ceil<Clock::Duration>(due - now), Clock::Duration::zero());
}

// A copy is routed: the batch is kept until the log has it.
void LineBatcher::AppendFront() {
  const Batch& batch = batches_.front();
  RoutedLines routed = batch.target->router->Route(batch.target->params, batch.lines, batch.points);
  unrouted_ = routed.unrouted;
  unrouted_why_ = std::move(routed.why);
  routed_ = routed.size();
  if (routed.parts.empty()) return DropFront();
  under_way_ = true;
  retry_at_.reset();
  AppendRouted(log_, {batch.target->params, batch.target->codec, batch.accepted_at},
               std::move(routed), [answer = answer_](const Result<Durable>& done) {
                 answer->Put(done.ok() ? Ok() : Status(Error(done.error())));
               });
}

void LineBatcher::TakeAnswer() {
  const std::optional<Status> came = answer_->Take();
  if (!came) return;
  under_way_ = false;
  if (!came->ok()) {
    retry_at_ = clock_.Now() + options_.retry;
    if (!std::exchange(told_refusal_, true)) {
      LogEvent(Level::kWarning, "the log takes nothing: the listener waits",
               {{"listener", Name()}, {"reason", came->error().message()}});
    }
    return;
  }
  told_refusal_ = false;
  of_listener_.Accepted(routed_.points, routed_.bytes);
  counters_.Accepted(routed_.points, routed_.bytes);
  DropFront();
}

// The batch is stored or goes nowhere: what it holds is accounted for.
void LineBatcher::DropFront() {
  if (unrouted_ > 0) TellUnrouted();
  waiting_ = waiting_ - Bytes(batches_.front().lines.size());
  batches_.pop_front();
}

void LineBatcher::TellUnrouted() {
  of_listener_.Unrouted(unrouted_);
  counters_.UnroutedPoints(unrouted_);
  if (const auto count = unrouted_points_.Note(unrouted_, clock_.Now())) {
    LogEvent(Level::kWarning, "points go nowhere",
             {{"listener", Name()}, {"points", std::to_string(*count)}, {"one", unrouted_why_}});
  }
}

void LineBatcher::Abandon() {
  TakeAnswer();
  PointCount points = 0;
  for (const Batch& batch : batches_) points += batch.points;
  if (points == 0) return;
  batches_.clear();
  waiting_ = 0_B;
  of_listener_.Abandoned(points);
  LogEvent(Level::kError, "points lost: the log did not take them before the stop",
           {{"listener", Name()}, {"points", std::to_string(points)}});
}

}  // namespace relay
