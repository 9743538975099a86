#include "relay/service/fills.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>
#include <vector>

#include "relay/compare/relay_fence.h"
#include "relay/compare/scope.h"
#include "relay/service/backend_transport.h"
#include "replay/query/influx_source.h"
#include "replay/seed/repair_job.h"
#include "replay/seed/seed_job.h"
#include "replay/seed/server_form.h"

namespace relay {
namespace {

struct TwoBackends {
  BackendConfig target;
  BackendConfig source;
};

SourceMaker ReaderOf(const BackendConfig& backend) {
  return [name = backend.name.text(), options = QueryOptionsFor(backend)] {
    return MakeInfluxSource(name, options);
  };
}

FenceMaker FenceOf(std::string a, std::string b, const FillDeps& deps) {
  return [a = std::move(a), b = std::move(b), deps](const std::atomic<bool>& cancelled) {
    // Short: the reason is shown, and the job asks again.
    constexpr std::chrono::seconds kPatience{5};
    const auto status = [&cancelled, deps]() -> Result<RelayStatus> {
      if (cancelled) return Error(ErrorCode::kUnavailable, "interrupted");
      return deps.status();
    };
    return std::make_unique<RelayFence>(
        deps.clock, RelayFence::Options{.a = a, .b = b, .patience = kPatience, .status = status});
  };
}

WhyLeftOutOf LeftOutOf(const TwoBackends& both) {
  return [both](const MeasurementRef& place) {
    const std::string why = WhyLeftOut(both.target, place);
    return why.empty() ? WhyLeftOut(both.source, place) : why;
  };
}

// A lane that was on hold for its missing database is delivered a little later than the others.
Status CheckNothingHeld(const Log& log, const BackendId& backend) {
  ASSIGN_OR_RETURN(const QueueStats stats, log.StatsOf(backend));
  if (stats.held.points == 0) return Ok();
  return Error(ErrorCode::kUnavailable,
               fmt::format("{} points are on hold for {}", stats.held.points, backend.text()));
}

Result<std::unique_ptr<BackendJob>> MakeSeed(const TwoBackends& both, const ReplayReport& report,
                                             const FillDeps& deps) {
  const std::string target = both.target.name.text();
  const std::string source = both.source.name.text();
  if (both.target.api != Api::kV1) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("{} has another api than v1: its databases cannot be made by InfluxQL",
                             target));
  }
  RETURN_IF_ERROR(CheckGetsAllOf(both.target, both.source));
  std::vector<std::unique_ptr<Transport>> transports;
  for (PointCount i = 0; i < std::max<PointCount>(both.target.concurrency, 2); ++i) {
    transports.push_back(TransportFor(both.target, {.id = deps.relay_id}));
  }
  const HttpTransportOptions to = QueryOptionsFor(both.target);
  const HttpTransportOptions from = QueryOptionsFor(both.source);
  return std::unique_ptr<BackendJob>(std::make_unique<SeedJob>(
      SeedParts{
          .source_name = source,
          .target_name = target,
          .source = ReaderOf(both.source),
          .target = ReaderOf(both.target),
          .transports = std::move(transports),
          .source_passes = FenceOf(source, source, deps),
          .both_pass = FenceOf(target, source, deps),
          .nothing_held =
              [deps, backend = both.target.name] { return CheckNothingHeld(deps.log, backend); },
          .make = [to](const std::vector<std::string>& databases, Source& reads,
                       Source& writes) { return MakeDatabases(databases, reads, writes, to); },
          .not_copied = [from] { return NotCopied(from); },
          .on_equal = [deps, target] { deps.acknowledge(target); },
          .why_left_out = LeftOutOf(both)},
      report.progress, deps.clock));
}

Status AppendFor(Log& log, const BackendId& backend, Record record, WallTime now) {
  ASSIGN_OR_RETURN(EncodedRecord encoded, Encode(std::move(record), Codec::kZstd));
  std::promise<Result<Durable>> stored;
  log.Append({.record = std::move(encoded),
              .backends = std::make_shared<const std::vector<BackendId>>(1, backend),
              .accepted_at = now},
             [&stored](Result<Durable> done) { stored.set_value(std::move(done)); });
  const Result<Durable> done = stored.get_future().get();
  if (!done.ok()) return done.error();
  return Ok();
}

std::unique_ptr<BackendJob> MakeRepair(const TwoBackends& both, const ReplayReport& report,
                                       const FillDeps& deps) {
  const std::string target = both.target.name.text();
  const std::string source = both.source.name.text();
  return std::make_unique<RepairJob>(
      RepairParts{.target_name = target,
                  .source_name = source,
                  .target = ReaderOf(both.target),
                  .source = ReaderOf(both.source),
                  .both_pass = FenceOf(target, source, deps),
                  .append =
                      [deps, backend = both.target.name](Record record) {
                        return AppendFor(deps.log, backend, std::move(record),
                                         deps.clock.WallNow());
                      },
                  .options = {.database = report.range.database,
                              .measurement = report.range.measurement,
                              .why_left_out = LeftOutOf(both)}},
      report.progress, deps.clock);
}

}  // namespace

Result<std::unique_ptr<BackendJob>> MakeFill(const Config& config, const ReplayReport& report,
                                             const FillDeps& deps) {
  ASSIGN_OR_RETURN(const BackendId source, BackendId::Parse(report.source));
  ASSIGN_OR_RETURN(BackendConfig to, BackendNamed(config, report.range.backend));
  ASSIGN_OR_RETURN(BackendConfig from, BackendNamed(config, source));
  RETURN_IF_ERROR(CheckComparable(to, from));
  const TwoBackends both{std::move(to), std::move(from)};
  if (report.kind == JobKind::kSeed) return MakeSeed(both, report, deps);
  return MakeRepair(both, report, deps);
}

}  // namespace relay
