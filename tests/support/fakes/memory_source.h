// A server of one database in memory, for comparisons.
//
// THREADS. As Source; the points may be changed by what OnScan calls, on the thread that scans.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "replay/compare/source.h"

namespace relay::test {

class MemorySource final : public Source {
 public:
  static constexpr std::int64_t kWeek = 604'800'000'000'000;

  using Fields = std::map<std::string, Value>;
  // The tags and the time.
  using PointKey = std::pair<std::string, std::int64_t>;
  using Points = std::map<PointKey, Fields>;

  explicit MemorySource(std::string name) : name_(std::move(name)) {}

  // The points of a measurement, to be changed at will. Texts of values must outlive it.
  Points& PointsOf(const std::string& measurement) { return measurements_[measurement]; }

  // Called at the begin of each scan.
  void OnScan(std::function<void()> call) { on_scan_ = std::move(call); }
  // Fails the scans from this one on, counted from 1, in the middle.
  void FailFrom(std::size_t scan) { fail_from_ = scan; }
  // A server of metrics lists those that it has points of none; it is asked for measurements.
  void SetTraits(SourceTraits traits) { traits_ = traits; }
  void SetPolicies(std::vector<PolicyInfo> policies) { policies_ = std::move(policies); }
  void DropDatabase() { has_database_ = false; }

  std::size_t scans() const { return scans_; }
  std::size_t points_read() const { return points_read_; }

  const std::string& name() const override { return name_; }
  SourceTraits traits() const override { return traits_; }

  Result<std::vector<std::string>> Databases() override {
    return has_database_ ? std::vector<std::string>{"db"} : std::vector<std::string>{};
  }
  Result<std::vector<PolicyInfo>> Policies(const std::string& /*database*/) override {
    if (!has_database_) return Error(ErrorCode::kNotFound, "database not found");
    return policies_;
  }
  Result<std::vector<MeasurementInfo>> Measurements(const std::string& /*database*/,
                                                    const std::string& /*policy*/) override {
    std::vector<MeasurementInfo> all;
    for (const auto& [name, points] : measurements_) {
      if (!traits_.has_measurements && !points.empty()) continue;
      std::set<FieldInfo> fields;
      for (const auto& [key, values] : points) {
        for (const auto& [field, value] : values) fields.insert({field, value.type});
      }
      all.push_back({name, {fields.begin(), fields.end()}});
    }
    return all;
  }
  Result<std::vector<TimeWindow>> Windows(const MeasurementRef& place,
                                          const std::vector<FieldInfo>& /*fields*/,
                                          const TimeRange& range, WindowShape shape) override {
    std::map<std::int64_t, std::uint64_t> windows;
    for (const auto& [key, values] : measurements_[place.measurement]) {
      if (!range.Has(key.second)) continue;
      const std::int64_t length = shape.length.count();
      const std::int64_t into = ((key.second - shape.offset) % length + length) % length;
      windows[key.second - into] += values.size();
    }
    std::vector<TimeWindow> all;
    for (const auto& [start, values] : windows) all.push_back({start, values});
    return all;
  }
  Status Scan(const MeasurementRef& place, const std::vector<FieldInfo>& /*fields*/,
              const TimeRange& range, ValueSink& sink) override {
    ++scans_;
    if (on_scan_) on_scan_();
    std::size_t left = fail_from_ != 0 && scans_ >= fail_from_ ? 10 : ~std::size_t{0};
    for (const auto& [key, values] : measurements_[place.measurement]) {
      if (!range.Has(key.second)) continue;
      if (left-- == 0) return Error(ErrorCode::kUnavailable, "the connection was reset");
      ++points_read_;
      Pass(key, values, sink);
    }
    return Ok();
  }
  void Cancel() override {}

 private:
  static void Pass(const PointKey& key, const Fields& values, ValueSink& sink) {
    std::vector<std::string> fields;
    for (const auto& [field, value] : values) fields.push_back(field);
    sink.Series({{"host", key.first}, {"rack", ""}}, fields);
    sink.Point(key.second);
    std::size_t at = 0;
    for (const auto& [field, value] : values) sink.Take(at++, value);
  }

  const std::string name_;
  SourceTraits traits_;
  std::vector<PolicyInfo> policies_ = {
      {.name = "autogen", .shard_duration = std::chrono::hours(168), .is_default = true}};
  bool has_database_ = true;
  std::map<std::string, Points> measurements_;
  std::function<void()> on_scan_;
  std::size_t fail_from_ = 0;
  std::size_t scans_ = 0;
  std::size_t points_read_ = 0;
};

}  // namespace relay::test
