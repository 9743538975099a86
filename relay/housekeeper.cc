#include "relay/housekeeper.h"

#include <utility>

#include "relay/journal.h"
#include "relay/service_manager.h"

namespace relay {

Housekeeper::Housekeeper(DurableLog& log, Clock& clock)
    : log_(log), clock_(clock), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void Housekeeper::Run(const std::stop_token& stop) {
  constexpr std::chrono::seconds kTurn{1};
  Signal never;
  while (!stop.stop_requested()) {
    const Status kept = log_.KeepHouse(clock_.WallNow());
    TellTrouble(kept.ok() ? log_.Health() : kept);
    TellAlarms();
    TellServiceManager("WATCHDOG=1");  // The log answers: it is not stuck.
    clock_.WaitFor(never, kTurn, stop);
  }
}

// Of a change, not every turn.
void Housekeeper::TellTrouble(const Status& status) {
  std::string trouble = status.ok() ? "" : status.error().message();
  if (trouble.empty() && !trouble_.empty()) Journal(Level::kInfo, "the log is well again");
  if (!trouble.empty() && trouble_.empty()) {
    Journal(Level::kError, "the log is not well", {{"why", trouble}});
  }
  trouble_ = std::move(trouble);
}

void Housekeeper::TellAlarms() {
  for (const std::string& alarm : log_.Alarms()) {
    if (!alarmed_.insert(alarm).second) continue;
    Journal(Level::kError, "the log is damaged", {{"why", alarm}});
  }
}

}  // namespace relay
