#include "relay/compare/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>
#include <utility>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kNameMax = 200;

WallTime TimeOf(std::int64_t nanoseconds) {
  return WallTime(std::chrono::nanoseconds(nanoseconds));
}

std::string_view ToString(PointDifference::Kind kind) {
  switch (kind) {
    case PointDifference::Kind::kOnlyA: return "only_a";
    case PointDifference::Kind::kOnlyB: return "only_b";
    case PointDifference::Kind::kOtherValues: return "other_values";
  }
  INVARIANT(false);
}

std::string ShownPoint(const PointDifference& point, const ComparedNames& names) {
  const bool only_a = point.kind == PointDifference::Kind::kOnlyA;
  const bool only_b = point.kind == PointDifference::Kind::kOnlyB;
  std::string text = only_a   ? fmt::format("only on {}: ", names.a)
                     : only_b ? fmt::format("only on {}: ", names.b)
                              : std::string("other values: ");
  text += ToString(point.place) + (point.tags.empty() ? "" : "," + point.tags);
  std::string_view separator = " ";
  for (const ValueDifference& value : point.values) {
    text += std::exchange(separator, ",");
    if (only_a || only_b) {
      text += fmt::format("{}={}", value.field, (only_a ? value.a : value.b).value_or("-"));
    } else {
      text += fmt::format("{}={} on {}, {} on {}", value.field, value.a.value_or("nothing"),
                          names.a, value.b.value_or("nothing"), names.b);
    }
  }
  return fmt::format("{} {} ({})", OneLine(text, kNameMax), point.time,
                     ToRfc3339(TimeOf(point.time)));
}

struct Sums {
  std::uint64_t points = 0;
  std::uint64_t differing = 0;
  std::uint64_t unsettled = 0;
};

Sums SumsOf(const Outcome& outcome) {
  Sums sums;
  for (const PlaceOutcome& place : outcome.places) {
    sums.points += std::max(place.points_a, place.points_b);
    sums.differing += place.only_a + place.only_b + place.other_values;
    sums.unsettled += place.unsettled;
  }
  return sums;
}

Json AsJson(const PlaceOutcome& place) {
  return {{"database", place.place.database},
          {"retention_policy", place.place.policy},
          {"measurement", place.place.measurement},
          {"points_a", place.points_a},
          {"points_b", place.points_b},
          {"only_a", place.only_a},
          {"only_b", place.only_b},
          {"other_values", place.other_values},
          {"values_shown_differently", place.shown_differently},
          {"values_ignored", place.ignored},
          {"values_unsettled", place.unsettled}};
}

Json AsJson(const PointDifference& point) {
  Json values = Json::array();
  for (const ValueDifference& value : point.values) {
    values.push_back({{"field", value.field},
                      {"a", value.a ? Json(*value.a) : Json(nullptr)},
                      {"b", value.b ? Json(*value.b) : Json(nullptr)}});
  }
  return {{"kind", ToString(point.kind)},
          {"database", point.place.database},
          {"retention_policy", point.place.policy},
          {"measurement", point.place.measurement},
          {"tags", point.tags},
          {"time", ToRfc3339(TimeOf(point.time))},
          {"time_ns", point.time},
          {"values", std::move(values)}};
}

template <typename T>
Json AsList(const std::vector<T>& all) {
  Json list = Json::array();
  for (const T& one : all) list.push_back(AsJson(one));
  return list;
}

}  // namespace

std::string_view ToString(Equality equality) {
  switch (equality) {
    case Equality::kEqual: return "equal";
    case Equality::kDifferent: return "different";
    case Equality::kUnknown: return "unknown";
  }
  INVARIANT(false);
}

