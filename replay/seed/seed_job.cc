#include "replay/seed/seed_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "replay/compare/pair.h"
#include "replay/compare/rules.h"
#include "replay/compare/windows.h"

namespace relay {
namespace {

constexpr std::uint64_t kRangeValuesMax = 1'000'000;

// In the order of SeedJob::Phase.
constexpr std::array<std::string_view, 5> kPhases = {"fence", "make", "count", "copy", "compare"};

// Takes the text up to the next line end, or the rest.
std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return line;
}

template <typename Number>
Number TakeNumber(std::string_view& text) {
  const std::string_view line = TakeLine(text);
  Number number{};
  std::from_chars(line.data(), line.data() + line.size(), number);
  return number;
}

}  // namespace

SeedJob::SeedJob(SeedParts parts, ReplayProgress progress, Clock& clock)
    : ServerJob(std::move(progress)),
      parts_(std::move(parts)),
      clock_(clock),
      cursor_(FromText(Progress().cursor)),
      needs_pause_(cursor_.phase != Phase::kCompare) {}

std::string SeedJob::ToText(const Cursor& cursor) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}",
                     kPhases.at(static_cast<std::size_t>(cursor.phase)), cursor.position,
                     cursor.from, cursor.values, cursor.place.database, cursor.place.policy,
                     cursor.place.measurement);
}

// Text of no cursor is the begin.
SeedJob::Cursor SeedJob::FromText(const std::string& text) {
  std::string_view rest = text;
  const auto* const phase = std::find(kPhases.begin(), kPhases.end(), TakeLine(rest));
  if (phase == kPhases.end()) return {};
  Cursor cursor{.phase = static_cast<Phase>(phase - kPhases.begin())};
  cursor.position = TakeNumber<std::uint64_t>(rest);
  cursor.from = TakeNumber<std::int64_t>(rest);
  cursor.values = TakeNumber<std::uint64_t>(rest);
  cursor.place.database = TakeLine(rest);
  cursor.place.policy = TakeLine(rest);
  cursor.place.measurement = rest;
  return cursor;
}

bool SeedJob::NeedsPause() const {
  return needs_pause_ && Progress().state == ReplayState::kRunning;
}

void SeedJob::InterruptMore() {
  for (const auto& transport : parts_.transports) transport->Cancel();
  const std::lock_guard lock(sender_mutex_);
  if (sender_ != nullptr) sender_->Interrupt();
}

void SeedJob::SetSender(PartSender* sender) {
  const std::lock_guard lock(sender_mutex_);
  sender_ = sender;
  if (sender != nullptr && interrupted()) sender->Interrupt();
}

// The range under way is read again.
void SeedJob::BeginAgain() {
  places_.reset();
  ranges_.clear();
  ChangeProgress([this](ReplayProgress& progress) { progress.values_done = cursor_.values; });
}

void SeedJob::GoTo(Cursor cursor) {
  cursor_ = std::move(cursor);
  ChangeProgress([this](ReplayProgress& progress) {
    progress.cursor = ToText(cursor_);
    progress.values_done = cursor_.values;
  });
  needs_pause_ = cursor_.phase != Phase::kCompare;
}

void SeedJob::Sent(const SentPart& sent) {
  ChangeProgress([&sent](ReplayProgress& progress) {
    progress.points_sent += sent.points - sent.refused;
    progress.points_refused += sent.refused;
    progress.bytes_sent += sent.bytes;
    progress.values_done += sent.values;
    if (!sent.refusal.empty()) progress.refusal = sent.refusal;
  });
}

Status SeedJob::StepPhase() {
  switch (cursor_.phase) {
    case Phase::kFence: return WaitForSource();
    case Phase::kMake: return MakeForm();
    case Phase::kCount: return Count();
    case Phase::kCopy: return CopyNext();
    case Phase::kCompare: return CompareBoth();
  }
  INVARIANT(false);
}

