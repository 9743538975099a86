#include "relay/admin/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "config/schema/value_format.h"
#include "relay/base/human_format.h"
#include "relay/base/minutes.h"
#include "relay/status/log_position.h"
#include "relay/status/range_summary.h"

namespace relay {
namespace {

constexpr std::size_t kLettersMax = 10'000;  // Bounds an operation, which reads them whole.

// The end of a rewind or a skip.
struct EndPosition {
  Sequence last;                 // The last record before it.
  std::optional<WallTime> time;  // nullopt: not given as a time.
};

struct Letters {
  std::vector<std::uint64_t> numbers;
  PointCount points = 0;
};

std::string NameOf(const Lane& lane) {
  return lane.retention_policy.empty() ? fmt::format("database \"{}\"", lane.database)
                                       : fmt::format("retention policy \"{}\" of database \"{}\"",
                                                     lane.retention_policy, lane.database);
}

Error NoLane() {
  return {ErrorCode::kInvalidInput, "specify a database"};
}

Result<HeldLane> FindLane(const Log& log, const BackendId& backend, const Lane& lane) {
  ASSIGN_OR_RETURN(std::vector<HeldLane> lanes, log.HeldLanes(backend));
  for (HeldLane& held : lanes) {
    if (held.lane == lane) return std::move(held);
  }
  return Error(ErrorCode::kNotFound,
               fmt::format("{} is not on hold for {}", NameOf(lane), backend.text()));
}

Actor ActorOf(const VerbCall& call) {
  return {call.who, call.operation.note, call.clock.WallNow()};
}

Result<VerbPlan> PlanSetPaused(const VerbCall& call, bool paused) {
  ASSIGN_OR_RETURN(const QueueStats stats, call.log.StatsOf(call.backend));
  const std::string_view already = paused ? ", which is paused already" : ", which is not paused";
  return VerbPlan{fmt::format("{} the delivery to {}{}", paused ? "pause" : "resume",
                              call.backend.text(), stats.paused == paused ? already : ""),
                  SetPaused{paused}};
}

Result<VerbPlan> PlanPause(const VerbCall& call) {
  ASSIGN_OR_RETURN(VerbPlan plan, PlanSetPaused(call, true));
  if (call.operation.length.empty()) return plan;
  auto length = TimeBetween(std::chrono::seconds(1), std::chrono::hours(24 * 7))
                    .parse(WithMinutes(call.operation.length));
  if (!length.ok()) return std::move(length).error().Within("for");
  plan.length = length.value();
  plan.description += fmt::format(" for {}: then it is resumed", ShownAge(*plan.length));
  return plan;
}

Result<VerbPlan> PlanResume(const VerbCall& call) {
  return PlanSetPaused(call, false);
}

// Returns the last record before the position `to`: a rewind to a time resends what
// was accepted at or after it.
Result<EndPosition> EndOf(const VerbCall& call) {
  ASSIGN_OR_RETURN(TypedPosition position, ParsePosition(call.operation.to, call.clock.WallNow()));
  ASSIGN_OR_RETURN(Sequence last, ResolvePosition(call.log, call.backend, position));
  const auto* time = std::get_if<WallTime>(&position);
  if (time == nullptr) return EndPosition{last, std::nullopt};
  return EndPosition{last, *time};
}

// Returns whether the log may have deleted something that a rewind asks for. It no longer knows
// when a deleted record was accepted: unless it keeps one from before a time, some may have been
// later.
bool LacksSome(const EndPosition& target, const Marks& marks) {
  if (marks.trimmed == Sequence::BeforeFirst()) return false;
  return target.time ? target.last <= marks.trimmed : target.last < marks.trimmed;
}

// Returns what a rewind cannot deliver again.
Result<std::string> WhatIsMissing(const VerbCall& call, const EndPosition& target,
                                  const Marks& marks) {
  if (!target.time) {
    const std::uint64_t first = target.last.value() + 1;
    return fmt::format("records {} to {} are no longer kept", first, marks.trimmed.value());
  }
  ASSIGN_OR_RETURN(const QueueStats stats, call.log.StatsOf(call.backend));
  if (!stats.oldest_kept) return std::string("nothing that was delivered is kept any more");
  return fmt::format("what was accepted before {} is no longer kept",
                     ToRfc3339(*stats.oldest_kept));
}

Error CannotRewind(const VerbCall& call, const Marks& marks, Sequence to) {
  return {
      ErrorCode::kInvalidInput,
      fmt::format("{} can be rewound to {} at the earliest and {} at the latest, not {}",
                  call.backend.text(), marks.trimmed.value(), marks.cursor.value(), to.value())};
}

Result<VerbPlan> PlanPartialRewind(const VerbCall& call, const EndPosition& target,
                                   const Marks& marks) {
  ASSIGN_OR_RETURN(const std::string missing, WhatIsMissing(call, target, marks));
  if (!call.operation.partial) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("{} cannot be rewound so far: {}; with --partial (\"partial\": true) "
                             "what is left is delivered again, and what is missing becomes a gap",
                             call.backend.text(), missing));
  }
  const Sequence asked = target.time ? Sequence::BeforeFirst() : target.last;
  return VerbPlan{
      fmt::format(
          "rewind {} to {}, the oldest kept: {} are delivered again; {}: this is written in "
          "the gap ledger",
          call.backend.text(), marks.trimmed.value(),
          ShownRange(call.log, call.backend, marks.trimmed, marks.cursor), missing),
      Rewind{.to = asked, .partial = true, .since = target.time, .actor = ActorOf(call)}};
}

