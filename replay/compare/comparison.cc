#include "replay/compare/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "replay/compare/rules.h"
#include "replay/compare/windows.h"

namespace relay {
namespace {

using std::chrono::nanoseconds;

// The values of one scan, unless a single window has more.
constexpr std::uint64_t kRangeValuesMax = 4'000'000;

// Returns the part of the range between multiples of the tick.
TimeRange Aligned(const TimeRange& range, std::int64_t tick) {
  const auto behind = [tick](std::int64_t time) { return (time % tick + tick) % tick; };
  return {range.from + (tick - behind(range.from)) % tick, range.to - behind(range.to)};
}

}  // namespace

std::string ToString(const MeasurementRef& place) {
  std::string text = place.database;
  if (!place.policy.empty()) text += '.' + place.policy;
  return text + '.' + place.measurement;
}

Equality Outcome::equality() const {
  const bool differs =
      !missing.empty() || std::any_of(places.begin(), places.end(),
                                      [](const PlaceOutcome& one) { return one.differs(); });
  if (differs) return Equality::kDifferent;
  const bool unsettled = std::any_of(places.begin(), places.end(),
                                     [](const PlaceOutcome& one) { return one.unsettled > 0; });
  return unsettled ? Equality::kUnknown : Equality::kEqual;
}

Comparison::Comparison(Pair& pair, ComparisonOptions options)
    : pair_(pair), options_(std::move(options)) {}

Result<Outcome> Comparison::Run() {
  ASSIGN_OR_RETURN(outcome_.mark, pair_.PassHere());
  // Points of the position's own nanosecond are before it.
  const std::int64_t now = outcome_.mark.time.time_since_epoch().count() + 1;
  outcome_.range = {options_.from, options_.to.value_or(now)};
  if (outcome_.range.empty()) {
    return Error(ErrorCode::kInvalidInput, "the range of time ends before it begins");
  }
  ASSIGN_OR_RETURN(std::vector<std::string> databases, DatabasesOf(pair_));
  // One that may not be listed may still be read.
  if (!options_.database.empty()) databases = {options_.database};
  for (const std::string& database : databases) {
    RETURN_IF_ERROR(CompareDatabase(database));
  }
  if (!options_.measurement.empty() && !measurement_seen_) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("neither {} nor {} has a measurement {}", pair_.Of(Side::kA).name(),
                             pair_.Of(Side::kB).name(), options_.measurement));
  }
  return std::move(outcome_);
}

std::uint64_t Comparison::points_differing() const {
  std::uint64_t points = 0;
  for (const PlaceOutcome& place : outcome_.places) {
    points += place.only_a + place.only_b + place.other_values;
  }
  return points;
}

bool Comparison::HasMeasurements() const {
  return pair_.Of(Side::kA).traits().has_measurements &&
         pair_.Of(Side::kB).traits().has_measurements;
}

Status Comparison::CompareDatabase(const std::string& database) {
  ASSIGN_OR_RETURN(Catalog catalog,
                   ReadCatalog(pair_, database, outcome_.range, options_.why_left_out));
  for (std::string& note : catalog.notes) Note(std::move(note));
  if (options_.measurement.empty()) {
    for (std::string& missing : catalog.missing) outcome_.missing.push_back(std::move(missing));
  }
  for (const PolicyPair& policy : catalog.policies) {
    RETURN_IF_ERROR(ComparePolicy(database, policy));
  }
  return Ok();
}

Status Comparison::ComparePolicy(const std::string& database, const PolicyPair& policy) {
  const TimeRange range = RangeFor(database, policy);
  const WindowShape shape = WindowsFor(policy.a.shard_duration, policy.b.shard_duration);
  std::size_t number = 0;
  for (const MeasurementPair& pair : policy.measurements) {
    Measurement measurement{.place = {database, policy.a.name, pair.name},
                            .policy_b = policy.b.name,
                            .fields_a = pair.a,
                            .fields_b = pair.b,
                            .rules = {}};
    if (options_.on_place) options_.on_place(measurement.place, number, policy.measurements.size());
    ++number;
    if (!options_.measurement.empty() && pair.name != options_.measurement) continue;
    measurement_seen_ = true;
    std::string why = options_.why_left_out ? options_.why_left_out(measurement.place) : "";
    if (!why.empty()) {
      Note(std::move(why));
      continue;
    }
    std::vector<std::string> notes;
    SetRules(pair_, measurement, notes);
    for (std::string& note : notes) Note(std::move(note));
    RETURN_IF_ERROR(CompareMeasurement(measurement, Aligned(range, measurement.rules.tick), shape));
  }
  return Ok();
}

