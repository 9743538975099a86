// The command `replay`: starts a manual replay in the running relay, shows how
// far it is, and sums it up.
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <stop_token>
#include <utility>

#include "config/config.h"
#include "relay/admin_client.h"
#include "relay/checkpoint_name.h"
#include "relay/commands.h"
#include "relay/display.h"
#include "replay/clock.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

int Fail(const Error& error) {
  fmt::print(stderr, "replay: {}\n", error.message());
  return error.code() == ErrorCode::kInvalidInput ? kWrongUsage : kFailed;
}

Result<Json> Parsed(Result<std::string> answer) {
  if (!answer.ok()) return std::move(answer).error();
  Json json = Json::parse(answer.value(), nullptr, false);
  if (!json.is_object()) return Error(ErrorCode::kIo, "the relay's answer is not understood");
  return json;
}

Result<Json> Ask(const AdminConfig& admin, const ReplayArgs& args, bool dry_run) {
  const char* login = getlogin();
  const Json body = {{"backend", args.backend},
                     {"from", args.from},
                     {"to", args.to},
                     {"database", args.database},
                     {"measurement", args.measurement},
                     {"to_url", args.to_url},
                     {"checkpoint", CheckpointNamed(args.checkpoint)},
                     {"points_per_second", args.points_per_second},
                     {"by", login != nullptr ? login : fmt::format("uid {}", getuid())},
                     {"dry_run", dry_run}};
  return Parsed(PostToAdmin(admin, "/api/v1/replays",
                            body.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

Result<Json> ReportOf(const AdminConfig& admin, std::uint64_t id) {
  Result<Json> all = Parsed(GetFromAdmin(admin, "/api/v1/replays"));
  if (!all.ok()) return all;
  for (const Json& report : all.value().value("replays", Json::array())) {
    if (report.value("id", std::uint64_t{0}) == id) return report;
  }
  return Error(ErrorCode::kNotFound, fmt::format("no replay {}", id));
}

std::string BarFor(const Json& report) {
  constexpr std::size_t kWidth = 30;
  const double total = report.value("records_total", 1.0);
  const double share = total > 0 ? report.value("records_done", 0.0) / total : 1.0;
  const auto filled = static_cast<std::size_t>(share * kWidth);
  std::string line = fmt::format("[{:<{}}] {:3.0f} %  {} points", std::string(filled, '#'), kWidth,
                                 share * 100, report.value("points_sent", std::uint64_t{0}));
  if (report.contains("eta_seconds") && report.at("eta_seconds").is_number()) {
    const std::chrono::seconds eta(
        static_cast<std::int64_t>(report.at("eta_seconds").get<double>()));
    line += fmt::format("  {} to go", ShownAge(std::optional(eta)));
  }
  const std::string why = report.value("why", "");
  return why.empty() ? line : line + "  " + why.substr(0, 60);
}

int SumUp(const Json& report, bool json) {
  const std::string state = report.value("state", "");
  if (json) {
    fmt::print("{}\n", report.dump());
  } else {
    fmt::print("replay {} is {}: {} points sent, {}, {} refused\n",
               report.value("id", std::uint64_t{0}), state,
               report.value("points_sent", std::uint64_t{0}),
               ShownBytes(Bytes(report.value("bytes_sent", std::uint64_t{0}))),
               report.value("points_refused", std::uint64_t{0}));
  }
  return state == "done" ? kDone : kFailed;
}

int Follow(const AdminConfig& admin, std::uint64_t id, bool json) {
  constexpr std::chrono::milliseconds kEvery{500};
  const bool terminal = isatty(STDERR_FILENO) != 0;
  SystemClock clock;
  Signal never;
  for (;;) {
    const Result<Json> report = ReportOf(admin, id);
    if (!report.ok()) return Fail(report.error());
    if (terminal) fmt::print(stderr, "\r\x1b[K{}", BarFor(report.value()));
    if (report.value().value("state", "") != "running") {
      if (terminal) fmt::print(stderr, "\n");
      return SumUp(report.value(), json);
    }
    clock.WaitFor(never, kEvery, std::stop_token());
  }
}

bool Agreed(const ReplayArgs& args, const std::string& words) {
  if (args.yes) return true;
  if (isatty(STDIN_FILENO) == 0) {
    fmt::print(stderr, "replay: would {}; --yes does it\n", words);
    return false;
  }
  fmt::print(stderr, "This will {}.\nGo on? [y/N] ", words);
  std::string line;
  std::getline(std::cin, line);
  return line == "y" || line == "yes";
}

int Start(const AdminConfig& admin, const ReplayArgs& args) {
  const Result<Json> plan = Ask(admin, args, true);
  if (!plan.ok()) return Fail(plan.error());
  const std::string words = plan.value().value("words", "");
  if (args.dry_run) {
    fmt::print("would {}\n", words);
    return kDone;
  }
  if (!Agreed(args, words)) return kWrongUsage;
  const Result<Json> started = Ask(admin, args, false);
  if (!started.ok()) return Fail(started.error());
  const std::uint64_t id = started.value().value("id", std::uint64_t{0});
  if (!args.detach) return Follow(admin, id, args.json);
  fmt::print("replay {} runs\n", id);
  return kDone;
}

int Cancel(const AdminConfig& admin, std::uint64_t id) {
  const Result<std::string> done =
      PostToAdmin(admin, fmt::format("/api/v1/replays/{}/cancel", id), "{}");
  if (!done.ok()) return Fail(done.error());
  fmt::print("done: cancel replay {}\n", id);
  return kDone;
}

}  // namespace

int Replay(const ReplayArgs& args) {
  const Result<Config> config = LoadConfig(args.config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  const AdminConfig& admin = config.value().admin;
  if (args.cancel != 0) return Cancel(admin, args.cancel);
  if (args.follow != 0) return Follow(admin, args.follow, args.json);
  return Start(admin, args);
}

}  // namespace relay