Result<VerbPlan> PlanRewind(const VerbCall& call) {
  ASSIGN_OR_RETURN(const EndPosition target, EndOf(call));
  const Marks marks = call.log.MarksOf(call.backend);
  if (LacksSome(target, marks)) return PlanPartialRewind(call, target, marks);
  // Everything accepted since a time may still be owed.
  const Sequence to = target.time ? std::min(target.last, marks.cursor) : target.last;
  if (to > marks.cursor) return CannotRewind(call, marks, to);
  std::string description =
      fmt::format("rewind {} to {}: {} are delivered again", call.backend.text(), to.value(),
                  ShownRange(call.log, call.backend, to, marks.cursor));
  if (to == marks.cursor && marks.lag() > 0) description += "; later records are owed anyway";
  return VerbPlan{std::move(description), Rewind{.to = to}};
}

Result<VerbPlan> PlanSkipTo(const VerbCall& call) {
  ASSIGN_OR_RETURN(const EndPosition target, EndOf(call));
  const Marks marks = call.log.MarksOf(call.backend);
  const Sequence to = target.time ? std::max(target.last, marks.trimmed) : target.last;
  if (to <= marks.cursor || to > marks.head) {
    return Error(
        ErrorCode::kInvalidInput,
        marks.lag() == 0
            ? fmt::format("nothing is owed to {}", call.backend.text())
            : fmt::format("{} can be skipped to {} at the earliest and {} at the latest, not {}",
                          call.backend.text(), marks.cursor.Next().value(), marks.head.value(),
                          to.value()));
  }
  return VerbPlan{fmt::format("skip what {} is owed up to {}: {} will never be delivered to it",
                              call.backend.text(), to.value(),
                              ShownRange(call.log, call.backend, marks.cursor, to)),
                  Skip{to, ActorOf(call)}};
}

Result<VerbPlan> PlanSkipLane(const VerbCall& call) {
  ASSIGN_OR_RETURN(HeldLane held, FindLane(call.log, call.backend, call.operation.lane));
  if (held.records == 0) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("{} has no records on hold for {}", NameOf(call.operation.lane),
                             call.backend.text()));
  }
  return VerbPlan{
      fmt::format("skip the {} points that {} holds for {}: they will never be delivered",
                  held.size.points, NameOf(call.operation.lane), call.backend.text()),
      SkipHeld{call.operation.lane, ActorOf(call)}};
}

Result<VerbPlan> PlanSkip(const VerbCall& call) {
  return call.operation.lane.database.empty() ? PlanSkipTo(call) : PlanSkipLane(call);
}

Result<VerbPlan> PlanHold(const VerbCall& call) {
  const Lane& lane = call.operation.lane;
  if (lane.database.empty()) return NoLane();
  const bool is_unseen = IsUnseen(call.log, call.backend, lane);
  return VerbPlan{
      fmt::format("hold {} for {} until it is released{}", NameOf(lane), call.backend.text(),
                  is_unseen ? "; no write to it was seen lately" : ""),
      HoldLane{lane}};
}

Result<VerbPlan> PlanRelease(const VerbCall& call) {
  const Lane& lane = call.operation.lane;
  if (lane.database.empty()) return NoLane();
  ASSIGN_OR_RETURN(HeldLane held, FindLane(call.log, call.backend, lane));
  if (!held.by_operator) {
    return Error(
        ErrorCode::kNotFound,
        fmt::format("{} was not put on hold by an operator: it is released once {} accepts it",
                    NameOf(lane), call.backend.text()));
  }
  return VerbPlan{fmt::format("release {} for {}: {} points are delivered", NameOf(lane),
                              call.backend.text(), held.size.points),
                  ReleaseLane{lane}};
}