// Leaves out what one of them deletes for its age, or is about to.
TimeRange Comparison::RangeFor(const std::string& database, const PolicyPair& policy) {
  constexpr std::chrono::hours kSpare{1};
  const auto ever = [](nanoseconds duration) { return duration == nanoseconds(0); };
  const nanoseconds a = policy.a.duration;
  const nanoseconds b = policy.b.duration;
  if (ever(a) && ever(b)) return outcome_.range;
  const nanoseconds shorter = ever(a) ? b : ever(b) ? a : std::min(a, b);
  const nanoseconds kept = std::max(shorter - kSpare, shorter / 2);
  const std::int64_t since = (outcome_.mark.time - kept).time_since_epoch().count();
  if (since <= outcome_.range.from) return outcome_.range;
  const auto minutes = [](nanoseconds duration) {
    return std::chrono::duration_cast<std::chrono::minutes>(duration).count();
  };
  Note(fmt::format("{}.{}: only the last {} minutes are compared; the policy keeps {}", database,
                   policy.a.name, minutes(kept), minutes(shorter)));
  return {since, std::max(since, outcome_.range.to)};
}

Result<std::vector<TimeRange>> Comparison::RangesWithValues(const Measurement& measurement,
                                                            const TimeRange& range,
                                                            WindowShape shape) {
  std::array<std::vector<TimeWindow>, 2> windows;
  const auto count = [&](Side side) -> Status {
    const std::vector<FieldInfo>& fields = measurement.FieldsOf(side);
    if (fields.empty() || !pair_.Of(side).traits().has_measurements) return Ok();
    ASSIGN_OR_RETURN(windows[static_cast<std::size_t>(side)],
                     pair_.Of(side).Windows(measurement.PlaceOn(side), fields, range, shape));
    return Ok();
  };
  RETURN_IF_ERROR(pair_.Both(count));
  const bool one_type =
      !HasMixedField(measurement.fields_a) && !HasMixedField(measurement.fields_b);
  std::vector<TimeRange> ranges = RangesOf(UnionOf(windows[0], windows[1]), shape.length, range,
                                           one_type ? kRangeValuesMax : 0);
  return HasMeasurements() ? ranges : Covering(std::move(ranges), range);
}

Status Comparison::CompareMeasurement(const Measurement& measurement, const TimeRange& range,
                                      WindowShape shape) {
  if (range.empty()) return Ok();
  ASSIGN_OR_RETURN(const std::vector<TimeRange> ranges,
                   RangesWithValues(measurement, range, shape));
  if (ranges.empty()) return Ok();
  outcome_.places.push_back({.place = measurement.place});
  place_ = &outcome_.places.back();
  for (const TimeRange& part : ranges) {
    RETURN_IF_ERROR(CompareRange(measurement, part));
  }
  return Ok();
}

Status Comparison::CompareRange(const Measurement& measurement, const TimeRange& range) {
  const Region region{.range = range};
  Summary a(region, measurement.rules, pair_.Pacer(Side::kA));
  Summary b(region, measurement.rules, pair_.Pacer(Side::kB));
  const auto scan = [&](Side side) -> Status {
    Summary& into = side == Side::kA ? a : b;
    RETURN_IF_ERROR(
        pair_.Of(side).Scan(measurement.PlaceOn(side), measurement.FieldsOf(side), range, into));
    into.End();
    return Ok();
  };
  RETURN_IF_ERROR(pair_.Both(scan));
  place_->points_a += HasMeasurements() ? a.points() : a.values_seen();
  place_->points_b += HasMeasurements() ? b.points() : b.values_seen();
  place_->ignored += std::max(a.ignored(), b.ignored());
  Settler settler(pair_, measurement, options_.settle, *this);
  for (const Region& part : Grid::Differences(a.grid(), b.grid())) {
    RETURN_IF_ERROR(settler.Settle(part));
  }
  return Ok();
}

void Comparison::Note(std::string text) {
  std::vector<std::string>& notes = outcome_.notes;
  if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(std::move(text));
}

void Comparison::Different(std::vector<PointDifference> points) {
  for (PointDifference& point : points) {
    switch (point.kind) {
      case PointDifference::Kind::kOnlyA: ++place_->only_a; break;
      case PointDifference::Kind::kOnlyB: ++place_->only_b; break;
      case PointDifference::Kind::kOtherValues: ++place_->other_values; break;
    }
    if (outcome_.differences.size() < options_.listed_max) {
      outcome_.differences.push_back(std::move(point));
    }
  }
}

void Comparison::ShownDifferently(std::uint64_t values) {
  place_->shown_differently += values;
}

void Comparison::Unsettled(std::uint64_t values) {
  place_->unsettled += values;
}

}  // namespace relay
