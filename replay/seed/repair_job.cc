#include "replay/seed/repair_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace relay {
namespace {

constexpr std::int64_t kHour = 3'600'000'000'000;

// Returns whether the source has something to give for the point.
bool IsRepairable(const PointDifference& point) {
  return std::any_of(point.values.begin(), point.values.end(),
                     [](const ValueDifference& value) { return value.b.has_value(); });
}

std::int64_t HourOf(std::int64_t time) {
  const std::int64_t into = (time % kHour + kHour) % kHour;
  return time < TimeRange::kEarliest + into ? TimeRange::kEarliest : time - into;
}

std::uint64_t RepairableIn(const Outcome& outcome) {
  return static_cast<std::uint64_t>(
      std::count_if(outcome.differences.begin(), outcome.differences.end(), IsRepairable));
}

std::uint64_t DifferingIn(const Outcome& outcome) {
  std::uint64_t points = 0;
  for (const PlaceOutcome& place : outcome.places) {
    points += place.only_a + place.only_b + place.other_values;
  }
  return points;
}

}  // namespace

RepairJob::RepairJob(RepairParts parts, ReplayProgress progress, Clock& clock)
    : ServerJob(std::move(progress)), parts_(std::move(parts)), clock_(clock) {}

Result<Outcome> RepairJob::CompareBoth() {
  Say(fmt::format("comparing {} and {}", parts_.target_name, parts_.source_name));
  const std::unique_ptr<Fence> fence = parts_.both_pass(interrupted());
  ASSIGN_OR_RETURN(const Mark here, fence->Here());
  RETURN_IF_ERROR(fence->WaitPassed(here));
  const std::shared_ptr<Source> to = Open(parts_.target);
  const std::shared_ptr<Source> from = Open(parts_.source);
  Pair pair(*to, *from, *fence, clock_, {});
  ComparisonOptions options = parts_.options;
  options.listed_max = kPointsMax;
  Comparison comparison(pair, std::move(options));
  return comparison.Run();
}

// One round: compares, and sends what the source has of the points that differ.
Status RepairJob::StepPhase() {
  ASSIGN_OR_RETURN(const Outcome outcome, CompareBoth());
  const std::uint64_t left = RepairableIn(outcome);
  const std::uint64_t differing = DifferingIn(outcome);
  fruitless_ = differing < fewest_ ? 0 : fruitless_ + 1;
  fewest_ = std::min(fewest_, differing);
  if (left == 0 || fruitless_ == kFruitlessMax) {
    std::string result = Summarised(outcome, parts_.target_name, parts_.source_name);
    if (left == 0 && differing > 0) result += "; what only one has is not deleted";
    EndWith(std::move(result), outcome.equality() == Equality::kEqual);
    return Ok();
  }
  std::map<MeasurementRef, Wanted> places;
  for (const PointDifference& point : outcome.differences) {
    for (const ValueDifference& value : point.values) {
      if (value.b) places[point.place][{point.tags, point.time}].insert(value.field);
    }
  }
  for (const auto& [place, wanted] : places) {
    Say("sending points of " + ToString(place));
    RETURN_IF_ERROR(SendWhatSourceHas(place, wanted));
  }
  return Ok();
}

Status RepairJob::SendWhatSourceHas(const MeasurementRef& place, const Wanted& wanted) {
  MeasurementRef target = place;
  ASSIGN_OR_RETURN(target.policy, PolicyOnTarget(place));
  MeasurementRef source = place;
  ASSIGN_OR_RETURN(source.policy, PolicyOnSource(place));
  Status appended = Ok();
  LineSink sink(
      place.measurement,
      [&](LinesPart part) {
        if (appended.ok()) appended = Append(target, std::move(part));
      },
      [&wanted](const std::string& tags, std::int64_t time, const std::string& field) {
        const auto point = wanted.find({tags, time});
        return point != wanted.end() && point->second.contains(field);
      });
  const Status read = ReadInto(sink, source, wanted);
  if (!read.ok()) return OnServer(parts_.source_name, read.error());
  sink.End();
  return appended;
}

// Reads the hours that have wanted points: within one each field has one type.
Status RepairJob::ReadInto(LineSink& sink, const MeasurementRef& place, const Wanted& wanted) {
  const std::shared_ptr<Source> from = Open(parts_.source);
  ASSIGN_OR_RETURN(const std::vector<MeasurementInfo> listed,
                   from->Measurements(place.database, place.policy));
  const auto measurement =
      std::find_if(listed.begin(), listed.end(),
                   [&](const MeasurementInfo& one) { return one.name == place.measurement; });
  if (measurement == listed.end()) return Ok();
  std::map<std::int64_t, TimeRange> hours;
  for (const auto& [point, fields] : wanted) {
    const std::int64_t time = point.second;
    TimeRange& range = hours.try_emplace(HourOf(time), TimeRange{time, time + 1}).first->second;
    range = {std::min(range.from, time), std::max(range.to, time + 1)};
  }
  for (const auto& [hour, range] : hours) {
    RETURN_IF_ERROR(from->Scan(place, measurement->fields, range, sink));
  }
  return Ok();
}

Status RepairJob::Append(const MeasurementRef& place, LinesPart part) {
  const Bytes bytes(part.lines.size());
  RETURN_IF_ERROR(
      parts_.append({.params = {.database = place.database, .retention_policy = place.policy},
                     .points = part.points,
                     .lines = std::move(part.lines)}));
  ChangeProgress([&](ReplayProgress& progress) {
    progress.points_sent += part.points;
    progress.bytes_sent += bytes;
  });
  return Ok();
}

Result<std::string> RepairJob::PolicyOnTarget(const MeasurementRef& place) {
  const std::shared_ptr<Source> to = Open(parts_.target);
  const Result<std::vector<PolicyInfo>> policies = to->Policies(place.database);
  if (!policies.ok()) return OnServer(parts_.target_name, policies.error());
  for (const PolicyInfo& policy : policies.value()) {
    if (policy.name == place.policy && policy.is_default) return std::string();
  }
  return place.policy;
}

// The comparison names policies as the target does; only default ones may have two names.
Result<std::string> RepairJob::PolicyOnSource(const MeasurementRef& place) {
  const std::shared_ptr<Source> from = Open(parts_.source);
  const Result<std::vector<PolicyInfo>> policies = from->Policies(place.database);
  if (!policies.ok()) return OnServer(parts_.source_name, policies.error());
  std::string by_default = place.policy;
  for (const PolicyInfo& policy : policies.value()) {
    if (policy.name == place.policy) return place.policy;
    if (policy.is_default) by_default = policy.name;
  }
  return by_default;
}

}  // namespace relay