Result<VerbPlan> PlanGiveUp(const VerbCall& call) {
  const Lane& lane = call.operation.lane;
  if (lane.database.empty()) return NoLane();
  ASSIGN_OR_RETURN(HeldLane held, FindLane(call.log, call.backend, lane));
  if (held.records == 0) {
    return Error(ErrorCode::kNotFound, fmt::format("{} has no records on hold for {}", NameOf(lane),
                                                   call.backend.text()));
  }
  return VerbPlan{
      fmt::format("make dead letters of the lines that {} refuses among the {} points on hold for "
                  "{}, whatever its reason; all others are delivered",
                  call.backend.text(), held.size.points, NameOf(lane)),
      GiveUpRefused{lane}};
}

Result<Letters> AllLetters(const VerbCall& call) {
  const Result<std::vector<StoredDeadLetter>> letters =
      call.log.ReadDead(call.backend, 0, kLettersMax);
  if (!letters.ok()) return Error(letters.error());
  Letters chosen;
  for (const auto& [number, letter] : letters.value()) {
    // A redrive leaves letters without lines where they are.
    if (call.operation.verb == Verb::kRedrive && letter.lines.empty()) continue;
    chosen.numbers.push_back(number);
    chosen.points += letter.points;
  }
  return chosen;
}

Result<Letters> NumberedLetters(const VerbCall& call) {
  Letters chosen;
  for (const std::uint64_t number : call.operation.letters) {
    const Result<std::vector<StoredDeadLetter>> letter =
        call.log.ReadDead(call.backend, number == 0 ? 0 : number - 1, 1);
    if (!letter.ok()) return Error(letter.error());
    if (letter.value().empty() || letter.value().front().number != number) {
      return Error(ErrorCode::kNotFound,
                   fmt::format("{} has no dead letter {}", call.backend.text(), number));
    }
    chosen.numbers.push_back(number);
    chosen.points += letter.value().front().letter.points;
  }
  return chosen;
}

Result<Letters> LettersOf(const VerbCall& call) {
  return call.operation.all_letters ? AllLetters(call) : NumberedLetters(call);
}

Result<VerbPlan> PlanLetters(const VerbCall& call) {
  if (!call.operation.all_letters && call.operation.letters.empty()) {
    return Error(ErrorCode::kInvalidInput, "specify dead-letter numbers, or all");
  }
  Result<Letters> letters = LettersOf(call);
  if (!letters.ok()) return std::move(letters).error();
  if (letters.value().numbers.empty()) {
    return Error(ErrorCode::kNotFound, fmt::format("{} has no dead letters", call.backend.text()));
  }
  const std::size_t count = letters.value().numbers.size();
  const std::string what = fmt::format("{} dead letter{} ({} points)", count, count == 1 ? "" : "s",
                                       letters.value().points);
  if (call.operation.verb == Verb::kRedrive) {
    return VerbPlan{fmt::format("deliver {} to {} again", what, call.backend.text()),
                    Redrive{std::move(letters.value().numbers), call.clock.WallNow()}};
  }
  return VerbPlan{
      fmt::format("permanently delete {} of {}: they become a gap", what, call.backend.text()),
      DropDead{std::move(letters.value().numbers), ActorOf(call)}};
}

Result<VerbPlan> PlanForget(const VerbCall& call) {
  if (call.configured) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("{} is configured: remove it from the configuration first",
                             call.backend.text()));
  }
  const Result<QueueStats> figures = call.log.StatsOf(call.backend);
  if (!figures.ok()) return Error(figures.error());
  return VerbPlan{
      fmt::format("forget {} and permanently delete its {} points owed, {} points on hold "
                  "and {} dead letters",
                  call.backend.text(), figures.value().owed.points, figures.value().held.points,
                  figures.value().dead_letters),
      Forget{}};
}

constexpr RouteParameter kNote{"note", "string", "Reason, for the audit trail and the gap ledger"};
constexpr RouteParameter kAnyDatabase{"database", "string", "The database or bucket"};
constexpr RouteParameter kLaneDatabase{"database", "string", "The database or bucket", true};
constexpr RouteParameter kPolicy{"retention_policy", "string",
                                 "The retention policy (default: the database's default)"};
