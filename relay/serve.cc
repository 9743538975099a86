#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include "config/config.h"
#include "relay/commands.h"
#include "relay/journal.h"
#include "relay/running_relay.h"
#include "relay/service_manager.h"

namespace relay {
namespace {

// Thousands of clients and hundreds of files of the log.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Blocked in every thread, so that only WaitForStop sees them.
sigset_t BlockStopSignals() {
  sigset_t signals{};
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

std::string_view WaitForStop(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

}  // namespace

int Serve(const std::string& config_path) {
  const Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  umask(S_IRWXG | S_IRWXO);  // What is stored is nobody else's to read.
  RaiseDescriptorLimit();
  const sigset_t signals = BlockStopSignals();

  RunningRelay relay(config.value());
  if (Status started = relay.Start(); !started.ok()) {
    Journal(Level::kError, "cannot start", {{"why", started.error().message()}});
    return kFailed;
  }
  Journal(Level::kInfo, "serving",
          {{"version", RELAY_VERSION},
           {"writes", config.value().WriteAddresses()},
           {"admin", ToString(config.value().admin.address)},
           {"log", config.value().log.path}});
  TellServiceManager("READY=1");
  const std::string_view signal = WaitForStop(signals);
  TellServiceManager("STOPPING=1");
  Journal(Level::kInfo, "stopping", {{"signal", signal}});
  relay.Stop();
  Journal(Level::kInfo, "stopped");
  return kDone;
}

}  // namespace relay
