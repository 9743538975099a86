#include "relay/admin/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/base/parse.h"
#include "relay/status/log_position.h"
#include "relay/status/range_summary.h"

namespace relay {
namespace {

constexpr std::size_t kLettersMax = 10'000;  // Of one operation: they are read whole.

std::string NameOf(const Lane& lane) {
  return lane.retention_policy.empty() ? fmt::format("database \"{}\"", lane.database)
                                       : fmt::format("retention policy \"{}\" of database \"{}\"",
                                                     lane.retention_policy, lane.database);
}

Error NoLane() {
  return {ErrorCode::kInvalidInput, "a database is needed"};
}

Result<HeldLane> FindLane(const Log& log, const BackendId& backend, const Lane& lane) {
  ASSIGN_OR_RETURN(std::vector<HeldLane> lanes, log.HeldLanes(backend));
  for (HeldLane& held : lanes) {
    if (held.lane == lane) return std::move(held);
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("{} is not on hold for {}", NameOf(lane), backend.text()));
}

}  // namespace

Operators::Operators(Log& log, Audit& audit, const Clock& clock,
                     std::function<bool(const BackendId&)> configured)
    : log_(log), audit_(audit), clock_(clock), configured_(std::move(configured)) {}

Result<std::string> Operators::Perform(const Operation& operation, const Asker& asker) {
  ASSIGN_OR_RETURN(Plan plan, PlanFor(operation, asker));
  return Audited(plan.words, operation.note, asker, plan.act);
}

Result<std::string> Operators::Audited(const std::string& words, const std::string& note,
                                       const Asker& asker, const std::function<Status()>& act) {
  if (asker.dry_run) return words;
  AuditEntry entry{clock_.WallNow(), asker.who, words, "asked"};
  if (!note.empty()) entry.what += fmt::format(" ({})", note);
  if (Status noted = audit_.Note(entry); !noted.ok()) {
    return std::move(noted).error().Within("audit trail, nothing was changed");
  }
  Status done = act();
  entry.outcome = done.ok() ? "done" : "failed: " + done.error().message();
  entry.when = clock_.WallNow();
  LogEvent(done.ok() ? Level::kInfo : Level::kWarning, "an operator's change",
           {{"what", entry.what}, {"who", entry.who}, {"outcome", entry.outcome}});
  // That it was asked for is on disk; its outcome is seen in the figures too.
  if (Status noted = audit_.Note(entry); !noted.ok()) {
    LogEvent(Level::kError, "the audit trail cannot be written",
             {{"why", noted.error().message()}});
  }
  if (!done.ok()) return std::move(done).error();
  return words;
}

Result<Operators::Plan> Operators::PlanFor(const Operation& operation, const Asker& asker) {
  Result<BackendId> backend = BackendId::Parse(operation.backend);
  if (!backend.ok()) return std::move(backend).error();
  const std::vector<BackendId> known = log_.Backends();
  if (std::find(known.begin(), known.end(), backend.value()) == known.end()) {
    return Error(ErrorCode::kNotFound, fmt::format("no backend \"{}\"", operation.backend));
  }
  switch (operation.verb) {
    case Verb::kPause: return PlanPause(backend.value(), true);
    case Verb::kResume: return PlanPause(backend.value(), false);
    case Verb::kRewind: return PlanRewind(backend.value(), operation);
    case Verb::kSkip:
      return operation.lane.database.empty() ? PlanSkip(backend.value(), operation, asker)
                                             : PlanSkipLane(backend.value(), operation, asker);
    case Verb::kHold:
    case Verb::kRelease: return PlanLane(backend.value(), operation);
    case Verb::kRedrive:
    case Verb::kDropDead: return PlanLetters(backend.value(), operation);
    case Verb::kForget: return PlanForget(backend.value());
  }
  INVARIANT(false);
}

Operators::Plan Operators::PlanPause(const BackendId& backend, bool paused) {
  return {fmt::format("{} the delivery to {}", paused ? "pause" : "resume", backend.text()),
          [this, backend, paused] { return log_.SetPaused(backend, paused); }};
}

// The last record before the position that `to` names: a rewind to a time sends
// again what was accepted at it or later.
Result<Operators::Target> Operators::TargetOf(const BackendId& backend,
                                              const std::string& to) const {
  ASSIGN_OR_RETURN(TypedPosition position, ParsePosition(to, clock_.WallNow()));
  ASSIGN_OR_RETURN(Sequence last, ResolvePosition(log_, backend, position));
  const auto* time = std::get_if<WallTime>(&position);
  if (time == nullptr) return Target{last, std::nullopt};
  // Nothing that old is kept: from the oldest that is.
  return Target{std::max(last, log_.MarksOf(backend).trimmed), *time};
}

Result<Operators::Plan> Operators::PlanRewind(const BackendId& backend,
                                              const Operation& operation) {
  ASSIGN_OR_RETURN(const Target target, TargetOf(backend, operation.to));
  const std::optional<WallTime>& time = target.time;
  const Marks marks = log_.MarksOf(backend);
  // What was accepted since a time may all be owed as it is.
  const Sequence to = time ? std::min(target.last, marks.cursor) : target.last;
  if (to < marks.trimmed || to > marks.cursor) {
    return Error(
        ErrorCode::kInvalidInput,
        fmt::format("{} can be rewound to {} at the earliest and {} at the latest, not {}",
                    backend.text(), marks.trimmed.value(), marks.cursor.value(), to.value()));
  }
  std::string words = fmt::format("rewind {} to {}: {} are delivered again", backend.text(),
                                  to.value(), ShownExtent(log_, backend, to, marks.cursor));
  if (to == marks.cursor && marks.lag() > 0) words += "; what came since is owed anyway";
  // Of a backup that is older than what is kept, some would stay missing.
  if (time) {
    const Result<QueueStats> figures = log_.StatsOf(backend);
    if (figures.ok() && to == marks.trimmed && marks.trimmed > Sequence::BeforeFirst() &&
        figures.value().oldest_kept && *figures.value().oldest_kept > *time) {
      words += fmt::format("; what was accepted before {} is no longer kept",
                           ToRfc3339(*figures.value().oldest_kept));
    }
  }
  return Plan{std::move(words), [this, backend, to]() -> Status {
                RETURN_IF_ERROR(log_.Rewind(backend, to));
                return Ok();
              }};
}

Result<Operators::Plan> Operators::PlanSkip(const BackendId& backend, const Operation& operation,
                                            const Asker& asker) {
  ASSIGN_OR_RETURN(const Target target, TargetOf(backend, operation.to));
  const Sequence to = target.last;
  const Marks marks = log_.MarksOf(backend);
  if (to <= marks.cursor || to > marks.head) {
    return Error(ErrorCode::kInvalidInput,
                 marks.lag() == 0
                     ? fmt::format("nothing is owed to {}", backend.text())
                     : fmt::format("of {} can be skipped {} to {}, not {}", backend.text(),
                                   marks.cursor.Next().value(), marks.head.value(), to.value()));
  }
  return Plan{
      fmt::format("skip what {} is owed up to {}: {} will never be delivered to it", backend.text(),
                  to.value(), ShownExtent(log_, backend, marks.cursor, to)),
      [this, backend, to, asked = Actor{asker.who, operation.note, clock_.WallNow()}]() -> Status {
        ASSIGN_OR_RETURN(Gap gap, log_.Skip(backend, to, asked));
        return Ok();
      }};
}

Result<Operators::Plan> Operators::PlanSkipLane(const BackendId& backend,
                                                const Operation& operation, const Asker& asker) {
  ASSIGN_OR_RETURN(HeldLane held, FindLane(log_, backend, operation.lane));
  if (held.records == 0) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("{} holds nothing for {}", NameOf(operation.lane), backend.text()));
  }
  return Plan{fmt::format("skip the {} points that {} holds for {}: they will never be delivered",
                          held.size.points, NameOf(operation.lane), backend.text()),
              [this, backend, lane = operation.lane,
               asked = Actor{asker.who, operation.note, clock_.WallNow()}]() -> Status {
                ASSIGN_OR_RETURN(Gap gap, log_.SkipHeld(backend, lane, asked));
                return Ok();
              }};
}

