// The commands `replay`, `repair` and `backend seed`: each starts a job in the running relay, shows
// its progress and a summary.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/base/parse.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/cli/log_directory.h"
#include "relay/terminal/progress_line.h"
#include "wal/base/clock.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

int Fail(const Error& error, bool json) {
  return PrintFailure("replay", error, json);
}

Result<Json> ReportOf(const AdminSession& session, std::uint64_t id) {
  Result<Json> all = session.Get("/api/v1/replays");
  if (!all.ok()) return all;
  for (const Json& report : all.value().value("replays", Json::array())) {
    if (report.value("id", std::uint64_t{0}) == id) return report;
  }
  return Error(ErrorCode::kNotFound, fmt::format("no replay {}", id));
}

// Returns the share of the range's records that is done, as AdminApi reports it.
double ShareOf(const Json& report) {
  const bool of_records = report.value("kind", "replay") == "replay";
  const double total = report.value(of_records ? "records_total" : "values_total", 0.0);
  const double done = report.value(of_records ? "records_done" : "values_done", 0.0);
  if (total > 0) return std::min(done / total, 1.0);
  return of_records || report.value("state", "") == "done" ? 1.0 : 0.0;
}

// Returns "-" if unknown.
std::string EtaIn(const Json& report) {
  const auto eta = report.find("eta_seconds");
  if (eta == report.end() || !eta->is_number()) return "-";
  const std::chrono::seconds seconds(static_cast<std::int64_t>(eta->get<double>()));
  return ShownAge(std::optional(seconds));
}

std::string ProgressText(const Json& report) {
  constexpr std::size_t kReasonMax = 60;
  std::string text =
      fmt::format("{} points", Grouped(report.value("points_sent", std::uint64_t{0})));
  const auto refused = report.value("points_refused", std::uint64_t{0});
  if (refused > 0) text += fmt::format(", {} refused", Grouped(refused));
  if (const std::string eta = EtaIn(report); eta != "-") text += fmt::format(", {} to go", eta);
  if (const std::string doing = report.value("doing", ""); !doing.empty()) text += ", " + doing;
  const std::string reason = report.value("reason", "");
  return reason.empty() ? text : text + "; waiting: " + OneLine(reason, kReasonMax);
}

int SumUp(const Json& report, bool json) {
  constexpr std::size_t kMessageMax = 300;
  const std::string state = report.value("state", "");
  if (json) {
    fmt::print("{}\n", report.dump());
  } else {
    fmt::print("{} {} is {}: {} points sent, {}, {} refused\n", report.value("kind", "replay"),
               report.value("id", std::uint64_t{0}), state,
               report.value("points_sent", std::uint64_t{0}),
               ShownBytes(Bytes(report.value("bytes_sent", std::uint64_t{0}))),
               report.value("points_refused", std::uint64_t{0}));
    for (const auto& [key, label] :
         {std::pair("result", ""), {"reason", "reason: "}, {"last_refusal", "last refusal: "}}) {
      const std::string message = report.value(key, "");
      if (!message.empty() && (*label == '\0' || message != report.value("result", "")))
        fmt::print("{}{}\n", label, OneLine(message, kMessageMax));
    }
  }
  return state == "done" ? kDone : kFailed;
}

// Shows progress until the job ends. The job runs in the relay: it continues when
// this command ends, and after a restart, which this waits for.
int Follow(const AdminSession& session, std::uint64_t id, bool json) {
  constexpr std::chrono::milliseconds kEvery{250};
  constexpr std::chrono::minutes kAwayMax{5};
  SystemClock clock;
  ProgressLine progress(clock);
  Signal never;
  Clock::TimePoint seen = clock.Now();
  if (progress.IsDue()) {
    fmt::print(stderr,
               "job {0} runs in the relay: Ctrl-C stops watching, `replay --cancel {0}` ends it\n",
               id);
  }
  for (;;) {
    const Result<Json> report = ReportOf(session, id);
    const bool away = !report.ok() && report.error().code() == ErrorCode::kUnavailable;
    if (!report.ok() && !(away && clock.Now() - seen < kAwayMax)) {
      progress.Erase();
      return Fail(report.error(), json);
    }
    if (report.ok() && report.value().value("state", "") != "running") {
      progress.Erase();
      return SumUp(report.value(), json);
    }
    if (away) {
      progress.Show(std::nullopt, report.error().message());
    } else {
      seen = clock.Now();
      progress.Show(ShareOf(report.value()), ProgressText(report.value()));
    }
    clock.WaitFor(never, kEvery, std::stop_token());
  }
}