std::string ResultLine(const Outcome& outcome, const ComparedNames& names) {
  const Sums sums = SumsOf(outcome);
  const std::string range = fmt::format(
      "{} points of {} measurement{}{} before {}", sums.points, outcome.places.size(),
      outcome.places.size() == 1 ? "" : "s",
      outcome.range.from == TimeRange::kEarliest ? ""
                                                 : " from " + ToRfc3339(TimeOf(outcome.range.from)),
      ToRfc3339(TimeOf(outcome.range.to)));
  switch (outcome.equality()) {
    case Equality::kEqual: return fmt::format("equal: {} and {}, {}", names.a, names.b, range);
    case Equality::kDifferent:
      return fmt::format("different: {} and {} in {} points of {}", names.a, names.b,
                         sums.differing, range);
    case Equality::kUnknown: break;
  }
  return fmt::format(
      "could not tell: {} values were overwritten all the while; no other differs in {}",
      sums.unsettled, range);
}

std::string ToTable(const Outcome& outcome, const ComparedNames& names) {
  std::string text;
  std::vector<Cells> rows = {{"MEASUREMENT", "POINTS " + names.a, "POINTS " + names.b,
                              "ONLY " + names.a, "ONLY " + names.b, "OTHER VALUES"}};
  for (const PlaceOutcome& place : outcome.places) {
    rows.push_back({OneLine(ToString(place.place), kNameMax), std::to_string(place.points_a),
                    std::to_string(place.points_b), std::to_string(place.only_a),
                    std::to_string(place.only_b), std::to_string(place.other_values)});
  }
  if (rows.size() > 1) text += Aligned(rows, 1);
  for (const PointDifference& point : outcome.differences) text += ShownPoint(point, names) + '\n';
  const std::uint64_t differing = SumsOf(outcome).differing;
  if (differing > outcome.differences.size()) {
    text += fmt::format("{} more points differ\n", differing - outcome.differences.size());
  }
  for (const std::string& missing : outcome.missing) text += missing + '\n';
  for (const std::string& note : outcome.notes) text += "note: " + note + '\n';
  for (const PlaceOutcome& place : outcome.places) {
    if (place.shown_differently == 0) continue;
    text += fmt::format("note: {}: {} values are the same and only shown differently\n",
                        ToString(place.place), place.shown_differently);
  }
  return text + ResultLine(outcome, names) + '\n';
}

std::string ToJson(const Outcome& outcome, const ComparedNames& names) {
  const bool all = outcome.range.from == TimeRange::kEarliest;
  return DumpJson(Json{{"result", ToString(outcome.equality())},
                       {"a", names.a},
                       {"b", names.b},
                       {"reason", ""},
                       {"from", all ? Json(nullptr) : Json(ToRfc3339(TimeOf(outcome.range.from)))},
                       {"to", ToRfc3339(TimeOf(outcome.range.to))},
                       {"from_ns", all ? Json(nullptr) : Json(outcome.range.from)},
                       {"to_ns", outcome.range.to},
                       {"position_a", outcome.mark.a},
                       {"position_b", outcome.mark.b},
                       {"points_differing", SumsOf(outcome).differing},
                       {"points_differing_so_far", SumsOf(outcome).differing},
                       {"measurements", AsList(outcome.places)},
                       {"differences", AsList(outcome.differences)},
                       {"missing", outcome.missing},
                       {"notes", outcome.notes}});
}

std::string UnknownAsJson(const ComparedNames& names, const std::string& reason,
                          std::uint64_t differing) {
  return DumpJson(Json{{"result", "unknown"},
                       {"a", names.a},
                       {"b", names.b},
                       {"reason", reason},
                       {"from", nullptr},
                       {"to", nullptr},
                       {"from_ns", nullptr},
                       {"to_ns", nullptr},
                       {"position_a", nullptr},
                       {"position_b", nullptr},
                       {"points_differing", differing},
                       {"points_differing_so_far", differing},
                       {"measurements", Json::array()},
                       {"differences", Json::array()},
                       {"missing", Json::array()},
                       {"notes", Json::array()}});
}

}  // namespace relay