Result<Operators::Plan> Operators::PlanLane(const BackendId& backend, const Operation& operation) {
  const Lane& lane = operation.lane;
  if (lane.database.empty()) return NoLane();
  if (operation.verb == Verb::kHold) {
    return Plan{fmt::format("hold {} for {} until it is released", NameOf(lane), backend.text()),
                [this, backend, lane] { return log_.HoldLane(backend, lane); }};
  }
  ASSIGN_OR_RETURN(HeldLane held, FindLane(log_, backend, lane));
  if (!held.by_operator) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("no operator holds {}: it is released by itself once {} takes it",
                             NameOf(lane), backend.text()));
  }
  return Plan{fmt::format("release {} for {}: {} points are delivered", NameOf(lane),
                          backend.text(), held.size.points),
              [this, backend, lane] { return log_.ReleaseLane(backend, lane); }};
}

Result<Operators::Letters> Operators::LettersOf(const BackendId& backend,
                                                const Operation& operation) const {
  return operation.all_letters ? AllLetters(backend, operation.verb)
                               : NumberedLetters(backend, operation.letters);
}

Result<Operators::Letters> Operators::AllLetters(const BackendId& backend, Verb verb) const {
  const Result<std::vector<StoredDeadLetter>> letters = log_.ReadDead(backend, 0, kLettersMax);
  if (!letters.ok()) return Error(letters.error());
  Letters chosen;
  for (const auto& [number, letter] : letters.value()) {
    // What a redrive cannot send stays where it is.
    if (verb == Verb::kRedrive && letter.lines.empty()) continue;
    chosen.numbers.push_back(number);
    chosen.points += letter.points;
  }
  return chosen;
}

