#include "relay/transfer/exporter.h"

#include <fmt/format.h>

#include <utility>

#include "replay/transport/target.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

std::uint64_t CountLines(std::string_view lines) {
  std::uint64_t count = 0;
  for (LineWalk walk(lines); !walk.AtEnd(); walk.Next()) ++count;
  return count;
}

}  // namespace

Exporter::Exporter(ExportFormat format, ExportFilter filter, Output output, Report report)
    : format_(format),
      filter_(std::move(filter)),
      output_(std::move(output)),
      report_(std::move(report)) {}

void Exporter::CountDamaged(Sequence sequence, const std::string& reason) {
  ++tally_.damaged;
  report_(fmt::format("sequence {} is damaged and left out: {}", sequence.value(), reason));
}

Status Exporter::Take(const StoredRecord& stored) {
  const Sequence sequence = stored.entry.position.sequence;
  if (!stored.record.ok()) {
    CountDamaged(sequence, stored.record.error().message());
    return Ok();
  }
  const Record& record = *stored.record.value();
  return TakeLines(record.params, record.lines, fmt::format("sequence {}", sequence.value()));
}

Status Exporter::Take(const StoredDeadLetter& stored) {
  return TakeLines(stored.letter.params, stored.letter.lines,
                   fmt::format("dead letter {}", stored.number));
}

Status Exporter::TakeLines(const WriteParams& params, std::string_view lines,
                           const std::string& source) {
  if (!filter_.database.empty() && params.database != filter_.database) return Ok();
  if (filter_.retention_policy && params.retention_policy != *filter_.retention_policy) return Ok();
  const std::string text = ToNanoseconds(params, Wanted(lines), source);
  if (text.empty()) return Ok();
  RETURN_IF_ERROR(EnterLane(params));
  ++tally_.records;
  tally_.lines += CountLines(text);
  return output_(text);
}

// Returns the lines of the requested measurement.
std::string Exporter::Wanted(std::string_view lines) const {
  if (filter_.measurement.empty()) return std::string(lines);
  std::string wanted;
  for (LineWalk walk(lines); !walk.AtEnd();) {
    const std::string_view line = walk.Next();
    if (MeasurementOf(line) == filter_.measurement) wanted += line;
  }
  return wanted;
}

std::string Exporter::ToNanoseconds(const WriteParams& params, std::string_view lines,
                                    const std::string& source) {
  if (lines.empty()) return {};
  Result<std::string> all = Rescaled(lines, params.precision, Precision::kNanosecond);
  if (all.ok()) return std::move(all).value();
  std::string reachable;
  for (LineWalk walk(lines); !walk.AtEnd();) {
    Result<std::string> line = Rescaled(walk.Next(), params.precision, Precision::kNanosecond);
    if (line.ok()) {
      reachable += line.value();
    } else {
      ++tally_.unreachable;
      report_(fmt::format("{}: a line is left out: {}", source, line.error().message()));
    }
  }
  return reachable;
}

Status Exporter::EnterLane(const WriteParams& params) {
  const Lane lane = LaneOf(params);
  if (lane_ == lane) return Ok();
  if (format_ == ExportFormat::kLines && lane_) {
    return Error(
        ErrorCode::kInvalidInput,
        fmt::format("lines of database '{}' (retention policy '{}') and of '{}' ('{}'): choose "
                    "with --database and --retention-policy, or use --format influx, "
                    "which keeps them apart",
                    lane_->database, lane_->retention_policy, lane.database,
                    lane.retention_policy));
  }
  const bool first = !lane_;
  lane_ = lane;
  if (format_ == ExportFormat::kLines) return Ok();
  return output_(fmt::format("{}# CONTEXT-DATABASE: {}\n# CONTEXT-RETENTION-POLICY: {}\n",
                             first ? "# DML\n" : "", lane.database, lane.retention_policy));
}

}  // namespace relay