// Positions relative to now are pinned, so that the plan and the replay mean the same.
std::string BodyFor(const ReplayArgs& args) {
  const WallTime now = SystemClock().WallNow();
  return DumpJson(Json{{"backend", args.backend},
                       {"from", PinnedPosition(args.from, now)},
                       {"to", PinnedPosition(args.to, now)},
                       {"database", args.database},
                       {"measurement", args.measurement},
                       {"to_backend", args.to_backend},
                       {"to_url", args.to_url},
                       {"checkpoint", CheckpointNamed(args.checkpoint)},
                       {"points_per_second", args.points_per_second}});
}

// Starts the job, and follows it unless it is detached.
int StartJob(const AdminSession& session, const AdminChange& change, bool detach) {
  return session.Change(change, [&](const Json& started) {
    const std::uint64_t id = started.value("id", std::uint64_t{0});
    if (!detach) return Follow(session, id, change.json);
    if (change.json) {
      fmt::print("{}\n", started.dump());
    } else {
      fmt::print("{} {} started\n", change.command, id);
    }
    return kDone;
  });
}

int Start(const AdminSession& session, const ReplayArgs& args) {
  return StartJob(session,
                  {.command = "replay",
                   .path = "/api/v1/replays",
                   .body = BodyFor(args),
                   .yes = args.yes,
                   .dry_run = args.dry_run,
                   .json = args.json,
                   .if_unavailable = ""},
                  args.detach);
}

int Cancel(const AdminSession& session, const ReplayArgs& args) {
  return session.Change({.command = "replay",
                         .path = fmt::format("/api/v1/replays/{}/cancel", args.cancel),
                         .body = "{}",
                         .needs_consent = false,
                         .dry_run = args.dry_run,
                         .json = args.json,
                         .if_unavailable = ""});
}

int List(const AdminSession& session, bool json) {
  constexpr std::size_t kLeftColumns = 5;
  const Result<Json> all = session.Get("/api/v1/replays");
  if (!all.ok()) return Fail(all.error(), json);
  if (json) {
    fmt::print("{}\n", all.value().dump());
    return kDone;
  }
  std::vector<Cells> rows = {{"NUMBER", "STARTED", "KIND", "TARGET", "STATE", "RECORDS", "DONE",
                              "POINTS", "REFUSED", "TO GO"}};
  for (const Json& report : all.value().value("replays", Json::array())) {
    const auto count = [&report](const char* key) {
      return fmt::format("{}", report.value(key, std::uint64_t{0}));
    };
    rows.push_back(
        {count("id"), report.value("started", "").substr(0, 19) + "Z", report.value("kind", ""),
         OneLine(report.value("target", ""), 60), report.value("state", ""),
         report.value("source", "").empty() ? fmt::format("{} to {}", count("first"), count("last"))
                                            : "from " + report.value("source", ""),
         fmt::format("{:.0f} %", ShareOf(report) * 100), count("points_sent"),
         count("points_refused"), EtaIn(report)});
  }
  fmt::print("{}", Aligned(rows, kLeftColumns));
  return kDone;
}

}  // namespace

int Replay(const ReplayArgs& args) {
  const Result<AdminSession> opened = AdminSession::For(args.config_path, args.at);
  if (!opened.ok()) return PrintNoSession(opened.error(), args.json);
  const AdminSession& session = opened.value();
  if (args.list) return List(session, args.json);
  if (args.cancel != 0) return Cancel(session, args);
  if (args.follow != 0) return Follow(session, args.follow, args.json);
  if (!args.backend.empty()) return Start(session, args);
  return Fail(Error(ErrorCode::kInvalidInput, "specify --backend"), args.json);
}

int Fill(const FillArgs& args) {
  const Result<AdminSession> opened = AdminSession::For(args.config_path, args.at);
  if (!opened.ok()) return PrintNoSession(opened.error(), args.json);
  Json body{{"source", args.source}};
  if (args.kind == "repair") {
    body["database"] = args.database;
    body["measurement"] = args.measurement;
  }
  return StartJob(opened.value(),
                  {.command = args.kind,
                   .path = fmt::format("/api/v1/backends/{}/{}", args.backend, args.kind),
                   .body = DumpJson(body),
                   .yes = args.yes,
                   .dry_run = args.dry_run,
                   .json = args.json,
                   .if_unavailable = ""},
                  args.detach);
}

}  // namespace relay
