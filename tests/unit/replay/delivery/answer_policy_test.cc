#include "replay/delivery/answer_policy.h"

#include <doctest/doctest.h>

#include <vector>

namespace relay::test::replay_delivery_answer_policy_test {
namespace {

using enum Cause;

// A row: the state of the lane, the answer, the action.
struct Row {
  const char* name;
  LaneFacts facts;
  Verdict verdict;
  Decision decision;
};

void CheckRows(const AnswerPolicy& policy, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Decision decision = policy.Decide(row.facts, row.verdict);
    CHECK_EQ(static_cast<int>(decision.step), static_cast<int>(row.decision.step));
    CHECK(decision == row.decision);
  }
}

const Decision kRetrySoon{.step = Step::kRetry};
const Decision kProbe{.step = Step::kRetry, .pace = Pace::kProbe, .shown = WorkerState::kHeld};
const Decision kHoldAlone{.step = Step::kHold, .fails_alone = true};

const Decision kGivenUp{.step = Step::kHold, .gives_up = true};

const Verdict kUnknown{Action::kSplit, kUnknownRefusal};
const Verdict kRefused{Action::kSplit, kRejectedLines};
const Verdict kPartly{Action::kPartial, kRejectedLines};
const Verdict kBusy{Action::kRetry, kOverloaded};
const Verdict kFails{Action::kRetry, kUnexplained};
const Verdict kWrong{Action::kHold, kMisconfigured};
const Verdict kNoDatabase{Action::kHold, kMissingDatabase};
const Verdict kNoAccess{Action::kHold, kCredentials};

TEST_CASE("answer policy: what is taken and what is refused") {
  Verdict all = kPartly;
  all.dropped = 5;
  Verdict passes = kPartly;
  passes.retry_first = true;
  CheckRows(
      AnswerPolicy({}),
      {{"taken", {}, {Action::kDelivered}, {.step = Step::kDelivered}},
       {"refused", {.points = 5}, kRefused, {.step = Step::kHalve}},
       {"one line", {.points = 1}, kRefused, {.step = Step::kDeadLetter}},
       {"partly", {.points = 5}, kPartly, {.step = Step::kHalve}},
       {"all dropped", {.points = 5}, all, {.step = Step::kDeadLetter}},
       {"told apart", {.points = 5, .is_divided = true}, kPartly, {.step = Step::kDivide}},
       {"all dropped, told apart", {.points = 5, .is_divided = true}, all, {Step::kDeadLetter}},
       {"named", {.points = 5, .names_refused = true}, kPartly, {.step = Step::kNamedLines}},
       {"may pass", {.points = 5}, passes, kRetrySoon},
       {"came again", {.points = 5, .failures = 1}, passes, {.step = Step::kHalve}}});
}

TEST_CASE("answer policy: a refusal for an unknown reason is not final by itself") {
  Verdict all{Action::kPartial, kUnknownRefusal};
  all.dropped = 5;
  CheckRows(AnswerPolicy({}),
            {{"several", {.points = 5}, kUnknown, {.step = Step::kHalve}},
             {"all dropped", {.points = 5}, all, {.step = Step::kHalve}},
             {"one line", {.points = 1}, kUnknown, kGivenUp},
             {"no room", {.points = 1, .may_hold = false}, kUnknown, {.step = Step::kWaitAlone}},
             {"statement", {.is_statement = true}, kUnknown, {.step = Step::kDeadLetter}}});
  CheckRows(AnswerPolicy({.unknown_refusals = UnknownRefusals::kDead}),
            {{"several", {.points = 5}, kUnknown, {.step = Step::kHalve}},
             {"early", {.points = 1, .failures = 6}, kUnknown, {.step = Step::kWaitAlone}},
             {"as before", {.points = 1, .gave_up_lately = true}, kUnknown, {Step::kDeadLetter}},
             {"eighth", {.points = 1, .failures = 7}, kUnknown, {.step = Step::kDeadLetter}}});
}

TEST_CASE("answer policy: a point that was stored without a field is delivered") {
  Verdict stored{Action::kPartial, kFieldDropped};
  stored.dropped = 0;
  CheckRows(AnswerPolicy({}), {{"one line", {.points = 1}, stored, {.step = Step::kDelivered}},
                               {"several", {.points = 5}, stored, {.step = Step::kHalve}}});
}

TEST_CASE("answer policy: what is tried again, how soon, and what is shown meanwhile") {
  const Verdict saturated{Action::kRetry, kSaturated};
  const Verdict unknown_host{Action::kRetry, kMisconfigured};
  Decision cut = kRetrySoon;
  cut.cut_first = true;
  CheckRows(
      AnswerPolicy({}),
      {{"busy", {}, kBusy, kRetrySoon},
       {"at its limit", {}, saturated, {.step = Step::kRetry, .pace = Pace::kRest}},
       {"host", {}, unknown_host, {.step = Step::kRetry, .shown = WorkerState::kHeld}},
       {"slow", {.is_slow = true, .failures = 1}, kBusy, kRetrySoon},
       {"slow for the third time", {.is_slow = true, .failures = 2}, kBusy, cut},
       {"alone", {.failures = 7, .others_accepted = true}, kBusy, kHoldAlone},
       {"not yet", {.failures = 6, .others_accepted = true}, kBusy, kRetrySoon},
       {"nobody is taken", {.failures = 7}, kBusy, kRetrySoon},
       {"no room", {.failures = 7, .others_accepted = true, .may_hold = false}, kBusy, kRetrySoon},
       {"statement",
        {.is_statement = true, .failures = 7, .others_accepted = true},
        kBusy,
        kRetrySoon}});
}

TEST_CASE("answer policy: what holds a lane, and what the whole backend") {
  Verdict portal = kWrong;
  portal.retry_first = true;
  const Decision hold{.step = Step::kHold, .clears_backend = true};
  CheckRows(AnswerPolicy({}),
            {{"no database", {}, kNoDatabase, hold},
             {"no room", {.may_hold = false}, kNoDatabase, kProbe},
             {"wrong URL", {}, kWrong, kProbe},
             {"others taken", {.failures = 3, .others_accepted = true}, kWrong, {Step::kHold}},
             {"may pass", {.failures = 2}, portal, kRetrySoon},
             {"did not", {.failures = 3}, portal, kProbe},
             {"held", {.failures = 2, .is_live = false}, portal, kProbe},
             {"the backend's own credentials", {}, kNoAccess, kProbe}});
  CheckRows(AnswerPolicy({.create_databases = true}),
            {{"creates", {}, kNoDatabase, {.step = Step::kCreate}},
             {"once", {.create_tried = true}, kNoDatabase, hold},
             {"no policy", {}, {Action::kHold, kMissingPolicy}, {.step = Step::kCreate}}});
}

TEST_CASE("answer policy: a failure that blames nobody leads to a canary") {
  LaneFacts eighth{.points = 5, .failures = 7, .knows_accepted = true, .has_canary = true};
  LaneFacts unknown = eighth;
  unknown.knows_accepted = false;
  LaneFacts only_line{.points = 1, .failures = 7};
  LaneFacts suspect{.points = 5, .is_suspect = true, .has_canary = true};
  CheckRows(AnswerPolicy({}), {{"early", {.failures = 6}, kFails, kRetrySoon},
                               {"eighth", eighth, kFails, {.step = Step::kSendCanary}},
                               {"none known", unknown, kFails, {.step = Step::kFirstLineApart}},
                               {"only line", only_line, kFails, kRetrySoon},
                               {"suspect", suspect, kFails, {.step = Step::kSendCanary}}});
}

TEST_CASE("answer policy: a canary that is taken, or refused, says that the lines are at fault") {
  const AnswerPolicy policy({});
  const Verdict taken{Action::kDelivered};
  CHECK(policy.DecideOnCanary({.points = 5}, taken, kFails) == Decision{Step::kHalve});
  CHECK(policy.DecideOnCanary({.points = 5}, kRefused, kFails) == Decision{Step::kHalve});
  CHECK(policy.DecideOnCanary({.points = 1}, taken, kFails) == Decision{Step::kSendAgain});
  CHECK(policy.DecideOnCanary({.points = 1, .line_suspicions = 2}, taken, kFails) == kGivenUp);
  CHECK(AnswerPolicy({.unknown_refusals = UnknownRefusals::kDead})
            .DecideOnCanary({.points = 1, .line_suspicions = 2}, taken, kFails) ==
        Decision{Step::kDeadLetter});
  CHECK(policy.DecideOnCanary({.points = 5}, taken, kNoAccess) == Decision{Step::kDeadLetter});
  CHECK(policy.DecideOnCanary({.points = 5}, kBusy, kFails) == kRetrySoon);
  CHECK(policy.DecideOnCanary({.points = 5}, kFails, kFails) == kRetrySoon);
  CHECK(policy.DecideOnCanary({.points = 5}, kWrong, kFails) == kProbe);
}

TEST_CASE("answer policy: a refused client is told from a backend that refuses everybody") {
  Decision other{.step = Step::kTryOtherClient, .asks_for_clients = true};
  Decision alone{.step = Step::kWaitAlone, .asks_for_clients = true};
  Decision probe = kProbe;
  probe.asks_for_clients = true;
  const LaneFacts statement{.is_statement = true, .has_client = true};
  CheckRows(AnswerPolicy({.passes_credentials = true}),
            {{"others taken", {.clients_accepted = true}, kNoAccess, {.step = Step::kDeadLetter}},
             {"statement", statement, kNoAccess, {.step = Step::kDeadLetter}},
             {"another waits", {.has_other_client = true}, kNoAccess, other},
             {"others lately", {.clients_accepted_lately = true}, kNoAccess, alone},
             {"nobody", {}, kNoAccess, probe}});
}

TEST_CASE("answer policy: lines at which the connection ends, again and again, may be the cause") {
  const Verdict ended{Action::kRetry, kBrokenOff};
  const LaneFacts known{.points = 5, .knows_accepted = true, .has_canary = true};
  const auto with = [](LaneFacts facts, std::uint32_t ends, std::uint32_t suspicions = 0) {
    facts.ends = ends;
    facts.line_suspicions = suspicions;
    return facts;
  };
  CheckRows(AnswerPolicy({}),
            {{"once", with(known, 1), ended, kRetrySoon},
             {"twice", with(known, 2), ended, kRetrySoon},
             {"three times", with(known, 3), ended, {.step = Step::kSendCanary}},
             {"none is known", with({.points = 5}, 3), ended, {.step = Step::kFirstLineApart}},
             {"alone", with({.points = 1}, 9), ended, kRetrySoon},
             {"others accepted", with({.points = 1}, 6, 4), ended, {.step = Step::kWaitAlone}},
             {"... often", with({.points = 1}, 7, 5), ended, {.step = Step::kDeadLetter}}});

  const AnswerPolicy policy({});
  const Verdict taken{Action::kDelivered};
  const auto after = [&](const LaneFacts& facts) {
    return policy.DecideOnCanary(facts, taken, ended).step;
  };
  CHECK(after({.points = 5}) == Step::kHalve);
  CHECK(after({.points = 1, .line_suspicions = 1}) == Step::kSendAgain);
  CHECK(after({.points = 1, .line_suspicions = 3}) == Step::kSendAgain);
  CHECK(after({.points = 1, .line_suspicions = 4}) == Step::kDeadLetter);
  CHECK(AnswerPolicy::IsAway({Action::kRetry, kUnreachable}, ended));
  CHECK_FALSE(AnswerPolicy::IsAway(ended, ended));
  CHECK_FALSE(AnswerPolicy::IsAway({Action::kRetry, kUnreachable}, {Action::kRetry, kUnexplained}));
}

}  // namespace
}  // namespace relay::test::replay_delivery_answer_policy_test
