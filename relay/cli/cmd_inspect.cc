#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <utility>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/cli/commands.h"
#include "relay/cli/log_directory.h"
#include "relay/status/ledger_json.h"
#include "relay/status/relay_status.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

Json RecordJson(const StoredRecord& stored, bool lines) {
  const Entry& entry = stored.entry;
  Json json;
  json["sequence"] = entry.position.sequence.value();
  json["accepted_at"] = ToRfc3339(entry.accepted_at);
  json["points"] = entry.size.points;
  json["bytes"] = entry.size.bytes.count();
  json["damaged"] = stored.record.ok() ? "" : stored.record.error().message();
  for (const char* name : {"database", "retention_policy", "precision", "lines"}) {
    json[name] = nullptr;
  }
  if (!stored.record.ok()) return json;
  const Record& record = *stored.record.value();
  json["database"] = record.params.database;
  json["retention_policy"] = record.params.retention_policy;
  json["precision"] = ToString(record.params.precision);
  if (lines) json["lines"] = record.lines;
  return json;
}

void PrintJson(const Json& json) {
  fmt::print("{}\n", DumpJson(json));
}

void PrintRecord(const StoredRecord& stored, bool lines) {
  const Entry& entry = stored.entry;
  const std::string prefix =
      fmt::format("{:>10}  {:<30}  {:>7}  {:>9}  ", entry.position.sequence.value(),
                  ToRfc3339(entry.accepted_at), entry.size.points, entry.size.bytes.count());
  if (!stored.record.ok()) {
    fmt::print("{}DAMAGED: {}\n", prefix, stored.record.error().message());
    return;
  }
  const WriteParams& params = stored.record.value()->params;
  fmt::print("{}{}{}{} ({})\n", prefix, params.database, params.retention_policy.empty() ? "" : ".",
             params.retention_policy, ToString(params.precision));
  if (lines) fmt::print("{}", stored.record.value()->lines);
}

Status PrintRecords(const LogView& log, const BackendId& backend, const InspectArgs& args) {
  ASSIGN_OR_RETURN(LogRange range, RangeOf(log, backend, args.from, args.to));
  if (!args.json) {
    fmt::print("{:>10}  {:<30}  {:>7}  {:>9}  {}\n", "SEQUENCE", "ACCEPTED", "POINTS", "BYTES",
               "DATABASE (PRECISION)");
  }
  Sequence after = range.after;
  for (std::uint64_t shown = 0; shown < args.limit && after < range.last; ++shown) {
    ASSIGN_OR_RETURN(std::vector<StoredRecord> read, log.Read(backend, after, {.records = 1}));
    if (read.empty()) return Ok();
    const StoredRecord& stored = read.front();
    args.json ? PrintJson(RecordJson(stored, args.lines)) : PrintRecord(stored, args.lines);
    after = stored.entry.position.sequence;
  }
  if (!args.json && after < range.last) {
    fmt::print("... and {} more (--limit)\n", range.last - after);
  }
  return Ok();
}

Status PrintDead(const LogView& log, const BackendId& backend, const InspectArgs& args) {
  ASSIGN_OR_RETURN(std::vector<StoredDeadLetter> letters, log.ReadDead(backend, 0, args.limit));
  for (const StoredDeadLetter& stored : letters) {
    if (args.json) {
      fmt::print("{}\n", LetterJson(stored));
      continue;
    }
    const DeadLetter& letter = stored.letter;
    fmt::print("#{} sequence {} line {} at {}: HTTP {} {}\n{}", stored.number,
               letter.sequence.value(), letter.first_line, ToRfc3339(letter.when),
               letter.http_status, letter.message, ShownLines(letter.lines));
  }
  return Ok();
}

void PrintLane(const HeldLane& held, bool json) {
  if (!json) {
    fmt::print("{}{}{}: {} records, {} points, {} bytes{}{}\n", held.lane.database,
               held.lane.retention_policy.empty() ? "" : ".", held.lane.retention_policy,
               held.records, held.size.points, held.size.bytes.count(),
               held.oldest ? ", since " + ToRfc3339(*held.oldest) : "",
               held.by_operator ? ", held by an operator" : "");
    return;
  }
  Json object;
  object["database"] = held.lane.database;
  object["retention_policy"] = held.lane.retention_policy;
  object["records"] = held.records;
  object["points"] = held.size.points;
  object["bytes"] = held.size.bytes.count();
  object["oldest"] = held.oldest ? Json(ToRfc3339(*held.oldest)) : Json();
  object["by_operator"] = held.by_operator;
  PrintJson(object);
}

// Prints each lane with its records below it.
Status PrintHeld(const LogView& log, const BackendId& backend, const InspectArgs& args) {
  ASSIGN_OR_RETURN(std::vector<HeldLane> lanes, log.HeldLanes(backend));
  std::uint64_t left = args.limit;
  for (const HeldLane& held : lanes) {
    PrintLane(held, args.json);
    for (Sequence after = Sequence::BeforeFirst(); left > 0; --left) {
      ASSIGN_OR_RETURN(std::vector<StoredRecord> read,
                       log.ReadHeld(backend, held.lane, after, {.records = 1}));
      if (read.empty()) break;
      const StoredRecord& stored = read.front();
      args.json ? PrintJson(RecordJson(stored, args.lines)) : PrintRecord(stored, args.lines);
      after = stored.entry.position.sequence;
    }
  }
  return Ok();
}

Status PrintGaps(const LogView& log, const BackendId& backend, const InspectArgs& args) {
  ASSIGN_OR_RETURN(std::vector<StoredGap> gaps, log.ReadGaps(backend, 0, args.limit));
  for (const StoredGap& stored : gaps) {
    const Gap& gap = stored.gap;
    if (args.json) {
      fmt::print("{}\n", GapJson(stored));
    } else {
      fmt::print(
          "#{} {} sequences {} to {}, accepted {} to {}: {} points, {} bytes; by {} at {}{}{}\n",
          stored.number, ToString(gap.reason), gap.first.value(), gap.last.value(),
          ToRfc3339(gap.from), ToRfc3339(gap.to), gap.points, gap.bytes.count(), gap.by,
          ToRfc3339(gap.when), gap.note.empty() ? "" : ": ", gap.note);
    }
  }
  return Ok();
}

Status InspectIn(const std::string& path, const InspectArgs& args) {
  ASSIGN_OR_RETURN(std::unique_ptr<LogView> log, OpenLogIn(path));
  ASSIGN_OR_RETURN(BackendId backend, ChooseBackend(*log, args.backend));
  if (args.dead) return PrintDead(*log, backend, args);
  if (args.held) return PrintHeld(*log, backend, args);
  if (args.gaps) return PrintGaps(*log, backend, args);
  return PrintRecords(*log, backend, args);
}

}  // namespace

int Inspect(const InspectArgs& args) {
  Result<std::string> path = LogDirectory(args.where);
  if (!path.ok()) return PrintFailure("inspect", path.error(), args.json);
  const Status shown = InspectIn(path.value(), args);
  return shown.ok() ? kDone : PrintFailure("inspect", shown.error(), args.json);
}

}  // namespace relay
