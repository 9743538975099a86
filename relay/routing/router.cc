#include "relay/routing/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "wal/base/byte_set.h"
#include "wal/record/lane_rename.h"
#include "wal/record/lines.h"
#include "wal/record/model.h"

namespace relay {
// The result of a selection before a line is known.
enum class RuleMatch : std::uint8_t { kNo, kYes, kByLine };

namespace {

std::vector<NamePattern> Parsed(const std::vector<std::string>& texts) {
  std::vector<NamePattern> patterns;
  patterns.reserve(texts.size());
  for (const std::string& text : texts) {
    Result<NamePattern> pattern = NamePattern::Parse(text);
    INVARIANT(pattern.ok());
    patterns.push_back(std::move(pattern).value());
  }
  return patterns;
}

// An empty list matches everything.
bool Lists(const std::vector<NamePattern>& patterns, std::string_view name) {
  return patterns.empty() ||
         std::any_of(patterns.begin(), patterns.end(),
                     [name](const NamePattern& pattern) { return pattern.Matches(name); });
}

std::string_view SeriesKeyOf(std::string_view line) {
  constexpr ByteSet kKeyEnd(" ");
  return line.substr(0, FindBare(line, 1, kKeyEnd));
}

// A line's measurement and tags, unescaped.
struct SeriesNames {
  std::string measurement;
  std::map<std::string, std::string, std::less<>> tags;

  // `key`: the measurement alone, or with its tags.
  explicit SeriesNames(std::string_view key) : measurement(MeasurementOf(key)) {
    constexpr ByteSet kTagEnd(",");
    constexpr ByteSet kNameEnd("=");
    std::string_view left = key.substr(RawMeasurementOf(key).size());
    while (!left.empty()) {
      left.remove_prefix(1);
      const std::string_view tag = left.substr(0, FindBare(left, 0, kTagEnd));
      left.remove_prefix(tag.size());
      const std::size_t equals = FindBare(tag, 0, kNameEnd);
      const std::string_view value = tag.substr(std::min(equals + 1, tag.size()));
      tags.emplace(Unescaped(tag.substr(0, equals)), Unescaped(value));
    }
  }

