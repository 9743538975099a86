#include "relay/service/retention_thread.h"

#include <utility>

#include "relay/base/event_log.h"
#include "relay/service/sd_notify.h"

namespace relay {

namespace {

constexpr std::chrono::seconds kTurn{1};

}  // namespace

RetentionThread::RetentionThread(DurableLog& log, Clock& clock)
    : log_(log),
      clock_(clock),
      keeper_([this](const std::stop_token& stop) { Keep(stop); }),
      teller_([this](const std::stop_token& stop) { Tell(stop); }) {}

void RetentionThread::Keep(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "housekeeper");
  Signal never;
  while (!stop.stop_requested()) {
    Status kept = log_.EnforceRetention(clock_.WallNow());
    {
      const std::lock_guard lock(mutex_);
      kept_ = std::move(kept);
    }
    ++turns_;
    clock_.WaitFor(never, kTurn, stop);
  }
}

void RetentionThread::Tell(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "watchdog");
  Signal never;
  while (!stop.stop_requested()) {
    const Status kept = Kept();
    TellTrouble(kept.ok() ? log_.Health() : kept);
    TellAlarms();
    if (Alive()) TellServiceManager("WATCHDOG=1");
    clock_.WaitFor(never, kTurn, stop);
  }
}

Status RetentionThread::Kept() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

bool RetentionThread::Alive() {
  const std::uint64_t before = std::exchange(turns_seen_, turns_);
  return turns_seen_ != before || log_.DiskWait() > kTurn;
}

// Logs a change, not every turn.
void RetentionThread::TellTrouble(const Status& status) {
  std::string trouble = status.ok() ? "" : status.error().message();
  if (trouble.empty() && !trouble_.empty()) LogEvent(Level::kInfo, "log recovered");
  if (!trouble.empty() && trouble_.empty()) {
    LogEvent(Level::kError, "log failing", {{"reason", trouble}});
  }
  trouble_ = std::move(trouble);
}

void RetentionThread::TellAlarms() {
  for (const std::string& alarm : log_.Alarms()) {
    if (!alarmed_.insert(alarm).second) continue;
    LogEvent(Level::kError, "log damaged", {{"reason", alarm}});
  }
}

}  // namespace relay
