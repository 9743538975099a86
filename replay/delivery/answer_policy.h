// Decides what to do with a lane after a backend's answer.
//
// Pure: facts about the lane and the verdict go in, a decision comes out, which
// the delivery carries out.
//
// Poison. If a backend fails on one lane's lines without saying why, one of them may be the cause.
// After some attempts a canary is sent: the line that the backend last accepted from this lane,
// once more, which changes nothing; or, if none is known, a line from behind, which is sent again
// when its turn comes. If the backend accepts it, the lines are at fault and are halved like
// refused ones.
//
// Ends. A backend whose connection ends without an answer, again and again at the same lines, may
// be ended by one of them. That is found out in the same way, except that a canary is repeated
// while the backend is away, since it may have to be started again. A line that ended the backend
// alone, several times, while it accepted canaries or what other lanes sent, becomes a dead letter.
//
// Clients. If records go with their clients' own credentials, the backend may refuse one client and
// accept the others. To tell that from a backend that refuses everybody, another client's lines are
// needed: a canary of one that waits in the same lane, or the results of other lanes meanwhile. If
// others are accepted, the lines become dead letters and nobody waits for them; if nobody is, the
// backend is misconfigured and everything waits. A refused client's statement is not executed at
// all: everything behind it would wait.
//
// Unknown. A refusal whose reason is not known is not final by itself: the batch is halved, what is
// good is delivered, and the line that is refused alone puts its lane on hold until the backend
// accepts it or an operator decides to give it up. With UnknownRefusals::kDead it becomes a dead
// letter after some attempts instead. So does a line that seems to be poisoned. A statement becomes
// one at once: everything behind it would wait.
//
// Alone. A lane that keeps failing while other lanes succeed goes on hold, whatever the answers
// say. A statement never does: executed later than in its place, it would delete what came behind
// it.
//
// THREADS. Any; values and pure functions.
#pragma once

#include <cstdint>

#include "replay/delivery/worker_status.h"
#include "replay/transport/verdict.h"

namespace relay {

// The lane that was answered, its front batch, and the rest of the backend.
struct LaneFacts {
  PointCount points = 1;  // Size of the front batch.
  bool is_statement = false;
  bool has_client = false;            // It goes with a client's credentials.
  bool is_slow = false;               // It was not answered at once.
  bool names_refused = false;         // A partial write's answer names the lines it refused.
  bool gave_up_lately = false;        // A line of the lane, after an answer of this status.
  bool gives_up = false;              // An operator gives up what is refused in the lane.
  bool is_divided = false;            // The answer tells the refused lines from the others.
  std::uint32_t failures = 0;         // In a row, before this answer.
  std::uint32_t ends = 0;             // Connections ended without an answer, this one too.
  std::uint32_t line_suspicions = 0;  // Canaries accepted while this single line was not.
  bool is_suspect = false;            // A poisoned line is being searched for.
  bool create_tried = false;
  bool is_live = true;
  bool knows_accepted = false;    // A line that the backend accepted from this lane is known.
  bool has_canary = false;        // One can be sent: that line, or one from behind.
  bool has_other_client = false;  // A line of another client can be sent.
  bool others_accepted = false;   // The backend accepted other requests since its first failure.
  bool clients_accepted = false;  // ... other clients' since its client was refused.
  bool clients_accepted_lately = false;
  bool may_hold = true;  // The log has room for one more held lane.
};

enum class Step : std::uint8_t {
  kDelivered,       // The front batch is delivered.
  kNamedLines,      // Delivered but for the lines that the answer names: those become dead letters.
  kDeadLetter,      // All of it becomes dead letters.
  kDivide,          // The lines likely refused, and the others, are each sent on their own.
  kHalve,           // Each half is sent on its own.
  kRetry,           // The same is sent again later; the whole backend waits.
  kWaitAlone,       // The same is sent again later; only this lane waits.
  kHold,            // The lane goes on hold.
  kCreate,          // Its database is created first.
  kSendCanary,      // A canary tests the lines; the whole backend waits.
  kTryOtherClient,  // A line of another client tests the client.
  kFirstLineApart,  // Like kSendCanary, but its own first line is sent alone.
  kSendAgain,       // The same is sent again now.
};

// The back-off to use.
enum class Pace : std::uint8_t { kRetry, kProbe, kRest };

struct Decision {
  Step step = Step::kRetry;
  Pace pace = Pace::kRetry;
  WorkerState shown = WorkerState::kRetrying;
  bool cut_first = false;         // The front batch is cut to the current size limit.
  bool fails_alone = false;       // kHold: others succeed; the reason says so.
  bool gives_up = false;          // kHold: a line is refused, and its reason is not known.
  bool clears_backend = false;    // kHold: other lanes succeed, as far as is known.
  bool asks_for_clients = false;  // From here on other clients' requests are counted.

  friend bool operator==(const Decision&, const Decision&) = default;
};

// The end of a single line that the backend goes on refusing for a reason that is not known.
enum class UnknownRefusals : std::uint8_t { kHold, kDead };

class AnswerPolicy {
 public:
  struct Options {
    UnknownRefusals unknown_refusals = UnknownRefusals::kHold;
    bool create_databases = false;
    bool passes_credentials = false;
  };

  explicit AnswerPolicy(const Options& options) : options_(options) {}

  // Decides after an answer to the front batch.
  Decision Decide(const LaneFacts& facts, const Verdict& verdict) const;

  // Decides after an answer to a canary that `suspicion`, the front batch's last verdict, led to.
  // `facts` are those of the front batch.
  Decision DecideOnCanary(const LaneFacts& facts, const Verdict& canary,
                          const Verdict& suspicion) const;

  // Decides after the request to create the database got no answer.
  Decision DecideOnNoCreation(const LaneFacts& facts) const;

  // Returns true if the canary's answer says nothing against the lane: whether its lines, or its
  // client, are at fault is then known.
  static bool IsAccepted(const Verdict& canary);

  // Returns true if the canary is to be sent once more: the lines seem to have ended the backend,
  // and it is not there again.
  static bool IsAway(const Verdict& canary, const Verdict& suspicion);

 private:
  Decision Refuse(const LaneFacts& facts, const Verdict& verdict) const;
  Decision GiveUp(const LaneFacts& facts) const;
  Decision Suspect(const LaneFacts& facts, Cause cause) const;
  Decision SuspectClient(const LaneFacts& facts, const Verdict& verdict) const;
  Decision HoldOrRetry(const LaneFacts& facts, const Verdict& verdict) const;

  Options options_;
};

}  // namespace relay
