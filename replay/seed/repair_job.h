// Makes a backend have what another one holds, where a comparison finds a difference; README.md has
// the design.
//
// Points that only the repaired backend has are reported, not deleted.
//
// THREADS. As BackendJob.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replay/compare/pair.h"
#include "replay/seed/line_sink.h"
#include "replay/seed/server_job.h"
#include "wal/record/record.h"

namespace relay {

struct RepairParts {
  std::string target_name;
  std::string source_name;
  SourceMaker target;
  SourceMaker source;
  FenceMaker both_pass;
  // Appends a record for the target alone, and waits until it is on stable storage.
  std::function<Status(Record record)> append;
  ComparisonOptions options;  // `listed_max` bounds the points of one round.
};

class RepairJob final : public ServerJob {
 public:
  static constexpr std::size_t kPointsMax = 100'000;  // In one round.
  static constexpr unsigned kFruitlessMax = 3;        // Rounds without fewer differences.

  // REQUIRES: the clock outlives it.
  RepairJob(RepairParts parts, ReplayProgress progress, Clock& clock);

  bool NeedsPause() const override { return false; }

 private:
  // The fields of points that are to be sent, by tags and time.
  using Wanted = std::map<std::pair<std::string, std::int64_t>, std::set<std::string>>;

  Status StepPhase() override;
  Result<Outcome> CompareBoth();
  Status SendWhatSourceHas(const MeasurementRef& place, const Wanted& wanted);
  Status ReadInto(LineSink& sink, const MeasurementRef& place, const Wanted& wanted);
  Status Append(const MeasurementRef& place, LinesPart part);
  // Returns the policy's name as writes to the target name it: empty for its default.
  Result<std::string> PolicyOnTarget(const MeasurementRef& place);
  Result<std::string> PolicyOnSource(const MeasurementRef& place);

  const RepairParts parts_;
  Clock& clock_;
  std::uint64_t fewest_ = ~std::uint64_t{0};  // Points that could be repaired, in a round before.
  unsigned fruitless_ = 0;
};

}  // namespace relay