  // A tag that is missing is empty, as in InfluxQL.
  std::string_view ValueOf(std::string_view tag) const {
    const auto found = tags.find(tag);
    return found == tags.end() ? std::string_view() : std::string_view(found->second);
  }
};

}  // namespace

CompiledSelection::CompiledSelection(const Selection& selection)
    : databases(Parsed(selection.databases)),
      retention_policies(Parsed(selection.retention_policies)),
      measurements(Parsed(selection.measurements)) {
  for (const std::string& text : selection.tags) {
    Result<TagPattern> pattern = TagPattern::Parse(text);
    INVARIANT(pattern.ok());
    tags[pattern.value().tag].push_back(pattern.value().value);
  }
}

namespace {

RuleMatch MatchOf(const CompiledSelection& selection, const WriteParams& params) {
  if (!Lists(selection.databases, params.database)) return RuleMatch::kNo;
  if (!Lists(selection.retention_policies, params.retention_policy)) return RuleMatch::kNo;
  return selection.judges_lines() ? RuleMatch::kByLine : RuleMatch::kYes;
}

bool Selects(const CompiledSelection& selection, const SeriesNames& names) {
  return Lists(selection.measurements, names.measurement) &&
         std::all_of(selection.tags.begin(), selection.tags.end(), [&names](const auto& tag) {
           return Lists(tag.second, names.ValueOf(tag.first));
         });
}

}  // namespace

Router::Router(const Config& config, const std::vector<BackendId>& backends)
    : unrouted_(config.unrouted) {
  std::vector<BackendId> all;
  for (const BackendConfig& backend : config.backends) {
    const bool listed = backends.empty() ||
                        std::find(backends.begin(), backends.end(), backend.name) != backends.end();
    if (!listed) continue;
    all.push_back(backend.name);
    rules_.push_back({backend.name, CompiledSelection(backend.only),
                      CompiledSelection(backend.except),
                      backend.api == Api::kPrometheus && !backend.url.udp, backend.create_databases,
                      backend.api == Api::kV2 || backend.api == Api::kV3});
    sends_buckets_ |= rules_.back().has_buckets && backend.bucket.empty();
    if (!backend.only.empty() || !backend.except.empty()) filters_ = true;
  }
  INVARIANT(!all.empty());
  all_ = std::make_shared<const std::vector<BackendId>>(std::move(all));
}

std::string Router::NameFor(const Rule& rule, const std::string& named) {
  return rule.has_buckets ? named : AsDatabase({.database = named}).database;
}

bool Router::Takes(const Rule& rule, const std::string& named) {
  const std::string database = NameFor(rule, named);
  const bool narrow = !rule.except.retention_policies.empty() || rule.except.judges_lines();
  const bool excepted = !rule.except.empty() && !narrow && Lists(rule.except.databases, database);
  return Lists(rule.only.databases, database) && !excepted;
}

BackendSet Router::TakersOf(const std::string& database) const {
  std::vector<BackendId> takers;
  for (const Rule& rule : rules_) {
    if (Takes(rule, database)) takers.push_back(rule.backend);
  }
  return std::make_shared<const std::vector<BackendId>>(std::move(takers));
}

BackendSet Router::TakersOfAll(const std::string& named) const {
  std::vector<BackendId> takers;
  for (const Rule& rule : rules_) {
    const std::string database = NameFor(rule, named);
    const bool narrow = !rule.only.retention_policies.empty() || rule.only.judges_lines();
    const bool excepted = !rule.except.empty() && Lists(rule.except.databases, database);
    if (!narrow && !excepted && Lists(rule.only.databases, database)) {
      takers.push_back(rule.backend);
    }
  }
  return std::make_shared<const std::vector<BackendId>>(std::move(takers));
}

std::vector<BackendId> Router::NotCreating(const std::string& database) const {
  std::vector<BackendId> names;
  for (const Rule& rule : rules_) {
    if (Takes(rule, database) && !rule.creates) names.push_back(rule.backend);
  }
  return names;
}

// Routes one write whose points may go to different backends. Each measurement is judged once,
// however many points it has; each series, where a rule asks for tags.
class Router::ByLine {
 public:
  // Decides at once if every point goes to the same backends.
  ByLine(const std::vector<Rule>& rules, const WriteParams& params, IsOpaque is_opaque)
      : params_(params), is_opaque_(is_opaque) {
    if (params.database.find('/') != std::string::npos) as_database_ = AsDatabase(params);
    for (const Rule& rule : rules) Consider(rule);
  }

  bool decided() const { return open_.empty() && is_opaque_ == nullptr; }
  // REQUIRES: decided().
  BackendSet Everywhere() { return SetOf(NamesOf(sure_)); }

  RoutedLines Route(std::string_view lines) {
    for (LineWalk walk(lines); !walk.AtEnd();) Take(walk.Next());
    return std::move(routed_);
  }

 private:
  using Rules = std::vector<const Rule*>;
  struct Open {
    const Rule* rule;
    RuleMatch only;
    RuleMatch except;
  };
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  // The parts of the lines that some backends accept; kNowhere: none does. Those for remote write
  // have a part of their own if some lines are opaque: it has all lines in their order.
  struct Place {
    std::size_t lines = kNowhere;
    std::size_t remote_write = kNowhere;
  };

  void Consider(const Rule& rule) {
    const WriteParams& names = rule.has_buckets || !as_database_ ? params_ : *as_database_;
    const RuleMatch only = MatchOf(rule.only, names);
    const RuleMatch except = rule.except.empty() ? RuleMatch::kNo : MatchOf(rule.except, names);
    if (only == RuleMatch::kNo || except == RuleMatch::kYes) return;
    if (only == RuleMatch::kYes && except == RuleMatch::kNo) return sure_.push_back(&rule);
    asks_for_tags_ |= !rule.only.tags.empty() || !rule.except.tags.empty();
    open_.push_back({&rule, only, except});
  }

  static std::vector<BackendId> NamesOf(const Rules& rules) {
    std::vector<BackendId> names;
    names.reserve(rules.size());
    for (const Rule* rule : rules) names.push_back(rule->backend);
    return names;
  }

