#include "relay/status.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include "wal/log_reader.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::duration_cast;
using std::chrono::nanoseconds;

double Seconds(nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

Json BackendJson(const BackendStatus& backend, WallTime now) {
  const Figures& figures = backend.figures;
  Json json;
  json["name"] = backend.name;
  json["state"] = backend.state;
  json["why"] = backend.why;
  json["last_answer"] = backend.last_answer;
  if (backend.since) json["since_ns"] = backend.since->time_since_epoch().count();
  json["cursor"] = figures.marks.cursor.value();
  json["head"] = figures.marks.head.value();
  json["trimmed"] = figures.marks.trimmed.value();
  json["pending_records"] = figures.marks.lag();
  json["pending_points"] = figures.owed.points;
  json["pending_bytes"] = figures.owed.bytes.count();
  json["oldest_pending_seconds"] = Seconds(OldestOwedAge(backend, now));
  if (figures.oldest_owed) {
    json["oldest_pending_ns"] = figures.oldest_owed->time_since_epoch().count();
  }
  json["kept_records"] = figures.marks.cursor - figures.marks.trimmed;
  json["kept_points"] = figures.kept.points;
  json["kept_bytes"] = figures.kept.bytes.count();
  json["kept_stored_bytes"] = figures.kept.stored.count();
  json["accepted_points"] = figures.accepted.points;
  json["accepted_bytes"] = figures.accepted.bytes.count();
  json["delivered_points"] = figures.delivered;
  json["rewound_points"] = figures.rewound;
  json["held_points"] = figures.held.points;
  json["dead_points"] = figures.dead;
  json["dropped_points"] = figures.dropped;
  json["unaccounted_points"] = figures.unaccounted();
  return json;
}

WallTime TimeFrom(std::int64_t nanos) {
  return WallTime(nanoseconds(nanos));
}

BackendStatus BackendFrom(const Json& json) {
  BackendStatus backend;
  backend.name = json.at("name");
  backend.state = json.at("state");
  backend.why = json.at("why");
  backend.last_answer = json.at("last_answer");
  if (json.contains("since_ns")) backend.since = TimeFrom(json.at("since_ns"));
  Figures& figures = backend.figures;
  figures.marks = {Sequence(json.at("trimmed").get<std::uint64_t>()),
                   Sequence(json.at("cursor").get<std::uint64_t>()),
                   Sequence(json.at("head").get<std::uint64_t>())};
  figures.owed = {json.at("pending_points"), Bytes(json.at("pending_bytes").get<std::uint64_t>())};
  if (json.contains("oldest_pending_ns")) {
    figures.oldest_owed = TimeFrom(json.at("oldest_pending_ns"));
  }
  figures.kept = {json.at("kept_points"), Bytes(json.at("kept_bytes").get<std::uint64_t>()),
                  Bytes(json.at("kept_stored_bytes").get<std::uint64_t>())};
  figures.accepted = {json.at("accepted_points"),
                      Bytes(json.at("accepted_bytes").get<std::uint64_t>())};
  figures.delivered = json.at("delivered_points");
  figures.rewound = json.at("rewound_points");
  figures.held.points = json.at("held_points");
  figures.dead = json.at("dead_points");
  figures.dropped = json.at("dropped_points");
  return backend;
}

std::string ShownBytes(Bytes bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes.count());
  std::size_t unit = 0;
  for (; value >= 1024.0 && unit + 1 < kUnits.size(); ++unit) value /= 1024.0;
  if (unit == 0) return fmt::format("{} B", bytes.count());
  return fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

std::string ShownAge(nanoseconds age) {
  const auto seconds = duration_cast<std::chrono::seconds>(age).count();
  if (age == nanoseconds::zero()) return "-";
  if (seconds < 60) return fmt::format("{:.1f}s", Seconds(age));
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86'400, seconds / 3600 % 24);
}

using Cells = std::vector<std::string>;

// Numbers to the right, the first two columns to the left.
std::string Aligned(const std::vector<Cells>& rows) {
  constexpr std::size_t kLeftColumns = 2;
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i < kLeftColumns ? fmt::format("{:<{}}  ", row[i], widths[i])
                               : fmt::format("{:>{}}  ", row[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

Cells RowOf(const BackendStatus& backend, WallTime now) {
  const Figures& figures = backend.figures;
  return {backend.name,
          backend.state,
          fmt::format("{}", figures.marks.cursor.value()),
          fmt::format("{}", figures.marks.head.value()),
          fmt::format("{}", figures.marks.lag()),
          fmt::format("{}", figures.owed.points),
          ShownBytes(figures.owed.bytes),
          ShownAge(OldestOwedAge(backend, now)),
          fmt::format("{}", figures.dead)};
}

}  // namespace

std::string ToRfc3339(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = (time - seconds).count();
  const std::time_t whole = seconds.time_since_epoch().count();
  const std::string text = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(whole));
  return rest == 0 ? text + "Z" : fmt::format("{}.{:09}Z", text, rest);
}

std::chrono::nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now) {
  if (!backend.figures.oldest_owed) return nanoseconds::zero();
  return std::max(nanoseconds::zero(), now - *backend.figures.oldest_owed);
}

std::string ToJson(const RelayStatus& status) {
  Json json;
  json["version"] = status.version;
  json["now_ns"] = status.now.time_since_epoch().count();
  json["running"] = status.running;
  json["log"] = {{"path", status.log_path},
                 {"failure", status.log_failure},
                 {"alarms", status.log_alarms},
                 {"used_bytes", status.disk.used.count()},
                 {"max_bytes", status.disk.max.count()},
                 {"free_bytes", status.disk.free.count()},
                 {"min_free_bytes", status.disk.min_free.count()}};
  json["backends"] = Json::array();
  for (const BackendStatus& backend : status.backends) {
    json["backends"].push_back(BackendJson(backend, status.now));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<RelayStatus> StatusFromJson(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    RelayStatus status;
    status.version = json.at("version");
    status.now = TimeFrom(json.at("now_ns"));
    status.running = json.at("running");
    status.log_path = json.at("log").at("path");
    const Json& log = json.at("log");
    status.log_failure = log.at("failure");
    status.log_alarms = log.at("alarms").get<std::vector<std::string>>();
    status.disk = {Bytes(log.at("used_bytes").get<std::uint64_t>()),
                   Bytes(log.at("max_bytes").get<std::uint64_t>()),
                   Bytes(log.at("free_bytes").get<std::uint64_t>()),
                   Bytes(log.at("min_free_bytes").get<std::uint64_t>())};
    for (const Json& backend : json.at("backends")) status.backends.push_back(BackendFrom(backend));
    return status;
  } catch (const Json::exception& error) {
    return Error(ErrorCode::kInvalidInput, fmt::format("not a relay's status: {}", error.what()));
  }
}

std::string ToTable(const RelayStatus& status) {
  std::vector<Cells> rows = {
      {"BACKEND", "STATE", "CURSOR", "HEAD", "LAG", "POINTS", "BYTES", "OLDEST", "DEAD"}};
  for (const BackendStatus& backend : status.backends) rows.push_back(RowOf(backend, status.now));
  std::string text = Aligned(rows);
  if (!status.log_failure.empty()) text += fmt::format("\nlog: {}\n", status.log_failure);
  for (const std::string& alarm : status.log_alarms) text += fmt::format("\nlog: {}\n", alarm);
  for (const BackendStatus& backend : status.backends) {
    if (!backend.why.empty()) text += fmt::format("\n{}: {}\n", backend.name, backend.why);
    if (!backend.why.empty() && !backend.last_answer.empty()) {
      text += fmt::format("{}: last answer: {}\n", backend.name, backend.last_answer);
    }
    if (const std::int64_t missing = backend.figures.unaccounted(); missing != 0) {
      text +=
          fmt::format("{}: {} points are unaccounted for: this is a bug\n", backend.name, missing);
    }
  }
  return text;
}

std::vector<BackendStatus> BackendStatuses(const LogView& log) {
  std::vector<BackendStatus> statuses;
  for (const BackendId& backend : log.Backends()) {
    BackendStatus status;
    status.name = backend.text();
    status.state = "not running";
    Result<Figures> figures = log.FiguresOf(backend);
    if (figures.ok()) {
      status.figures = figures.value();
    } else {
      status.why = figures.error().message();
    }
    statuses.push_back(std::move(status));
  }
  return statuses;
}

Result<RelayStatus> OfflineStatus(const std::string& path, WallTime now) {
  Result<std::unique_ptr<LogView>> log = OpenLogView(path);
  if (!log.ok()) return std::move(log).error();
  RelayStatus status;
  status.version = RELAY_VERSION;
  status.now = now;
  status.log_path = path;
  status.backends = BackendStatuses(*log.value());
  return status;
}

}  // namespace relay
