#include "relay/admin/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "relay/base/event_log.h"

namespace relay {

Operators::Operators(Log& log, Audit& audit, const Clock& clock,
                     std::function<bool(const BackendId&)> configured, PauseEnds& pause_ends)
    : log_(log),
      audit_(audit),
      clock_(clock),
      configured_(std::move(configured)),
      pause_ends_(pause_ends) {}

Result<std::string> Operators::Perform(const Operation& operation, const Requester& requester) {
  ASSIGN_OR_RETURN(const BackendId backend, KnownBackend(operation.backend));
  ASSIGN_OR_RETURN(const VerbPlan plan, SpecOf(operation.verb)
                                            .plan({.log = log_,
                                                   .clock = clock_,
                                                   .backend = backend,
                                                   .operation = operation,
                                                   .who = requester.who,
                                                   .configured = configured_(backend)}));
  const auto act = [&]() -> Status {
    RETURN_IF_ERROR(Execute(backend, plan));
    CountTaken(backend, plan.command);
    return Ok();
  };
  return Audited(plan.description, operation.note, requester, act);
}

// A pause that is to end is not begun unless its end is on stable storage; any other pause, and a
// resume, undo an earlier end.
Status Operators::Execute(const BackendId& backend, const VerbPlan& plan) {
  if (plan.length) RETURN_IF_ERROR(pause_ends_.Set(backend.text(), plan.length));
  const Result<CommandResult> done = log_.Execute(backend, plan.command);
  const bool is_pause = std::holds_alternative<SetPaused>(plan.command);
  if (is_pause && done.ok() != plan.length.has_value()) {
    RETURN_IF_ERROR(pause_ends_.Set(backend.text(), std::nullopt));
  }
  if (!done.ok()) return Error(done.error());
  return Ok();
}

Result<std::string> Operators::Audited(const std::string& description, const std::string& note,
                                       const Requester& requester,
                                       const std::function<Status()>& act) {
  if (requester.dry_run) return description;
  AuditEntry entry{clock_.WallNow(), requester.who, description, "asked"};
  if (!note.empty()) entry.what += fmt::format(" ({})", note);
  if (Status noted = audit_.Note(entry); !noted.ok()) {
    return std::move(noted).error().Within("audit trail, nothing was changed");
  }
  Status done = act();
  entry.outcome = done.ok() ? "done" : "failed: " + done.error().message();
  entry.when = clock_.WallNow();
  LogEvent(done.ok() ? Level::kInfo : Level::kWarning, "operator change",
           {{"what", entry.what}, {"who", entry.who}, {"outcome", entry.outcome}});
  // The request is on disk already; its outcome also shows in the status.
  if (Status noted = audit_.Note(entry); !noted.ok()) {
    LogEvent(Level::kError, "cannot write the audit trail", {{"reason", noted.error().message()}});
  }
  if (!done.ok()) return std::move(done).error();
  return description;
}

void Operators::CountTaken(const BackendId& backend, const LogCommand& command) {
  const std::lock_guard lock(mutex_);
  if (const auto* redrive = std::get_if<Redrive>(&command)) {
    taken_[backend.text()].redriven += redrive->numbers.size();
  } else if (const auto* drop = std::get_if<DropDead>(&command)) {
    taken_[backend.text()].dropped += drop->numbers.size();
  }
}

Operators::TakenLetters Operators::TakenFrom(const std::string& backend) const {
  const std::lock_guard lock(mutex_);
  const auto taken = taken_.find(backend);
  return taken == taken_.end() ? TakenLetters() : taken->second;
}

Result<BackendId> Operators::KnownBackend(const std::string& name) const {
  ASSIGN_OR_RETURN(BackendId backend, BackendId::Parse(name));
  const std::vector<BackendId> known = log_.Backends();
  if (std::find(known.begin(), known.end(), backend) != known.end()) return backend;
  return Error(ErrorCode::kNotFound, fmt::format("no backend \"{}\"", name));
}

}  // namespace relay
