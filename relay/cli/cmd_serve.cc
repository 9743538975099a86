#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "config/load.h"
#include "relay/base/event_log.h"
#include "relay/cli/commands.h"
#include "relay/service/relay.h"
#include "relay/service/sd_notify.h"

namespace relay {
namespace {

// Raises the limit for thousands of clients and hundreds of log files.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Blocks the signals in every thread, so that only WaitForSignal receives them.
sigset_t BlockSignals() {
  sigset_t signals{};
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

int WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

// Returns the lines of a message, one behind the other.
std::string Joined(std::string message) {
  for (std::size_t at = 0; (at = message.find('\n', at)) != std::string::npos; at += 2) {
    message.replace(at, 1, "; ");
  }
  return message;
}

// Applies the new configuration; an invalid one changes nothing.
void Reload(Relay& relay, const std::string& config_path) {
  const Result<Config> config = LoadConfig(config_path);
  const Result<std::vector<std::string>> reloaded =
      config.ok() ? relay.Reload(config.value())
                  : Result<std::vector<std::string>>(Error(config.error()));
  const std::string reason = reloaded.ok() ? "" : Joined(reloaded.error().message());
  relay.NoteReloadFailure(reloaded.ok() ? fmt::format("{}", fmt::join(reloaded.value(), "; "))
                                        : reason);
  if (!reloaded.ok()) {
    LogEvent(Level::kError, "configuration not reloaded, keeping the old one",
             {{"reason", reason}});
    return;
  }
  for (const std::string& what : reloaded.value()) {
    LogEvent(Level::kWarning, "setting not reloaded", {{"what", what}});
  }
  LogEvent(Level::kInfo, "configuration reloaded",
           {{"writes", config.value().WriteAddresses()}, {"file", config_path}});
}

}  // namespace

int Serve(const std::string& config_path) {
  const Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  umask(S_IRWXG | S_IRWXO);  // Only the relay's user may read what is stored.
  RaiseDescriptorLimit();
  const sigset_t signals = BlockSignals();

  Relay relay(config.value());
  if (Status started = relay.Start(); !started.ok()) {
    LogEvent(Level::kError, "cannot start", {{"reason", started.error().message()}});
    return kFailed;
  }
  LogEvent(Level::kInfo, "serving",
           {{"version", RELAY_VERSION},
            {"writes", config.value().WriteAddresses()},
            {"admin", ToString(config.value().admin.address)},
            {"log", config.value().log.path}});
  for (const std::string& note : config.value().notes) {
    LogEvent(Level::kWarning, "differs from the original relay", {{"setting", note}});
  }
  NotifyServiceManager("READY=1");
  int signal = WaitForSignal(signals);
  for (; signal == SIGHUP; signal = WaitForSignal(signals)) Reload(relay, config_path);
  NotifyServiceManager("STOPPING=1");
  LogEvent(Level::kInfo, "stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  relay.Stop();
  LogEvent(Level::kInfo, "stopped");
  return kDone;
}

}  // namespace relay