constexpr RouteParameter kLettersBackend{"backend", "string", "The backend", true};
constexpr RouteParameter kNumbers{"numbers", "integers", "The numbers of the dead letters"};
constexpr RouteParameter kAll{"all", "boolean", "All dead letters"};
constexpr RouteParameter kPartial{
    "partial", "boolean",
    "Rewind as far as records are kept; what is missing is written in the gap ledger"};

constexpr bool kUndoable = true;
constexpr bool kForGood = false;

const std::vector<VerbSpec> kVerbs = {
    {Verb::kPause,
     "pause",
     "/api/v1/backends/{backend}/pause",
     "Stop delivery to a backend until it is resumed",
     {{"for", "string", "Resume it after this time, whatever happens: 10m, 2h; at most 7d"}, kNote},
     kUndoable,
     &PlanPause},
    {Verb::kResume,
     "resume",
     "/api/v1/backends/{backend}/resume",
     "Resume delivery to a backend",
     {},
     kUndoable,
     &PlanResume},
    {Verb::kRewind,
     "rewind",
     "/api/v1/backends/{backend}/rewind",
     "Deliver again everything accepted after a record, or at or after a time",
     {{"to", "position", "Position to rewind to", true}, kPartial, kNote},
     kForGood,
     &PlanRewind},
    {Verb::kSkip,
     "skip",
     "/api/v1/backends/{backend}/skip",
     "Give up what a backend is owed, or what is on hold for a database",
     {{"to", "position", "Position to skip to"}, kNote, kAnyDatabase, kPolicy},
     kForGood,
     &PlanSkip},
    {Verb::kHold,
     "hold",
     "/api/v1/backends/{backend}/hold",
     "Hold records for a database until it is released",
     {kLaneDatabase, kPolicy},
     kUndoable,
     &PlanHold},
    {Verb::kRelease,
     "release",
     "/api/v1/backends/{backend}/release",
     "Deliver the records on hold for a database",
     {kLaneDatabase, kPolicy},
     kUndoable,
     &PlanRelease},
    {Verb::kGiveUp,
     "dead give-up",
     "/api/v1/dead/give-up",
     "Make dead letters of the lines on hold for a database that the backend refuses",
     {kLettersBackend, kLaneDatabase, kPolicy},
     kForGood,
     &PlanGiveUp},
    {Verb::kRedrive,
     "dead redrive",
     "/api/v1/dead/redrive",
     "Accept the lines again, for this backend only",
     {kLettersBackend, kNumbers, kAll},
     kForGood,
     &PlanLetters},
    {Verb::kDropDead,
     "dead drop",
     "/api/v1/dead/drop",
     "Permanently delete dead letters",
     {kLettersBackend, kNumbers, kAll, kNote},
     kForGood,
     &PlanLetters},
    {Verb::kForget,
     "backend forget",
     "/api/v1/backends/{backend}/forget",
     "Delete everything kept for a backend that is no longer configured",
     {},
     kForGood,
     &PlanForget},
};

}  // namespace

bool IsUnseen(const LogView& log, const BackendId& backend, const Lane& lane) {
  constexpr std::uint64_t kLooked = 1'000;
  const auto is_of_lane = [&lane](const Lane& one) { return one.database == lane.database; };
  const Result<std::vector<HeldLane>> held = log.HeldLanes(backend);
  const Result<QueueStats> stats = log.StatsOf(backend);
  if (!held.ok() || !stats.ok()) return false;
  const bool is_held = std::any_of(held.value().begin(), held.value().end(),
                                   [&](const HeldLane& one) { return is_of_lane(one.lane); });
  const std::uint64_t head = stats.value().marks.head.value();
  const auto newest =
      log.Read(backend, Sequence(head - std::min(head, kLooked)), {.records = kLooked});
  if (is_held || !newest.ok()) return false;
  return std::none_of(newest.value().begin(), newest.value().end(), [&](const StoredRecord& one) {
    return one.record.ok() && one.record.value()->params.database == lane.database;
  });
}

std::string DescriptionOf(const RouteParameter& parameter) {
  if (parameter.type != "position") return std::string(parameter.description);
  return fmt::format("{}: {}", parameter.description, kPositionForms);
}

const std::vector<VerbSpec>& Verbs() {
  return kVerbs;
}

const VerbSpec& SpecOf(Verb verb) {
  const auto found = std::find_if(Verbs().begin(), Verbs().end(),
                                  [verb](const VerbSpec& spec) { return spec.verb == verb; });
  INVARIANT(found != Verbs().end());
  return *found;
}

}  // namespace relay
