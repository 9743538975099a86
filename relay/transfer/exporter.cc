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

Exporter::Exporter(ExportFormat format, ExportFilter filter, Output output, Tell tell)
    : format_(format),
      filter_(std::move(filter)),
      output_(std::move(output)),
      tell_(std::move(tell)) {}

void Exporter::CountDamaged(Sequence sequence, const std::string& why) {
  ++tally_.damaged;
  tell_(fmt::format("sequence {} is damaged and left out: {}", sequence.value(), why));
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
                           const std::string& whose) {
  if (!filter_.database.empty() && params.database != filter_.database) return Ok();
  if (filter_.retention_policy && params.retention_policy != *filter_.retention_policy) return Ok();
  const std::string text = ToNanoseconds(params, Wanted(lines), whose);
  if (text.empty()) return Ok();
  RETURN_IF_ERROR(Enter(params));
  ++tally_.records;
  tally_.lines += CountLines(text);
  return output_(text);
}

// Those of the measurement that is asked for.
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
                                    const std::string& whose) {
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
      tell_(fmt::format("{}: a line is left out: {}", whose, line.error().message()));
    }
  }
  return reachable;
}

Status Exporter::Enter(const WriteParams& params) {
  const Lane lane = LaneOf(params);
  if (lane_ == lane) return Ok();
  if (format_ == ExportFormat::kLines && lane_) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("there are lines of database '{}' (retention policy '{}') and of '{}' "
                             "('{}'): choose with --database and --retention-policy, or take "
                             "--format influx, which tells them apart",
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
