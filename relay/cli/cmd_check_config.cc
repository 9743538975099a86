#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "config/load.h"
#include "relay/base/human_format.h"
#include "relay/check/config_check.h"
#include "relay/check/probe.h"
#include "relay/cli/commands.h"
#include "wal/default_limits.h"
#include "wal/order/jetstream_order.h"

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

namespace {

// Returns the place of a setting, or of the innermost section around it that is in the file.
SourceLocation PlaceOf(const YamlReading& reading, const std::string& setting) {
  std::string at = setting;
  while (!at.empty()) {
    if (const auto found = reading.places.find(at); found != reading.places.end()) {
      SourceLocation place = found->second;
      place.setting = setting;
      return place;
    }
    const std::size_t cut = at.find_last_of(".[");
    at.resize(cut == std::string::npos ? 0 : cut);
  }
  return {.setting = setting, .given = false, .line = 1, .column = 1};
}

// Adds what this machine says of the settings, unless the file has another mistake there.
void AddFindings(const std::vector<ConfigFinding>& findings, YamlReading& reading,
                 std::vector<Mistake>& warnings) {
  for (const ConfigFinding& finding : findings) {
    const Mistake mistake{PlaceOf(reading, finding.setting), finding.expected};
    const auto is_there = [&](const Mistake& one) {
      return one.where.line == mistake.where.line && one.where.column == mistake.where.column;
    };
    std::vector<Mistake>& all = finding.is_warning ? warnings : reading.mistakes;
    if (std::none_of(all.begin(), all.end(), is_there)) all.push_back(mistake);
  }
  for (std::vector<Mistake>* all : {&reading.mistakes, &warnings}) {
    std::stable_sort(all->begin(), all->end(), [](const Mistake& a, const Mistake& b) {
      return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
    });
  }
}

std::vector<ConfigFinding> FindingsFor(const ReadConfig& read, bool file_only) {
  std::vector<ConfigFinding> findings = CheckAlone(read.config);
  if (file_only) return findings;
  if (read.config.log.engine == LogEngine::kJetStream) {
    if (const Status nats = CheckNatsLibrary(); !nats.ok()) {
      findings.push_back({"log.engine", "jetstream: " + nats.error().message()});
    }
  }
  for (ConfigFinding& finding : CheckOnThisMachine(read.config)) {
    // The default is more than most disks have, and log.min_free limits it then.
    const bool is_default =
        finding.setting == "log.max_size" && !read.reading.places.contains(finding.setting);
    if (!is_default) findings.push_back(std::move(finding));
  }
  return findings;
}

void PrintMeaning(const Config& config, const std::string& path, std::size_t warnings) {
  const std::string counted =
      warnings == 0 ? "" : fmt::format(", {} warning{}", warnings, warnings == 1 ? "" : "s");
  fmt::print("{}: valid{}\n  writes   {}\n  admin    {}\n  log      {}\n", path, counted,
             config.WriteAddresses(), ToString(config.admin.address), config.log.path);
  PrintLimits(config.log);
  for (const BackendConfig& backend : config.backends) {
    fmt::print("  backend  {} at {}\n", backend.name.text(), ToString(backend.url));
  }
  for (const std::string& note : config.notes) fmt::print("  note     {}\n", note);
}

}  // namespace

namespace {

int ShowProbes(const Config& config, bool json) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<Probed> probes = ProbeAll(config);
  if (json) {
    fmt::print("{}\n", ToJson(probes));
  } else {
    fmt::print("\n{}", ToTable(probes));
  }
  const bool are_good = std::all_of(probes.begin(), probes.end(),
                                    [](const Probed& probed) { return probed.is_good(); });
  return are_good ? kDone : kFailed;
}

}  // namespace

int CheckConfig(const CheckConfigArgs& args) {
  Result<ReadConfig> read = ReadWholeConfig(args.config_path);
  if (!read.ok()) {
    fmt::print(stderr, "{}\n", read.error().message());
    return kWrongUsage;
  }
  ReadConfig& found = read.value();
  std::vector<Mistake> warnings;
  const bool is_text = found.reading.mistakes.empty() || !found.reading.places.empty();
  if (is_text) AddFindings(FindingsFor(found, args.file_only), found.reading, warnings);
  for (Mistake& warning : warnings) warning.expected.insert(0, "warning: ");
  fmt::print(stderr, "{}{}", ToString(found.reading.mistakes, args.config_path),
             ToString(warnings, args.config_path));
  if (const std::size_t mistakes = found.reading.mistakes.size(); mistakes > 0) {
    fmt::print(stderr, "{}: {} mistake{}\n", args.config_path, mistakes, mistakes == 1 ? "" : "s");
    return kWrongUsage;
  }
  if (!args.json) PrintMeaning(found.config, args.config_path, warnings.size());
  return args.probe ? ShowProbes(found.config, args.json) : kDone;
}

}  // namespace relay
