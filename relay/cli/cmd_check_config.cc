#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "config/load.h"
#include "relay/cli/commands.h"

namespace relay {

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
  for (const BackendConfig& backend : config.value().backends) {
    fmt::print("  backend  {} at {}\n", backend.name.text(), ToString(backend.url));
  }
  for (const std::string& note : config.value().notes) fmt::print("  note     {}\n", note);
  return kDone;
}

}  // namespace relay
