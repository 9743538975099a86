#include "relay/cli/log_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <utility>
#include <vector>

#include "config/load.h"
#include "wal/offline.h"

namespace relay {
namespace {

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

}  // namespace

Result<std::string> LogDirectory(const LogLocation& where) {
  if (!where.data.empty()) return where.data;
  Result<Config> config = LoadConfig(where.config_path);
  if (config.ok()) return config.value().log.path;
  return Error(ErrorCode::kInvalidInput, config.error().message());
}

Result<std::unique_ptr<LogView>> OpenLogIn(const std::string& directory) {
  Result<std::unique_ptr<LogView>> log = OpenLogView(directory);
  if (log.ok() || log.error().code() != ErrorCode::kNotFound) return log;
  return Error(ErrorCode::kNotFound, "there is no log in " + directory);
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

Result<OpenedLog> OpenLogFor(const LogLocation& where, const std::string& backend) {
  ASSIGN_OR_RETURN(std::string directory, LogDirectory(where));
  ASSIGN_OR_RETURN(std::unique_ptr<LogView> log, OpenLogIn(directory));
  ASSIGN_OR_RETURN(BackendId named, ChooseBackend(*log, backend));
  return OpenedLog{std::move(log), std::move(named)};
}

Result<LogRange> RangeOf(const LogView& log, const BackendId& backend, const std::string& from,
                         const std::string& to) {
  ASSIGN_OR_RETURN(QueueStats figures, log.StatsOf(backend));
  const Marks& marks = figures.marks;
  LogRange range{.after = marks.cursor, .last = marks.head};
  if (!from.empty()) {
    Result<Sequence> first = PlaceBefore(log, backend, from);
    if (!first.ok()) return std::move(first).error().Within("--from");
    range.after = first.value();
  }
  if (to.empty()) return range;
  Result<Sequence> last = PlaceBefore(log, backend, to);
  if (!last.ok()) return std::move(last).error().Within("--to");
  const bool by_time = to.find('T') != std::string::npos;
  range.last = std::min(range.last, by_time ? last.value() : last.value().Next());
  return range;
}

int TellFailure(const char* command, const Error& error) {
  fmt::print(stderr, "{}: {}\n", command, error.message());
  return error.code() == ErrorCode::kInvalidInput ? kWrongUsage : kFailed;
}

}  // namespace relay
