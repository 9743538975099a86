#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "config/config.h"
#include "relay/admin_client.h"
#include "relay/commands.h"
#include "relay/status.h"
#include "replay/clock.h"

namespace relay {
namespace {

Result<RelayStatus> AskRunning(const Config& config) {
  Result<std::string> json = GetFromAdmin(config.admin.address, "/api/v1/status");
  if (!json.ok()) return std::move(json).error();
  return StatusFromJson(json.value());
}

int Print(const Result<RelayStatus>& status, bool json) {
  if (!status.ok()) {
    fmt::print(stderr, "status: {}\n", status.error().message());
    return kFailed;
  }
  fmt::print("{}{}", json ? ToJson(status.value()) : ToTable(status.value()), json ? "\n" : "");
  return kDone;
}

}  // namespace

int ShowStatus(const StatusArgs& args) {
  const SystemClock clock;
  if (!args.where.data.empty()) {
    return Print(OfflineStatus(args.where.data, clock.WallNow()), args.json);
  }
  const Result<Config> config = LoadConfig(args.where.config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  Result<RelayStatus> running = AskRunning(config.value());
  if (running.ok() || running.error().code() != ErrorCode::kUnavailable) {
    return Print(running, args.json);
  }
  fmt::print(stderr, "{}; reading {}\n", running.error().message(), config.value().log.path);
  return Print(OfflineStatus(config.value().log.path, clock.WallNow()), args.json);
}

}  // namespace relay