  static BackendSet SetOf(std::vector<BackendId> backends) {
    return std::make_shared<const std::vector<BackendId>>(std::move(backends));
  }

  void Take(std::string_view line) {
    const std::string_view key = asks_for_tags_ ? SeriesKeyOf(line) : RawMeasurementOf(line);
    const auto known = places_.find(key);
    const Place place = known != places_.end() ? known->second : Judge(key);
    const bool is_opaque = is_opaque_ != nullptr && is_opaque_(line);
    if (!is_opaque) Add(place.lines, line);
    Add(place.remote_write, line);
    if (place.lines == kNowhere && place.remote_write == kNowhere) {
      ++routed_.unrouted;
    } else if (is_opaque && place.remote_write == kNowhere) {
      ++routed_.untranslated;
    } else {
      routed_.size = routed_.size + Totals{.points = 1, .bytes = Bytes(line.size())};
    }
  }

  void Add(std::size_t part, std::string_view line) {
    if (part == kNowhere) return;
    routed_.parts[part].lines += line;
    ++routed_.parts[part].points;
  }

  // Returns the place for points with this measurement, or series key.
  Place Judge(std::string_view key) {
    const SeriesNames names(key);
    Rules takers = sure_;
    for (const Open& open : open_) {
      const bool only = open.only == RuleMatch::kYes || Selects(open.rule->only, names);
      const bool except = open.except == RuleMatch::kByLine && Selects(open.rule->except, names);
      if (only && !except) takers.push_back(open.rule);
    }
    if (takers.empty() && routed_.why.empty()) {
      routed_.why =
          fmt::format("no backend accepts measurement \"{}\" of {}{}", names.measurement,
                      DescribeLane(LaneOf(params_)), asks_for_tags_ ? ", with its tags" : "");
    }
    return places_.emplace(key, PlaceFor(takers)).first->second;
  }

  Place PlaceFor(const Rules& takers) {
    if (is_opaque_ == nullptr) return {.lines = PartFor(NamesOf(takers))};
    Rules of_lines;
    Rules of_remote_write;
    for (const Rule* rule : takers) {
      (rule->takes_opaque ? of_remote_write : of_lines).push_back(rule);
    }
    return {PartFor(NamesOf(of_lines)), PartFor(NamesOf(of_remote_write))};
  }

  std::size_t PartFor(std::vector<BackendId> backends) {
    if (backends.empty()) return kNowhere;
    const auto [found, added] = sets_.emplace(std::move(backends), routed_.parts.size());
    if (added) routed_.parts.push_back({SetOf(found->first), "", 0});
    return found->second;
  }

  const WriteParams& params_;
  std::optional<WriteParams> as_database_;  // nullopt: the names are the same.
  const IsOpaque is_opaque_;
  bool asks_for_tags_ = false;
  Rules sure_;                                          // Accept any line.
  std::vector<Open> open_;                              // Accept some lines.
  std::unordered_map<std::string_view, Place> places_;  // By raw measurement, or series key.
  std::map<std::vector<BackendId>, std::size_t> sets_;
  RoutedLines routed_;
};

RoutedLines Router::Route(const WriteParams& params, std::string lines, PointCount points,
                          IsOpaque is_opaque) const {
  RoutedLines routed;
  const Totals size{.points = points, .bytes = Bytes(lines.size())};
  if (!filters_ && is_opaque == nullptr) {
    routed.parts.push_back({all_, std::move(lines), points});
    routed.size = size;
    return routed;
  }
  ByLine by_line(rules_, params, is_opaque);
  if (!by_line.decided()) {
    routed = by_line.Route(lines);
    // A set of backends may have got opaque lines only.
    std::erase_if(routed.parts, [](const RoutedPart& part) { return part.points == 0; });
    return routed;
  }
  BackendSet everywhere = by_line.Everywhere();
  if (everywhere->empty()) {
    routed.unrouted = points;
    routed.why = "no backend accepts " + DescribeLane(LaneOf(params));
  } else {
    routed.parts.push_back({std::move(everywhere), std::move(lines), points});
    routed.size = size;
  }
  return routed;
}

}  // namespace relay
