#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>

#include "config/config.h"
#include "relay/commands.h"
#include "relay/status.h"
#include "wal/log_reader.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

Error BadPlace(std::string_view text) {
  return {ErrorCode::kInvalidInput,
          fmt::format("'{}' is neither a sequence (12) nor a time (2026-11-23T20:15:00Z)", text)};
}

std::optional<WallTime> ParseTime(const std::string& text) {
  std::tm date{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &date);
  if (end == nullptr) return std::nullopt;
  std::int64_t nanos = 0;
  if (*end == '.') {
    std::int64_t unit = 100'000'000;
    for (++end; *end >= '0' && *end <= '9'; ++end, unit /= 10) nanos += (*end - '0') * unit;
  }
  if (std::string_view(end) != "Z") return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&date)) + std::chrono::nanoseconds(nanos));
}

// The sequence that `text` names: itself, or the last one accepted before a time.
Result<Sequence> PlaceBefore(const LogView& log, const BackendId& backend,
                             const std::string& text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) {
    return Sequence(number == 0 ? 0 : number - 1);
  }
  const std::optional<WallTime> time = ParseTime(text);
  if (!time) return BadPlace(text);
  return log.LastBefore(backend, *time);
}

// The records after `after` up to and including `last`.
struct Range {
  Sequence after = Sequence::BeforeFirst();
  Sequence last = Sequence::BeforeFirst();
};

Result<Range> RangeOf(const LogView& log, const BackendId& backend, const InspectArgs& args) {
  Result<Figures> figures = log.FiguresOf(backend);
  if (!figures.ok()) return std::move(figures).error();
  const Marks& marks = figures.value().marks;
  Range range{.after = marks.cursor, .last = marks.head};
  if (!args.from.empty()) {
    Result<Sequence> from = PlaceBefore(log, backend, args.from);
    if (!from.ok()) return std::move(from).error().Within("--from");
    range.after = from.value();
  }
  if (args.to.empty()) return range;
  Result<Sequence> to = PlaceBefore(log, backend, args.to);
  if (!to.ok()) return std::move(to).error().Within("--to");
  // A sequence is meant to be shown too; at a time, what came before it is.
  const bool by_time = args.to.find('T') != std::string::npos;
  range.last = std::min(range.last, by_time ? to.value() : to.value().Next());
  return range;
}

Json RecordJson(const StoredRecord& stored, bool lines) {
  const Entry& entry = stored.entry;
  Json json;
  json["sequence"] = entry.position.sequence.value();
  json["accepted_at"] = ToRfc3339(entry.accepted_at);
  json["points"] = entry.size.points;
  json["bytes"] = entry.size.bytes.count();
  if (!stored.record.ok()) {
    json["damaged"] = stored.record.error().message();
    return json;
  }
  const Record& record = *stored.record.value();
  json["database"] = record.params.database;
  json["retention_policy"] = record.params.retention_policy;
  json["precision"] = ToString(record.params.precision);
  if (lines) json["lines"] = record.lines;
  return json;
}

Json LetterJson(const StoredDeadLetter& stored) {
  const DeadLetter& letter = stored.letter;
  Json json;
  json["number"] = stored.number;
  json["sequence"] = letter.sequence.value();
  json["first_line"] = letter.first_line;
  json["points"] = letter.points;
  json["when"] = ToRfc3339(letter.when);
  json["status"] = letter.http_status;
  json["words"] = letter.words;
  json["database"] = letter.params.database;
  json["retention_policy"] = letter.params.retention_policy;
  json["precision"] = ToString(letter.params.precision);
  json["lines"] = letter.lines;
  return json;
}

void PrintJson(const Json& json) {
  fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
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
  Result<Range> range = RangeOf(log, backend, args);
  if (!range.ok()) return std::move(range).error();
  if (!args.json) {
    fmt::print("{:>10}  {:<30}  {:>7}  {:>9}  {}\n", "SEQUENCE", "ACCEPTED", "POINTS", "BYTES",
               "DATABASE (PRECISION)");
  }
  Sequence after = range.value().after;
  for (std::uint64_t shown = 0; shown < args.limit && after < range.value().last; ++shown) {
    Result<std::vector<StoredRecord>> read = log.Read(backend, after, {.records = 1});
    if (!read.ok()) return std::move(read).error();
    if (read.value().empty()) return Ok();
    const StoredRecord& stored = read.value().front();
    args.json ? PrintJson(RecordJson(stored, args.lines)) : PrintRecord(stored, args.lines);
    after = stored.entry.position.sequence;
  }
  if (!args.json && after < range.value().last) {
    fmt::print("... and {} more (--limit)\n", range.value().last - after);
  }
  return Ok();
}

Status PrintDead(const LogView& log, const BackendId& backend, const InspectArgs& args) {
  Result<std::vector<StoredDeadLetter>> letters = log.ReadDead(backend, 0, args.limit);
  if (!letters.ok()) return std::move(letters).error();
  for (const StoredDeadLetter& stored : letters.value()) {
    if (args.json) {
      PrintJson(LetterJson(stored));
      continue;
    }
    const DeadLetter& letter = stored.letter;
    fmt::print("#{} sequence {} line {} at {}: HTTP {} {}\n{}", stored.number,
               letter.sequence.value(), letter.first_line, ToRfc3339(letter.when),
               letter.http_status, letter.words, letter.lines);
  }
  return Ok();
}

Result<BackendId> ChooseBackend(const LogView& log, const std::string& name) {
  const std::vector<BackendId> known = log.Backends();
  std::string names;
  for (const BackendId& backend : known) names += (names.empty() ? "" : ", ") + backend.text();
  if (name.empty() && known.size() == 1) return known.front();
  const auto found = std::find_if(known.begin(), known.end(), [&name](const BackendId& backend) {
    return backend.text() == name;
  });
  if (found != known.end()) return *found;
  if (name.empty()) {
    return Error(ErrorCode::kInvalidInput, "--backend is needed, one of: " + names);
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("the log knows no backend '{}'; there are: {}", name, names));
}

Status InspectIn(const std::string& path, const InspectArgs& args) {
  Result<std::unique_ptr<LogView>> log = OpenLogView(path);
  if (!log.ok()) return std::move(log).error();
  Result<BackendId> backend = ChooseBackend(*log.value(), args.backend);
  if (!backend.ok()) return std::move(backend).error();
  return args.dead ? PrintDead(*log.value(), backend.value(), args)
                   : PrintRecords(*log.value(), backend.value(), args);
}

}  // namespace

int Inspect(const InspectArgs& args) {
  std::string path = args.where.data;
  if (path.empty()) {
    const Result<Config> config = LoadConfig(args.where.config_path);
    if (!config.ok()) {
      fmt::print(stderr, "{}\n", config.error().message());
      return kWrongUsage;
    }
    path = config.value().log.path;
  }
  const Status shown = InspectIn(path, args);
  if (shown.ok()) return kDone;
  fmt::print(stderr, "inspect: {}\n", shown.error().message());
  return shown.error().code() == ErrorCode::kInvalidInput ? kWrongUsage : kFailed;
}

}  // namespace relay