// Waits until the source has everything that was accepted before the target was paused: what comes
// later is in the target's queue.
Status SeedJob::WaitForSource() {
  Say(fmt::format("waiting until {} has what was accepted", parts_.source_name));
  const std::unique_ptr<Fence> fence = parts_.source_passes(interrupted());
  if (cursor_.position == 0) {
    ASSIGN_OR_RETURN(const Mark here, fence->Here());
    Cursor taken = cursor_;
    taken.position = here.a;
    GoTo(taken);
  }
  RETURN_IF_ERROR(fence->WaitPassed({.a = cursor_.position, .b = cursor_.position}));
  Cursor next = cursor_;
  next.phase = Phase::kMake;
  GoTo(next);
  return Ok();
}

// Returns those that the target is meant to have.
Result<std::vector<std::string>> SeedJob::DatabasesOf(Source& from) const {
  Result<std::vector<std::string>> databases = from.Databases();
  if (!databases.ok()) return OnServer(parts_.source_name, databases.error());
  std::erase_if(databases.value(), [this](const std::string& database) {
    return !parts_.why_left_out({.database = database, .policy = "", .measurement = ""}).empty();
  });
  return databases;
}

Status SeedJob::MakeForm() {
  Say("making databases and retention policies");
  const std::shared_ptr<Source> from = Open(parts_.source);
  const std::shared_ptr<Source> to = Open(parts_.target);
  ASSIGN_OR_RETURN(const std::vector<std::string> databases, DatabasesOf(*from));
  RETURN_IF_ERROR(parts_.make(databases, *from, *to));
  Cursor next = cursor_;
  next.phase = Phase::kCount;
  GoTo(next);
  return Ok();
}

Status SeedJob::ListDatabase(Source& from, const std::string& database,
                             std::vector<Place>& places) const {
  ASSIGN_OR_RETURN(const std::vector<PolicyInfo> policies, from.Policies(database));
  for (const PolicyInfo& policy : policies) {
    ASSIGN_OR_RETURN(const std::vector<MeasurementInfo> listed,
                     from.Measurements(database, policy.name));
    for (const MeasurementInfo& one : listed) {
      const MeasurementRef ref{database, policy.name, one.name};
      if (one.name == kMarkMeasurement || !parts_.why_left_out(ref).empty()) continue;
      places.push_back({ref, one.fields, WindowsFor(policy.shard_duration, policy.shard_duration)});
    }
  }
  return Ok();
}

Status SeedJob::ListPlaces() {
  if (places_) return Ok();
  const std::shared_ptr<Source> from = Open(parts_.source);
  ASSIGN_OR_RETURN(const std::vector<std::string> databases, DatabasesOf(*from));
  std::vector<Place> places;
  for (const std::string& database : databases) {
    const Status listed = ListDatabase(*from, database, places);
    if (!listed.ok()) return OnServer(parts_.source_name, listed.error());
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.ref < b.ref; });
  places_ = std::move(places);
  counted_ = 0;
  return Ok();
}

Result<std::vector<TimeWindow>> SeedJob::WindowsIn(const Place& place) {
  const std::shared_ptr<Source> from = Open(parts_.source);
  Result<std::vector<TimeWindow>> windows =
      from->Windows(place.ref, place.fields, TimeRange(), place.shape);
  if (!windows.ok()) return OnServer(parts_.source_name, windows.error());
  return windows;
}

// Counts the values of one measurement, for the estimate of the time that is left.
Status SeedJob::Count() {
  RETURN_IF_ERROR(ListPlaces());
  if (counted_ == places_->size()) {
    Cursor next = cursor_;
    next.phase = Phase::kCopy;
    GoTo(next);
    return Ok();
  }
  const Place& place = (*places_)[counted_];
  Say("counting " + ToString(place.ref));
  ASSIGN_OR_RETURN(const std::vector<TimeWindow> windows, WindowsIn(place));
  ChangeProgress([&](ReplayProgress& progress) {
    if (counted_ == 0) progress.values_total = 0;
    for (const TimeWindow& window : windows) progress.values_total += window.values;
  });
  ++counted_;
  return Ok();
}

