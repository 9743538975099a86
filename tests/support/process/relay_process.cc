#include "tests/support/process/relay_process.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <utility>

#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"

namespace relay::test {
namespace {

std::string Lines(const std::vector<std::string>& lines, std::string_view indent) {
  std::string text;
  for (const std::string& line : lines) text += fmt::format("{}{}\n", indent, line);
  return text;
}

std::string BackendsYaml(const std::vector<RelayProcess::Backend>& backends) {
  std::string text = "backends:\n";
  for (const RelayProcess::Backend& backend : backends) {
    text += fmt::format("  - name: {}\n    url: {}\n", backend.name, backend.url);
    text += Lines(backend.settings, "    ");
  }
  return text;
}

// A status without backends counts as owed.
bool IsDrained(const std::string& status) {
  const auto parsed = nlohmann::json::parse(status, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("backends")) return false;
  const auto& backends = parsed["backends"];
  return std::all_of(backends.begin(), backends.end(), [](const nlohmann::json& backend) {
    return backend.at("pending_records").get<std::uint64_t>() == 0 &&
           backend.at("held_points").get<std::uint64_t>() == 0;
  });
}

}  // namespace

RelayProcess::RelayProcess(std::string directory, const Settings& settings)
    : directory_(std::move(directory)), port_(FreePort()), admin_port_(FreePort()) {
  Configure(settings);
  Start();
}

void RelayProcess::Configure(const Settings& settings) {
  environment_ = settings.environment;
  WriteFile(config_path(),
            fmt::format("log:\n  path: {}\n{}http:\n  - address: 127.0.0.1:{}\n{}"
                        "admin:\n  address: 127.0.0.1:{}\n{}{}{}",
                        log_path(), Lines(settings.log, "  "), port_, Lines(settings.http, "    "),
                        admin_port_, Lines(settings.admin, "  "), BackendsYaml(settings.backends),
                        settings.top));
}

void RelayProcess::Start() {
  process_ =
      std::make_unique<Process>(Program{.argv = {RelayBinary(), "serve", "--config", config_path()},
                                        .environment = environment_,
                                        .output_path = directory_ + "/relay.out"});
  const bool ready = Eventually(kPatience, [this] {
    return Get(admin(), "/readyz").status == 200 || !process_->IsRunning();
  });
  if (ready && process_->IsRunning()) return;
  const std::optional<int> ended = process_->WaitFor(milliseconds{0});
  throw std::runtime_error(fmt::format(
      "the relay {}: {}", ended ? fmt::format("ended with {}", *ended) : "does not become ready",
      process_->Output()));
}

void RelayProcess::Kill() {
  process_->Kill(SIGKILL);
  process_->WaitFor(kPatience);
}

RelayProcess::Stopped RelayProcess::Stop(milliseconds within) {
  const Stopwatch watch;
  process_->Kill(SIGTERM);
  if (!process_->WaitFor(within)) Kill();
  return {.exit_code = process_->WaitFor(kPatience).value(), .took = watch.elapsed()};
}

HttpAnswer RelayProcess::Write(const std::string& database, const std::string& lines,
                               const std::string& parameters) const {
  std::string target = "/write?db=" + PercentEncode(database);
  if (!parameters.empty()) target += '&' + parameters;
  return Post(endpoint(), target, lines);
}

std::string RelayProcess::Status() const {
  return Get(admin(), "/api/v1/status").body;
}

bool RelayProcess::WaitDrained(milliseconds within) const {
  return Eventually(within, [this] { return IsDrained(Status()); });
}

}  // namespace relay::test
