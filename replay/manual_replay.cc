#include "replay/manual_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replay/batch/sendable.h"
#include "replay/transport/verdict.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

constexpr Backoff kRetry{.first = std::chrono::milliseconds(200),
                         .max = std::chrono::milliseconds(15'000)};

// Describes the outcome of a request, with the target's response.
std::string DescribeOutcome(const Verdict& verdict, const Result<Reply>& reply) {
  constexpr std::size_t kBodyMax = 200;
  if (!reply.ok()) return reply.error().message();
  return fmt::format("{}: HTTP {} {}", verdict.text->reason, reply.value().http_status,
                     reply.value().body.substr(0, kBodyMax));
}

}  // namespace

std::string_view ToString(ReplayState state) {
  switch (state) {
    case ReplayState::kRunning: return "running";
    case ReplayState::kComplete: return "done";
    case ReplayState::kCancelled: return "cancelled";
    case ReplayState::kGivenUp: return "failed";
  }
  INVARIANT(false);
}

ReplayJob::ReplayJob(ReplayRange range, ReplayProgress progress, const LogView& log,
                     Transport& transport, Clock& clock)
    : range_(std::move(range)),
      log_(log),
      transport_(transport),
      clock_(clock),
      under_way_(progress.next_after),
      progress_(std::move(progress)) {}

ReplayProgress ReplayJob::Progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void ReplayJob::Cancel() {
  Finish(ReplayState::kCancelled, "");
  transport_.Cancel();
}

void ReplayJob::GiveUp(std::string reason) {
  Finish(ReplayState::kGivenUp, std::move(reason));
}

bool ReplayJob::NeedsPause() const {
  const std::lock_guard lock(mutex_);
  return range_.pauses_target && progress_.state == ReplayState::kRunning;
}

// Keeps the first end: a cancelled job does not fail because of it.
void ReplayJob::Finish(ReplayState state, std::string reason) {
  const std::lock_guard lock(mutex_);
  if (progress_.state != ReplayState::kRunning) return;
  progress_.state = state;
  progress_.reason = std::move(reason);
}

Clock::Duration ReplayJob::Step() {
  if (batches_.empty()) return NextRecord();
  return SendFront();
}

Clock::Duration ReplayJob::NextRecord() {
  {
    const std::lock_guard lock(mutex_);
    progress_.next_after = under_way_;
  }
  if (under_way_ >= range_.last) {
    Finish(ReplayState::kComplete, "");
    return Clock::Duration::zero();
  }
  Result<std::vector<StoredRecord>> read =
      log_.Read(range_.backend, under_way_, {.records = 1, .bytes = 1_B});
  if (!read.ok()) return Later(read.error().message(), kRetry.After(++failures_, 0));
  if (read.value().empty()) {
    Finish(ReplayState::kComplete, "");
    return Clock::Duration::zero();
  }
  const StoredRecord& stored = read.value().front();
  if (stored.entry.position.sequence > range_.last) {  // The records in between are trimmed.
    Finish(ReplayState::kComplete, "");
    return Clock::Duration::zero();
  }
  under_way_ = stored.entry.position.sequence;
  if (!stored.record.ok()) {
    const std::lock_guard lock(mutex_);
    ++progress_.damaged;
    return Clock::Duration::zero();
  }
  const Record& record = *stored.record.value();
  if (record.params.api == Api::kStatement) return Clock::Duration::zero();
  if (!range_.database.empty() && record.params.database != range_.database) {
    return Clock::Duration::zero();
  }
  params_ = record.params;
  SendableRecord sendable = FindSendable(stored.record.value());
  if (!sendable.unsendable.empty()) {
    const std::lock_guard lock(mutex_);
    progress_.points_refused += sendable.unsendable.size();
    progress_.refusal = kNotSendable;
  }
  if (!sendable.record) return Clock::Duration::zero();
  SendBatch batch = Chosen(*sendable.record);
  if (batch.points > 0) batches_.push_back(std::move(batch));
  return Clock::Duration::zero();
}

bool ReplayJob::IsChosen(std::string_view line) const {
  return range_.measurement.empty() || MeasurementOf(line) == range_.measurement;
}

ReplayJob::SendBatch ReplayJob::Chosen(const Record& record) const {
  SendBatch batch;
  for (LineWalk walk(record.lines); !walk.AtEnd();) {
    const std::string_view line = walk.Next();
    if (!IsChosen(line)) continue;
    batch.lines += line;
    ++batch.points;
  }
  return batch;
}

Clock::Duration ReplayJob::SendFront() {
  const SendBatch& batch = batches_.front();
  const Result<Reply> reply = transport_.Send({.params = params_, .lines = batch.lines});
  const Verdict verdict = Judge(reply, clock_.WallNow());
  switch (verdict.action) {
    case Action::kDelivered: return Delivered(batch, 0, "");
    case Action::kPartial:
      if (verdict.dropped == batch.points) {
        return Delivered(batch, batch.points, DescribeOutcome(verdict, reply));
      }
      [[fallthrough]];
    case Action::kSplit: return Refused(DescribeOutcome(verdict, reply));
    case Action::kHold:
      if (ConcernsLane(verdict.cause)) return PassedOver(DescribeOutcome(verdict, reply));
      [[fallthrough]];
    case Action::kRetry: {
      if (verdict.cause == Cause::kCredentials && IsOfClient())
        return PassedOver(DescribeOutcome(verdict, reply));
      Clock::Duration wait = kRetry.After(++failures_, 0.5);
      if (verdict.retry_after) wait = std::max(wait, *verdict.retry_after);
      return Later(DescribeOutcome(verdict, reply), wait);
    }
  }
  INVARIANT(false);
}

Clock::Duration ReplayJob::Delivered(const SendBatch& batch, PointCount refused,
                                     std::string response) {
  const PointCount points = batch.points;
  {
    const std::lock_guard lock(mutex_);
    progress_.points_sent += points - refused;
    progress_.points_refused += refused;
    progress_.bytes_sent += Bytes(batch.lines.size());
    if (refused > 0) progress_.refusal = std::move(response);
    if (progress_.state == ReplayState::kRunning) progress_.reason.clear();
  }
  batches_.pop_front();
  failures_ = 0;
  if (range_.points_per_second <= 0) return Clock::Duration::zero();
  const double seconds = static_cast<double>(points) / range_.points_per_second;
  return std::chrono::duration_cast<Clock::Duration>(std::chrono::duration<double>(seconds));
}

// Returns whether its client, not the relay, may not write.
bool ReplayJob::IsOfClient() const {
  return transport_.passes_credentials() && !params_.credentials.empty();
}

// Halves the front batch, to send each half on its own; a line refused alone is passed over.
Clock::Duration ReplayJob::Refused(std::string response) {
  if (batches_.front().points == 1) return PassedOver(std::move(response));
  SendBatch whole = std::move(batches_.front());
  batches_.pop_front();
  failures_ = 0;
  SendBatch first{.lines = "", .points = whole.points / 2};
  LineWalk walk(whole.lines);
  for (PointCount i = 0; i < first.points; ++i) first.lines += walk.Next();
  batches_.push_front({whole.lines.substr(first.lines.size()), whole.points - first.points});
  batches_.push_front(std::move(first));
  return Clock::Duration::zero();
}

Clock::Duration ReplayJob::PassedOver(std::string response) {
  {
    const std::lock_guard lock(mutex_);
    progress_.points_refused += batches_.front().points;
    progress_.refusal = std::move(response);
    if (progress_.state == ReplayState::kRunning) progress_.reason.clear();
  }
  batches_.pop_front();
  failures_ = 0;
  return Clock::Duration::zero();
}

Clock::Duration ReplayJob::Later(std::string_view reason, Clock::Duration wait) {
  const std::lock_guard lock(mutex_);
  if (progress_.state == ReplayState::kRunning) progress_.reason = reason;
  return wait;
}

}  // namespace relay
