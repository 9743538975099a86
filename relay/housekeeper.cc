#include "relay/housekeeper.h"

#include <set>
#include <string>
#include <utility>

#include "relay/journal.h"
#include "relay/service_manager.h"

namespace relay {

Housekeeper::Housekeeper(DurableLog& log, Clock& clock)
    : log_(log), clock_(clock), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void Housekeeper::Run(const std::stop_token& stop) {
  constexpr std::chrono::seconds kTurn{1};
  Signal never;
  std::string told;
  std::set<std::string> alarmed;
  while (!stop.stop_requested()) {
    const Status kept = log_.KeepHouse(clock_.WallNow());
    std::string trouble = kept.ok() ? "" : kept.error().message();
    if (const Status room = log_.Health(); trouble.empty() && !room.ok()) {
      trouble = room.error().message();
    }
    if (trouble != told && trouble.empty()) Journal(Level::kInfo, "the log is well again");
    if (told.empty() && !trouble.empty()) {
      Journal(Level::kError, "the log is not well", {{"why", trouble}});
    }
    told = std::move(trouble);
    TellServiceManager("WATCHDOG=1");  // The log answers: it is not stuck.
    for (const std::string& alarm : log_.Alarms()) {
      if (!alarmed.insert(alarm).second) continue;
      Journal(Level::kError, "the log is damaged", {{"why", alarm}});
    }
    clock_.WaitFor(never, kTurn, stop);
  }
}
}  // namespace relay
