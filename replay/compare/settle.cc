#include "replay/compare/settle.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <tuple>
#include <utility>

namespace relay {
namespace {

std::optional<std::string> Shown(const std::vector<KeptValue>& values) {
  if (values.empty()) return std::nullopt;
  std::string text;
  for (const KeptValue& value : values) text += (text.empty() ? "" : " and ") + ToString(value);
  return text;
}

PointDifference::Kind KindOf(const Suspect& suspect) {
  if (!suspect.point_on_b) return PointDifference::Kind::kOnlyA;
  if (!suspect.point_on_a) return PointDifference::Kind::kOnlyB;
  return PointDifference::Kind::kOtherValues;
}

// Returns whether there is a difference; `a` and `b` may be empty.
Likeness Judge(const std::vector<KeptValue>& a, const std::vector<KeptValue>& b, Form form) {
  if (a.empty() && b.empty()) return Likeness::kSame;
  if (a.empty() || b.empty()) return Likeness::kDifferent;
  return Compare(a, b, form);
}

const std::vector<KeptValue>& ValuesOf(const Collector& collector, const ValueKey& key) {
  static const std::vector<KeptValue> none;
  const auto found = collector.values().find(key);
  return found == collector.values().end() ? none : found->second.values;
}

// Returns the pause before the next look: short at first, for values that are overwritten often.
std::chrono::milliseconds PauseBefore(unsigned round) {
  constexpr unsigned kLongest = 250;
  return std::chrono::milliseconds(std::min(round * round / 2, kLongest));
}

}  // namespace

std::vector<Suspect> Suspects(const Collector& a, const Collector& b,
                              std::uint64_t& shown_differently) {
  std::vector<Suspect> suspects;
  const auto add = [&](const ValueKey& key, const NamedValue& of_a, const NamedValue& of_b) {
    const Collector& known = of_a.values.empty() ? b : a;
    suspects.push_back({.key = key,
                        .a = of_a,
                        .b = of_b,
                        .tags = known.TagsOf(key.series),
                        .point_on_a = a.HasPoint(key.series, key.time),
                        .point_on_b = b.HasPoint(key.series, key.time)});
  };
  for (const auto& [key, of_a] : a.values()) {
    const auto found = b.values().find(key);
    if (found == b.values().end()) {
      add(key, of_a, {});
      continue;
    }
    const Likeness likeness = Compare(of_a.values, found->second.values, of_a.form);
    if (likeness == Likeness::kSameButShownDifferently) ++shown_differently;
    if (likeness == Likeness::kDifferent) add(key, of_a, found->second);
  }
  for (const auto& [key, of_b] : b.values()) {
    if (!a.values().contains(key)) add(key, {}, of_b);
  }
  return suspects;
}

std::vector<PointDifference> PointsOf(const MeasurementRef& place, std::vector<Suspect> suspects) {
  std::sort(suspects.begin(), suspects.end(), [](const Suspect& x, const Suspect& y) {
    return std::tie(x.key.time, x.tags, x.key.series, x.field()) <
           std::tie(y.key.time, y.tags, y.key.series, y.field());
  });
  std::vector<PointDifference> points;
  const Suspect* before = nullptr;
  for (const Suspect& suspect : suspects) {
    const bool joins = before != nullptr && before->key.series == suspect.key.series &&
                       before->key.time == suspect.key.time;
    if (!joins) {
      points.push_back({.kind = KindOf(suspect),
                        .place = place,
                        .tags = suspect.tags,
                        .time = suspect.key.time,
                        .values = {}});
    }
    points.back().values.push_back(
        {suspect.field(), Shown(suspect.a.values), Shown(suspect.b.values)});
    before = &suspect;
  }
  return points;
}

Settler::Settler(Pair& pair, const Measurement& measurement, SettleOptions options,
                 DifferenceSink& sink)
    : pair_(pair), measurement_(measurement), options_(options), sink_(sink) {}

Status Settler::Settle(const Region& region) {
  ASSIGN_OR_RETURN(const Mark mark, pair_.PassHere());
  auto a = std::make_unique<Collector>(region, measurement_.rules, pair_.Pacer(Side::kA));
  auto b = std::make_unique<Collector>(region, measurement_.rules, pair_.Pacer(Side::kB));
  RETURN_IF_ERROR(Collect(region, *a, *b));
  if (a->overflowed() || b->overflowed()) return Divide(region, *a, *b);
  std::uint64_t shown_differently = 0;
  std::vector<Suspect> suspects = Suspects(*a, *b, shown_differently);
  sink_.ShownDifferently(shown_differently);
  a.reset();
  b.reset();
  std::vector<Suspect> certain;
  RETURN_IF_ERROR(Watch(mark, suspects, certain));
  if (!certain.empty()) sink_.Different(PointsOf(measurement_.place, std::move(certain)));
  return Ok();
}

Status Settler::Collect(const Region& region, Collector& a, Collector& b) {
  return pair_.Both([&](Side side) -> Status {
    Collector& into = side == Side::kA ? a : b;
    RETURN_IF_ERROR(pair_.Of(side).Scan(measurement_.PlaceOn(side), measurement_.FieldsOf(side),
                                        region.range, into));
    into.End();
    return Ok();
  });
}

Status Settler::Divide(const Region& region, const Collector& a, const Collector& b) {
  const std::vector<Region> parts = Grid::Differences(a.grid(), b.grid());
  const auto is_whole = [&region](const Region& part) {
    return part.range == region.range && part.series.level == region.series.level &&
           part.series.slots == region.series.slots;
  };
  for (const Region& part : parts) {
    if (is_whole(part)) {
      return Error(ErrorCode::kInvalidInput, "too many series differ at one moment to tell them");
    }
    RETURN_IF_ERROR(Settle(part));
  }
  return Ok();
}

Status Settler::LookAgain(std::vector<Suspect>& suspects) {
  Region region{.range = {TimeRange::kLatest, TimeRange::kEarliest}};
  std::unordered_set<ValueKey, HashOfKey> keys;
  for (const Suspect& suspect : suspects) {
    region.range.from = std::min(region.range.from, suspect.key.time);
    region.range.to = std::max(region.range.to, suspect.key.time + measurement_.rules.tick);
    keys.insert(suspect.key);
  }
  Collector a(region, measurement_.rules, pair_.Pacer(Side::kA));
  Collector b(region, measurement_.rules, pair_.Pacer(Side::kB));
  a.KeepOnly(&keys);
  b.KeepOnly(&keys);
  RETURN_IF_ERROR(Collect(region, a, b));
  std::erase_if(suspects, [&](Suspect& suspect) {
    const std::vector<KeptValue>& of_a = ValuesOf(a, suspect.key);
    const std::vector<KeptValue>& of_b = ValuesOf(b, suspect.key);
    const bool unchanged = of_a == suspect.a.values && of_b == suspect.b.values;
    suspect.sightings = unchanged ? suspect.sightings + 1 : 1;
    const Form form = suspect.form();
    const std::string field = suspect.field();
    suspect.a = {field, form, of_a};
    suspect.b = {field, form, of_b};
    suspect.point_on_a = suspect.point_on_a || !of_a.empty();
    suspect.point_on_b = suspect.point_on_b || !of_b.empty();
    return Judge(of_a, of_b, form) != Likeness::kDifferent;
  });
  return Ok();
}

void Settler::TakeCertain(std::vector<Suspect>& suspects, std::vector<Suspect>& certain) const {
  const auto first_certain = std::partition(
      suspects.begin(), suspects.end(),
      [this](const Suspect& suspect) { return suspect.sightings < options_.sightings; });
  std::move(first_certain, suspects.end(), std::back_inserter(certain));
  suspects.erase(first_certain, suspects.end());
}

Status Settler::Watch(const Mark& seen_after, std::vector<Suspect>& suspects,
                      std::vector<Suspect>& certain) {
  Mark passed = seen_after;
  for (unsigned round = 1; !suspects.empty() && round <= options_.rounds_max; ++round) {
    ASSIGN_OR_RETURN(const Mark now, pair_.Here());
    if (now.SamePlace(passed)) {  // No write was on its way when they were read.
      std::move(suspects.begin(), suspects.end(), std::back_inserter(certain));
      suspects.clear();
      return Ok();
    }
    pair_.Pause(PauseBefore(round));
    ASSIGN_OR_RETURN(passed, pair_.PassHere());
    RETURN_IF_ERROR(LookAgain(suspects));
    TakeCertain(suspects, certain);
  }
  sink_.Unsettled(suspects.size());
  return Ok();
}

}  // namespace relay
