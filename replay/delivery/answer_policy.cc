#include "replay/delivery/answer_policy.h"

#include "wal/base/invariant.h"

namespace relay {
namespace {

// A lane that failed this often while others succeeded is at fault itself.
constexpr std::uint32_t kTriesAlone = 8;
constexpr std::uint32_t kHoldsAlone = 3;

// Unexplained failures before one of the lines is suspected.
constexpr std::uint32_t kTriesUnsuspected = 8;

// Ends of the connection at the same lines before one of them is suspected.
constexpr std::uint32_t kEndsUnsuspected = 3;

// Canaries accepted while a single line was not, before the line is given up.
constexpr std::uint32_t kLineSuspicionsMax = 3;

// The same where it ended the backend: a proxy that breaks off every third request must not make
// good lines dead letters.
constexpr std::uint32_t kLineEndsMax = 5;

// Attempts at a single line that is refused for an unknown reason before it is given up.
constexpr std::uint32_t kTriesUnknown = 8;

// Attempts at a request that takes too long before it is cut.
constexpr std::uint32_t kTriesWhole = 3;

// Retries of a failure that most likely passes before it is shown as a hold.
constexpr std::uint32_t kTriesBeforeHold = 3;

bool FailsAlone(const LaneFacts& facts, std::uint32_t tries) {
  return !facts.is_statement && facts.failures >= tries && facts.others_accepted && facts.may_hold;
}

Decision Retry(const LaneFacts& facts, Pace pace, WorkerState shown) {
  if (FailsAlone(facts, kTriesAlone - 1)) return {.step = Step::kHold, .fails_alone = true};
  return {.step = Step::kRetry, .pace = pace, .shown = shown};
}

Decision RetrySoon(const LaneFacts& facts) {
  return Retry(facts, Pace::kRetry, WorkerState::kRetrying);
}

Decision RetryByCause(const LaneFacts& facts, Cause cause) {
  Decision decision =
      Retry(facts, Rests(cause) ? Pace::kRest : Pace::kRetry,
            cause == Cause::kMisconfigured ? WorkerState::kHeld : WorkerState::kRetrying);
  decision.cut_first = facts.is_slow && facts.failures + 1 >= kTriesWhole;
  return decision;
}

}  // namespace

Decision AnswerPolicy::Decide(const LaneFacts& facts, const Verdict& verdict) const {
  switch (verdict.action) {
    case Action::kDelivered: return {.step = Step::kDelivered};
    case Action::kPartial:
      if (verdict.retry_first && facts.failures == 0) return RetrySoon(facts);
      if (facts.names_refused) return {.step = Step::kNamedLines};
      return Refuse(facts, verdict);
    case Action::kSplit: return Refuse(facts, verdict);
    case Action::kRetry:
      if (SuspectsPoison(verdict.cause)) return Suspect(facts, verdict.cause);
      return RetryByCause(facts, verdict.cause);
    case Action::kHold:
      if (verdict.cause == Cause::kCredentials && options_.passes_credentials) {
        return SuspectClient(facts, verdict);
      }
      return HoldOrRetry(facts, verdict);
  }
  INVARIANT(false);
}

bool AnswerPolicy::IsAccepted(const Verdict& canary) {
  // A refusal counts too: the backend looked at the lines.
  return canary.action == Action::kDelivered || canary.action == Action::kPartial ||
         canary.action == Action::kSplit;
}

bool AnswerPolicy::IsAway(const Verdict& canary, const Verdict& suspicion) {
  return suspicion.cause == Cause::kBrokenOff && canary.action == Action::kRetry &&
         !SuspectsPoison(canary.cause);
}

Decision AnswerPolicy::DecideOnCanary(const LaneFacts& facts, const Verdict& canary,
                                      const Verdict& suspicion) const {
  if (!IsAccepted(canary)) {
    return canary.action == Action::kHold ? HoldOrRetry(facts, canary) : RetrySoon(facts);
  }
  if (suspicion.cause == Cause::kCredentials) return {.step = Step::kDeadLetter};
  if (facts.points > 1) return {.step = Step::kHalve};
  const bool is_end = suspicion.cause == Cause::kBrokenOff;
  const std::uint32_t enough = is_end ? kLineEndsMax : kLineSuspicionsMax;
  if (facts.line_suspicions + 1 < enough) return {.step = Step::kSendAgain};
  return is_end ? Decision{.step = Step::kDeadLetter} : GiveUp(facts);
}

// Handles a front batch with lines that will not be accepted: all of it goes to the dead letters
// if the backend says so or only one line is left, and the reason is known.
Decision AnswerPolicy::Refuse(const LaneFacts& facts, const Verdict& verdict) const {
  // A statement is the only line of its request, and everything behind it would wait.
  const bool is_known = verdict.cause != Cause::kUnknownRefusal || facts.is_statement;
  const bool is_stored = verdict.cause == Cause::kFieldDropped && verdict.dropped == 0;
  if (is_stored && facts.points == 1) return {.step = Step::kDelivered};
  if (is_known && (facts.points == 1 || verdict.dropped == facts.points)) {
    return {.step = Step::kDeadLetter};
  }
  if (facts.points > 1) return {.step = facts.is_divided ? Step::kDivide : Step::kHalve};
  const bool is_early = facts.failures + 1 < kTriesUnknown && !facts.gave_up_lately;
  if (is_early && options_.unknown_refusals == UnknownRefusals::kDead) {
    return {.step = Step::kWaitAlone};
  }
  return GiveUp(facts);
}

// Handles a single line that is not accepted, while others are, for a reason that is not known.
Decision AnswerPolicy::GiveUp(const LaneFacts& facts) const {
  const bool is_final =
      options_.unknown_refusals == UnknownRefusals::kDead || facts.is_statement || facts.gives_up;
  if (is_final) return {.step = Step::kDeadLetter};
  if (facts.may_hold) return {.step = Step::kHold, .gives_up = true};
  return {.step = Step::kWaitAlone};
}

Decision AnswerPolicy::DecideOnNoCreation(const LaneFacts& facts) const {
  return RetrySoon(facts);
}

Decision AnswerPolicy::Suspect(const LaneFacts& facts, Cause cause) const {
  const bool is_end = cause == Cause::kBrokenOff;
  const std::uint32_t tried = is_end ? facts.ends : facts.failures + 1;
  const std::uint32_t enough = is_end ? kEndsUnsuspected : kTriesUnsuspected;
  const Decision retry = is_end ? RetryByCause(facts, cause) : RetrySoon(facts);
  if (tried < enough && !facts.is_suspect) return retry;
  // If no line that it accepts is known, its own first lines may be such.
  const bool own_first = !facts.knows_accepted && !facts.is_suspect && facts.points > 1;
  if (!own_first && facts.has_canary) return {.step = Step::kSendCanary};
  if (facts.points > 1) return {.step = Step::kFirstLineApart};
  if (!is_end || facts.line_suspicions == 0) return retry;
  // Other lanes' requests were accepted in between.
  const bool is_final = facts.line_suspicions >= kLineEndsMax;
  return {.step = is_final ? Step::kDeadLetter : Step::kWaitAlone};
}

Decision AnswerPolicy::SuspectClient(const LaneFacts& facts, const Verdict& verdict) const {
  const bool is_clients_statement = facts.is_statement && facts.has_client;
  if (facts.clients_accepted || is_clients_statement) return {.step = Step::kDeadLetter};
  Decision decision;
  if (facts.has_other_client) {
    decision.step = Step::kTryOtherClient;
  } else if (facts.clients_accepted_lately) {
    decision.step = Step::kWaitAlone;
  } else {
    decision = HoldOrRetry(facts, verdict);
  }
  decision.asks_for_clients = true;
  return decision;
}

Decision AnswerPolicy::HoldOrRetry(const LaneFacts& facts, const Verdict& verdict) const {
  if (MayCreate(verdict.cause) && options_.create_databases && !facts.create_tried) {
    return {.step = Step::kCreate};
  }
  if (verdict.retry_first && facts.failures < kTriesBeforeHold && facts.is_live) {
    return RetrySoon(facts);
  }
  const bool is_of_lane = ConcernsLane(verdict.cause) && facts.may_hold;
  if (!is_of_lane && !FailsAlone(facts, kHoldsAlone)) {
    return Retry(facts, Pace::kProbe, WorkerState::kHeld);
  }
  return {.step = Step::kHold, .clears_backend = is_of_lane};
}

}  // namespace relay
