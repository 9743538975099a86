#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <stop_token>
#include <utility>

#include "config/config.h"
#include "relay/admin_client.h"
#include "relay/commands.h"
#include "relay/status.h"
#include "replay/clock.h"

namespace relay {
namespace {

Result<RelayStatus> AskRunning(const Config& config) {
  Result<std::string> json = GetFromAdmin(config.admin, "/api/v1/status");
  if (!json.ok()) return std::move(json).error();
  return StatusFromJson(json.value());
}

// Of the relay that runs, else of its directory. kInvalidInput: the
// configuration is wrong.
Result<RelayStatus> StatusFor(const Whereabouts& where, const Clock& clock) {
  if (!where.data.empty()) return OfflineStatus(where.data, clock.WallNow());
  const Result<Config> config = LoadConfig(where.config_path);
  if (!config.ok()) return Error(ErrorCode::kInvalidInput, config.error().message());
  Result<RelayStatus> running = AskRunning(config.value());
  if (running.ok() || running.error().code() != ErrorCode::kUnavailable) return running;
  fmt::print(stderr, "{}; reading {}\n", running.error().message(), config.value().log.path);
  return OfflineStatus(config.value().log.path, clock.WallNow());
}

int Fail(const char* command, const Error& error) {
  const bool usage = error.code() == ErrorCode::kInvalidInput;
  if (usage) {
    fmt::print(stderr, "{}\n", error.message());
  } else {
    fmt::print(stderr, "{}: {}\n", command, error.message());
  }
  return usage ? kWrongUsage : kFailed;
}

int Print(const StatusArgs& args, const Clock& clock) {
  const Result<RelayStatus> status = StatusFor(args.where, clock);
  if (!status.ok()) return Fail("status", status.error());
  fmt::print("{}{}", args.json ? ToJson(status.value()) : ToTable(status.value()),
             args.json ? "\n" : "");
  return kDone;
}

// A terminal is cleared each time; a file or pipe gets one after the other.
int Watch(const StatusArgs& args, Clock& clock) {
  constexpr std::chrono::seconds kEvery{2};
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  Signal never;
  for (;;) {
    if (terminal && !args.json) fmt::print("\x1b[H\x1b[2J");
    if (const int failed = Print(args, clock); failed == kWrongUsage) return failed;
    if (!args.json) fmt::print("\n{}\n", ToRfc3339(clock.WallNow()));
    std::fflush(stdout);
    clock.WaitFor(never, kEvery, std::stop_token());
  }
}

}  // namespace

int ShowStatus(const StatusArgs& args) {
  SystemClock clock;
  return args.watch ? Watch(args, clock) : Print(args, clock);
}

int ListBackends(const StatusArgs& args) {
  constexpr std::size_t kLeftColumns = 2;
  const Result<RelayStatus> status = StatusFor(args.where, SystemClock());
  if (!status.ok()) return Fail("backend list", status.error());
  if (args.json) {
    fmt::print("{}\n", ToJson(status.value()));
    return kDone;
  }
  std::vector<Cells> rows = {{"BACKEND", "STATE", "ACCEPTED", "DELIVERED", "OWED"}};
  for (const BackendStatus& backend : status.value().backends) {
    rows.push_back({backend.name, backend.state, fmt::format("{}", backend.figures.accepted.points),
                    fmt::format("{}", backend.figures.delivered),
                    fmt::format("{}", backend.figures.owed.points)});
  }
  fmt::print("{}", Aligned(rows, kLeftColumns));
  return kDone;
}

}  // namespace relay
