// Compares the values that two servers hold, measurement by measurement: where there are values is
// asked first, then they are read as a stream and summarised, and only where the summaries differ
// are values looked at one by one. Memory is bounded whatever the servers hold.
//
// It begins at a position that both servers have passed, and compares points up to that time, so
// that writers need not stop.
//
// ERRORS. As Source and Fence: the result is unknown then. kInvalidInput also: the two cannot be
// compared; the message says why.
//
// THREADS. One.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "replay/compare/catalog.h"
#include "replay/compare/outcome.h"
#include "replay/compare/pair.h"
#include "replay/compare/settle.h"

namespace relay {

struct ComparisonOptions {
  std::string database = {};     // Empty: all that either has.
  std::string measurement = {};  // The same.
  std::int64_t from = TimeRange::kEarliest;
  std::optional<std::int64_t> to = {};  // Not included; nullopt: the time of the position.
  std::size_t listed_max = 100;         // Points that differ, in the outcome.
  SettleOptions settle = {};
  WhyLeftOutOf why_left_out = {};
  // Called before each measurement with its number, from 0, and how many the policy has.
  std::function<void(const MeasurementRef& place, std::size_t number, std::size_t of)> on_place =
      {};
};

class Comparison final : private DifferenceSink {
 public:
  // REQUIRES: the pair outlives it.
  Comparison(Pair& pair, ComparisonOptions options);

  // Call it once.
  Result<Outcome> Run();

  // Returns the points found to differ; also after an error.
  std::uint64_t points_differing() const;

 private:
  Status CompareDatabase(const std::string& database);
  Status ComparePolicy(const std::string& database, const PolicyPair& policy);
  TimeRange RangeFor(const std::string& database, const PolicyPair& policy);
  Status CompareMeasurement(const Measurement& measurement, const TimeRange& range,
                            WindowShape shape);
  // Returns the parts of the range that have values.
  Result<std::vector<TimeRange>> RangesWithValues(const Measurement& measurement,
                                                  const TimeRange& range, WindowShape shape);
  Status CompareRange(const Measurement& measurement, const TimeRange& range);
  // Returns whether both have measurements, not metrics.
  bool HasMeasurements() const;
  void Note(std::string text);

  void Different(std::vector<PointDifference> points) override;
  void ShownDifferently(std::uint64_t values) override;
  void Unsettled(std::uint64_t values) override;

  Pair& pair_;
  const ComparisonOptions options_;
  Outcome outcome_;
  PlaceOutcome* place_ = nullptr;
  bool measurement_seen_ = false;
};

}  // namespace relay
