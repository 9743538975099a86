#include "relay/routing/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "relay/base/glob.h"
#include "wal/record/lines.h"
#include "wal/record/model.h"

namespace relay {
// The result of a selection before the measurement is known.
enum class RuleMatch : std::uint8_t { kNo, kYes, kByMeasurement };

namespace {

// An empty list matches everything.
bool Lists(const std::vector<std::string>& globs, std::string_view name) {
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return GlobMatches(glob, name);
         });
}

RuleMatch MatchOf(const Selection& selection, const WriteParams& params) {
  if (!Lists(selection.databases, params.database)) return RuleMatch::kNo;
  if (!Lists(selection.retention_policies, params.retention_policy)) return RuleMatch::kNo;
  return selection.measurements.empty() ? RuleMatch::kYes : RuleMatch::kByMeasurement;
}

}  // namespace

Totals RoutedLines::size() const {
  Totals size;
  for (const RoutedPart& part : parts) {
    size = size + Totals{.points = part.points, .bytes = Bytes(part.lines.size())};
  }
  return size;
}

Router::Router(const Config& config, const std::vector<BackendId>& backends)
    : unrouted_(config.unrouted) {
  std::vector<BackendId> all;
  for (const BackendConfig& backend : config.backends) {
    const bool listed = backends.empty() ||
                        std::find(backends.begin(), backends.end(), backend.name) != backends.end();
    if (!listed) continue;
    all.push_back(backend.name);
    rules_.push_back({backend.name, backend.only, backend.except});
    if (!backend.only.empty() || !backend.except.empty()) filters_ = true;
  }
  INVARIANT(!all.empty());
  all_ = std::make_shared<const std::vector<BackendId>>(std::move(all));
}

BackendSet Router::TakersOf(const std::string& database) const {
  std::vector<BackendId> takers;
  for (const Rule& rule : rules_) {
    const bool narrow =
        !rule.except.retention_policies.empty() || !rule.except.measurements.empty();
    const bool excepted = !rule.except.empty() && !narrow && Lists(rule.except.databases, database);
    if (Lists(rule.only.databases, database) && !excepted) takers.push_back(rule.backend);
  }
  return std::make_shared<const std::vector<BackendId>>(std::move(takers));
}

// Routes one write whose points may go to different backends. Each measurement is judged once,
// however many points it has.
class Router::ByMeasurement {
 public:
  // Decides at once if every point goes to the same backends.
  ByMeasurement(const std::vector<Rule>& rules, const WriteParams& params) : params_(params) {
    for (const Rule& rule : rules) Consider(rule);
  }

  bool decided() const { return open_.empty(); }
  // REQUIRES: decided().
  BackendSet Everywhere() { return SetOf(sure_); }

  RoutedLines Route(std::string_view lines) {
    for (LineWalk walk(lines); !walk.AtEnd();) Take(walk.Next());
    return std::move(routed_);
  }

 private:
  struct Open {
    const Rule* rule;
    RuleMatch only;
    RuleMatch except;
  };
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  void Consider(const Rule& rule) {
    const RuleMatch only = MatchOf(rule.only, params_);
    const RuleMatch except = rule.except.empty() ? RuleMatch::kNo : MatchOf(rule.except, params_);
    if (only == RuleMatch::kNo || except == RuleMatch::kYes) return;
    if (only == RuleMatch::kYes && except == RuleMatch::kNo) return sure_.push_back(rule.backend);
    open_.push_back({&rule, only, except});
  }

  static BackendSet SetOf(std::vector<BackendId> backends) {
    return std::make_shared<const std::vector<BackendId>>(std::move(backends));
  }

  void Take(std::string_view line) {
    const std::string_view name = RawMeasurementOf(line);
    const auto known = parts_.find(name);
    const std::size_t part = known != parts_.end() ? known->second : Judge(name);
    if (part == kNowhere) {
      ++routed_.unrouted;
      return;
    }
    routed_.parts[part].lines += line;
    ++routed_.parts[part].points;
  }

  // Returns the part for a measurement's points.
  std::size_t Judge(std::string_view raw) {
    const std::string name = MeasurementOf(raw);
    std::vector<BackendId> backends = sure_;
    for (const Open& open : open_) {
      const bool only = open.only == RuleMatch::kYes || Lists(open.rule->only.measurements, name);
      const bool except =
          open.except == RuleMatch::kByMeasurement && Lists(open.rule->except.measurements, name);
      if (only && !except) backends.push_back(open.rule->backend);
    }
    return parts_.emplace(raw, PartFor(std::move(backends), name)).first->second;
  }

  std::size_t PartFor(std::vector<BackendId> backends, std::string_view measurement) {
    if (backends.empty()) {
      if (routed_.why.empty()) {
        routed_.why = fmt::format("no backend accepts measurement \"{}\" of {}", measurement,
                                  DescribeLane(LaneOf(params_)));
      }
      return kNowhere;
    }
    const auto [found, added] = sets_.emplace(std::move(backends), routed_.parts.size());
    if (added) routed_.parts.push_back({SetOf(found->first), "", 0});
    return found->second;
  }

  const WriteParams& params_;
  std::vector<BackendId> sure_;                              // Accept any measurement.
  std::vector<Open> open_;                                   // Accept some measurements.
  std::unordered_map<std::string_view, std::size_t> parts_;  // By raw measurement.
  std::map<std::vector<BackendId>, std::size_t> sets_;
  RoutedLines routed_;
};

RoutedLines Router::Route(const WriteParams& params, std::string lines, PointCount points) const {
  RoutedLines routed;
  if (!filters_) {
    routed.parts.push_back({all_, std::move(lines), points});
    return routed;
  }
  ByMeasurement by_measurement(rules_, params);
  if (!by_measurement.decided()) return by_measurement.Route(lines);
  BackendSet everywhere = by_measurement.Everywhere();
  if (everywhere->empty()) {
    routed.unrouted = points;
    routed.why = "no backend accepts " + DescribeLane(LaneOf(params));
  } else {
    routed.parts.push_back({std::move(everywhere), std::move(lines), points});
  }
  return routed;
}

}  // namespace relay
