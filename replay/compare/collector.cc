#include "replay/compare/collector.h"

#include <algorithm>
#include <utility>

namespace relay {

Form Rules::FormOf(const std::string& field) const {
  const auto found = forms.find(field);
  return found == forms.end() ? Form::kExact : found->second;
}

std::int64_t Rules::Cut(std::int64_t time) const {
  if (tick == 1) return time;
  return time - (time % tick + tick) % tick;
}

std::uint64_t SeriesHash(const std::vector<Tag>& tags) {
  std::uint64_t sum = 0;
  for (const auto& [name, value] : tags) {
    if (!value.empty()) sum += Mix(HashOf(name) + Mix(HashOf(value)));
  }
  return Mix(sum);
}

HashingSink::HashingSink(const Rules& rules, OnPoints on_points)
    : rules_(rules), on_points_(std::move(on_points)) {}

void HashingSink::Series(const std::vector<Tag>& tags, const std::vector<std::string>& fields) {
  series_ = SeriesHash(tags);
  if (fields == fields_) return;
  fields_ = fields;
  columns_.clear();
  for (const std::string& field : fields) {
    columns_.push_back({.name = field, .hash = HashOf(field), .form = rules_.FormOf(field)});
  }
}

void HashingSink::Point(std::int64_t time) {
  constexpr std::uint64_t kReportEvery = 1'000;
  time_ = rules_.Cut(time);
  point_ = PointHash(series_, time_);
  if (++points_ - reported_ >= kReportEvery) End();
}

void HashingSink::Take(std::size_t field, const Value& value) {
  const Column& column = columns_.at(field);
  if (column.form == Form::kIgnored) {
    ++ignored_;
    return;
  }
  ++values_seen_;
  Tally tally;
  Add(tally, point_, column.hash, DigestOf(value, column.form));
  OnValue(column, value, tally);
}

void HashingSink::End() {
  const std::uint64_t more = points_ - std::exchange(reported_, points_);
  if (more > 0 && on_points_) on_points_(more);
}

std::string TagsText(std::vector<Tag> tags) {
  std::sort(tags.begin(), tags.end());
  std::string text;
  for (const auto& [name, value] : tags) {
    if (value.empty()) continue;
    if (!text.empty()) text += ',';
    text.append(name).append("=").append(value);
  }
  return text;
}

void Summary::OnValue(const Column& /*column*/, const Value& /*value*/, const Tally& tally) {
  grid_.Add(series(), time(), tally);
}

Collector::Collector(const Region& region, const Rules& rules, OnPoints on_points)
    : HashingSink(rules, std::move(on_points)), region_(region), grid_(region, rules.tick) {}

void Collector::Series(const std::vector<Tag>& tags, const std::vector<std::string>& fields) {
  HashingSink::Series(tags, fields);
  tags_ = tags;
}

void Collector::OnValue(const Column& column, const Value& value, const Tally& tally) {
  if (!region_.Has(series(), time())) return;
  const ValueKey key{.series = series(), .time = time(), .field = column.hash};
  if (only_ == nullptr) {
    grid_.Add(series(), time(), tally);
    if (values_.size() == kValuesMax) Overflow();
    if (overflowed_) return;
    points_seen_.insert({.series = key.series, .time = key.time});
  } else if (!only_->contains(key)) {
    return;
  }
  NamedValue& kept = values_[key];
  kept.field = column.name;
  kept.form = column.form;
  kept.values.push_back(Keep(value));
  if (only_ == nullptr && !series_tags_.contains(key.series)) KeepTags(key.series);
}

void Collector::KeepTags(std::uint64_t series) {
  series_tags_[series] = TagsText(tags_);
}

void Collector::Overflow() {
  overflowed_ = true;
  values_.clear();
  series_tags_.clear();
  points_seen_.clear();
}

std::string Collector::TagsOf(std::uint64_t series) const {
  const auto found = series_tags_.find(series);
  return found == series_tags_.end() ? "" : found->second;
}

bool Collector::HasPoint(std::uint64_t series, std::int64_t time) const {
  return points_seen_.contains({.series = series, .time = time});
}

}  // namespace relay