Result<std::vector<TimeRange>> SeedJob::RangesIn(const Place& place) {
  ASSIGN_OR_RETURN(const std::vector<TimeWindow> windows, WindowsIn(place));
  const TimeRange left{.from = place.ref == cursor_.place ? cursor_.from : TimeRange::kEarliest};
  // Within a window each field has one type.
  return RangesOf(windows, place.shape.length, left,
                  HasMixedField(place.fields) ? 0 : kRangeValuesMax);
}

// Copies the next range; goes on to the next measurement behind the last one.
Status SeedJob::CopyNext() {
  RETURN_IF_ERROR(ListPlaces());
  const auto place = std::find_if(places_->begin(), places_->end(),
                                  [this](const Place& one) { return !(one.ref < cursor_.place); });
  if (place == places_->end()) {
    Cursor next = cursor_;
    next.phase = Phase::kCompare;
    GoTo(next);
    return Ok();
  }
  Say("copying " + ToString(place->ref));
  if (ranges_.empty()) {
    ASSIGN_OR_RETURN(ranges_, RangesIn(*place));
    std::reverse(ranges_.begin(), ranges_.end());
  }
  Cursor next = cursor_;
  if (!ranges_.empty()) {
    RETURN_IF_ERROR(CopyRange(*place, ranges_.back()));
    next.place = place->ref;
    next.from = ranges_.back().to;
    next.values = Progress().values_done;
    ranges_.pop_back();
  }
  if (ranges_.empty()) {
    // The smallest name behind this one.
    next.place = place->ref;
    next.place.measurement += '\0';
    next.from = TimeRange::kEarliest;
  }
  GoTo(next);
  return Ok();
}

Status SeedJob::CopyRange(const Place& place, const TimeRange& range) {
  const WriteParams params{.database = place.ref.database, .retention_policy = place.ref.policy};
  const auto wait = [this](std::string why) {
    ChangeProgress([&why](ReplayProgress& progress) { progress.reason = std::move(why); });
  };
  PartSender sender(parts_.transports, clock_,
                    {.on_sent = [this](const SentPart& sent) { Sent(sent); }, .on_wait = wait});
  SetSender(&sender);
  LineSink sink(place.ref.measurement,
                [&](LinesPart part) { sender.Push(params, std::move(part)); });
  const std::shared_ptr<Source> from = Open(parts_.source);
  const Status read = from->Scan(place.ref, place.fields, range, sink);
  if (read.ok()) sink.End();
  const Status sent = sender.Finish();
  SetSender(nullptr);
  if (!read.ok()) return OnServer(parts_.source_name, read.error());
  if (!sent.ok()) return OnServer(parts_.target_name, sent.error());
  return Ok();
}

Status SeedJob::CompareBoth() {
  Say(fmt::format("comparing {} and {}", parts_.target_name, parts_.source_name));
  const std::unique_ptr<Fence> fence = parts_.both_pass(interrupted());
  ASSIGN_OR_RETURN(const Mark here, fence->Here());
  RETURN_IF_ERROR(fence->WaitPassed(here));
  RETURN_IF_ERROR(parts_.nothing_held());
  const std::shared_ptr<Source> to = Open(parts_.target);
  const std::shared_ptr<Source> from = Open(parts_.source);
  Pair pair(*to, *from, *fence, clock_, {});
  Comparison comparison(pair, {.why_left_out = parts_.why_left_out});
  ASSIGN_OR_RETURN(const Outcome outcome, comparison.Run());
  std::string result = Summarised(outcome, parts_.target_name, parts_.source_name);
  const std::vector<std::string> not_copied = parts_.not_copied();
  for (std::size_t i = 0; i < not_copied.size(); ++i) {
    result += (i == 0 ? "; not copied: " : ", ") + not_copied[i];
  }
  const bool equal = outcome.equality() == Equality::kEqual;
  if (equal) parts_.on_equal();
  EndWith(std::move(result), equal);
  return Ok();
}

}  // namespace relay