Result<Operators::Letters> Operators::NumberedLetters(
    const BackendId& backend, const std::vector<std::uint64_t>& numbers) const {
  Letters chosen;
  for (const std::uint64_t number : numbers) {
    const Result<std::vector<StoredDeadLetter>> letter =
        log_.ReadDead(backend, number == 0 ? 0 : number - 1, 1);
    if (!letter.ok()) return Error(letter.error());
    if (letter.value().empty() || letter.value().front().number != number) {
      return Error(ErrorCode::kNotFound,
                   fmt::format("{} has no dead letter {}", backend.text(), number));
    }
    chosen.numbers.push_back(number);
    chosen.points += letter.value().front().letter.points;
  }
  return chosen;
}

Result<Operators::Plan> Operators::PlanLetters(const BackendId& backend,
                                               const Operation& operation) {
  if (!operation.all_letters && operation.letters.empty()) {
    return Error(ErrorCode::kInvalidInput, "specify dead-letter numbers, or all");
  }
  Result<Letters> letters = LettersOf(backend, operation);
  if (!letters.ok()) return std::move(letters).error();
  if (letters.value().numbers.empty()) {
    return Error(ErrorCode::kNotFound, fmt::format("{} has no dead letters", backend.text()));
  }
  const std::size_t count = letters.value().numbers.size();
  const std::string what = fmt::format("{} dead letter{} ({} points)", count, count == 1 ? "" : "s",
                                       letters.value().points);
  if (operation.verb == Verb::kRedrive) {
    return Plan{fmt::format("deliver {} to {} again", what, backend.text()),
                [this, backend, numbers = std::move(letters.value().numbers)] {
                  return log_.Redrive(backend, numbers, clock_.WallNow());
                }};
  }
  return Plan{fmt::format("delete {} of {} for good", what, backend.text()),
              [this, backend, numbers = std::move(letters.value().numbers)] {
                return log_.DropDead(backend, numbers);
              }};
}

Result<Operators::Plan> Operators::PlanForget(const BackendId& backend) {
  if (configured_(backend)) {
    return Error(
        ErrorCode::kInvalidInput,
        fmt::format("{} is configured: take it out of the configuration first", backend.text()));
  }
  const Result<QueueStats> figures = log_.StatsOf(backend);
  if (!figures.ok()) return Error(figures.error());
  return Plan{fmt::format("forget {} with all that is kept for it: {} points that it is owed, {} "
                          "on hold and {} dead letters are deleted for good",
                          backend.text(), figures.value().owed.points, figures.value().held.points,
                          figures.value().dead_letters),
              [this, backend] { return log_.Forget(backend); }};
}

}  // namespace relay
