#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include "config/load.h"
#include "relay/base/human_format.h"
#include "relay/cli/commands.h"
#include "wal/default_limits.h"

namespace relay {
namespace {

// Returns the size of the file system that the directory is on, or will be once it is made; zero:
// unknown.
Bytes CapacityAt(const std::string& directory) {
  std::error_code failed;
  std::filesystem::path at = std::filesystem::absolute(directory, failed);
  while (!failed && !std::filesystem::exists(at, failed) && at.has_relative_path()) {
    at = at.parent_path();
  }
  const std::filesystem::space_info space = std::filesystem::space(at, failed);
  return failed ? 0_B : Bytes(space.capacity);
}

// Says what the limits come to on the file system that the log is on.
void PrintLimits(const LogConfig& log) {
  const Bytes capacity = CapacityAt(log.path);
  if (capacity == 0_B) return;
  fmt::print("  limits   max_size {}, min_free {} of a file system of {}, dead_letters {}\n",
             ShownBytes(log.max_size), ShownBytes(log.min_free.value_or(DefaultMinFree(capacity))),
             ShownBytes(capacity),
             ShownBytes(log.dead_up_to.value_or(DefaultDeadLetters(log.max_size, capacity))));
}

}  // namespace

int ShowExampleConfig() {
  fmt::print("{}", ReferenceYaml());
  return kDone;
}

int ShowConfigAsYaml(const std::string& config_path) {
  const Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  fmt::print("{}", ToYaml(config.value(), config_path));
  return kDone;
}

int CheckConfig(const std::string& config_path) {
  const Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  fmt::print("{}: valid\n  writes   {}\n  admin    {}\n  log      {}\n", config_path,
             config.value().WriteAddresses(), ToString(config.value().admin.address),
             config.value().log.path);
  PrintLimits(config.value().log);
  for (const BackendConfig& backend : config.value().backends) {
    fmt::print("  backend  {} at {}\n", backend.name.text(), ToString(backend.url));
  }
  for (const std::string& note : config.value().notes) fmt::print("  note     {}\n", note);
  return kDone;
}

}  // namespace relay
