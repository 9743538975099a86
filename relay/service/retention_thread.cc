#include "relay/service/retention_thread.h"

#include <fmt/format.h>

#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/service/sd_notify.h"
#include "relay/status/relay_status.h"

namespace relay {

namespace {

constexpr std::chrono::seconds kTurn{1};

}  // namespace

RetentionThread::RetentionThread(DurableLog& log, std::string log_path, Clock& clock)
    : log_(log),
      log_path_(std::move(log_path)),
      clock_(clock),
      enforcer_([this](const std::stop_token& stop) { Enforce(stop); }),
      reporter_([this](const std::stop_token& stop) { Report(stop); }) {}

void RetentionThread::Enforce(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "housekeeper");
  Signal never;
  while (!stop.stop_requested()) {
    Status outcome = log_.EnforceRetention(MomentOf(clock_));
    {
      const std::lock_guard lock(mutex_);
      outcome_ = std::move(outcome);
    }
    ++turns_;
    clock_.WaitFor(never, kTurn, stop);
  }
}

void RetentionThread::Report(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "watchdog");
  Signal never;
  while (!stop.stop_requested()) {
    const Status outcome = LastOutcome();
    ReportTrouble(outcome.ok() ? log_.Health() : outcome);
    ReportAlarms();
    ReportFill();
    ReportRemovedLetters();
    if (Alive()) NotifyServiceManager("WATCHDOG=1");
    clock_.WaitFor(never, kTurn, stop);
  }
}

Status RetentionThread::LastOutcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

bool RetentionThread::Alive() {
  const std::uint64_t before = std::exchange(turns_seen_, turns_);
  return turns_seen_ != before || log_.DiskWait() > kTurn;
}

// Logs a change, not every turn.
void RetentionThread::ReportTrouble(const Status& status) {
  std::string trouble = status.ok() ? "" : status.error().message();
  if (trouble.empty() && !trouble_.empty()) LogEvent(Level::kInfo, "log recovered");
  if (!trouble.empty() && trouble_.empty()) {
    LogEvent(Level::kError, "log failing", {{"reason", trouble}});
  }
  trouble_ = std::move(trouble);
}

void RetentionThread::ReportAlarms() {
  for (const std::string& alarm : log_.Alarms()) {
    if (!alarmed_.insert(alarm).second) continue;
    LogEvent(Level::kError, "log damaged", {{"reason", alarm}});
  }
}

// Warns before writes are refused.
void RetentionThread::ReportFill() {
  RelayStatus status;
  status.log_path = log_path_;
  status.disk = log_.disk_use();
  status.backends = BackendStatuses(log_);
  const auto mark = fill_.Note(ShareUsed(status.disk, KeptByAll(status)));
  if (!mark) return;
  LogEvent(Level::kWarning, "log filling up",
           {{"used", fmt::format("{}%", *mark)},
            {"bytes", fmt::format("{} of {}", ShownBytes(status.disk.used),
                                  ShownBytes(CapacityOf(status.disk)))},
            {"limit", ToString(BindingLimit(status.disk))},
            {"remedy", DiskRemedy(status)}});
}

void RetentionThread::ReportRemovedLetters() {
  std::uint64_t removed = 0;
  for (const BackendId& backend : log_.Backends()) {
    const Result<QueueStats> stats = log_.StatsOf(backend);
    if (!stats.ok()) return;  // The log is being reopened.
    removed += stats.value().dead_letters_removed;
  }
  const std::uint64_t before = std::exchange(removed_seen_, removed).value_or(removed);
  if (removed < before) return;  // A backend was forgotten.
  const std::uint64_t fresh = removed - before;
  if (fresh == 0 && !removed_.pending()) return;
  if (const auto letters = removed_.Note(fresh, clock_.Now())) {
    LogEvent(Level::kWarning, "dead letters removed",
             {{"letters", std::to_string(*letters)},
              {"reason", "beyond log.dead_letters; the gap ledger says how much was lost"}});
  }
}

}  // namespace relay
