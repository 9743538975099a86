// Decides what to do with a lane after a backend's answer.
//
// Pure: facts about the lane and the verdict go in, a decision comes out, which
// the delivery carries out.
//
// Poison. A backend that fails on one lane's lines with an answer that blames
// nobody may be poisoned by one of them. After some tries a canary is sent: the
// line that this lane took last, once more, which changes nothing; or, where none
// is known, a line from behind, which is sent again when its turn comes. If the
// backend takes it, the lines are at fault and are halved like refused ones.
//
// Clients. Where records go with their clients' own credentials, the backend may
// refuse one client and take the others. To tell that from a backend that refuses
// everybody, another client's lines are needed: a canary of one that waits in the
// same lane, or what other lanes get meanwhile. If others are taken, the lines
// become dead letters and nobody waits for them; if nobody is, the backend is
// configured wrongly and everything waits. A refused client's statement is not
// carried out at all: everything behind it would wait.
//
// Alone. A lane that fails again and again while other lanes are taken goes on
// hold, whatever the answers say. A statement never does: carried out later than
// in its place, it would delete what came behind it.
//
// THREADS. Any; values and pure functions.
#pragma once

#include <cstdint>

#include "replay/delivery/worker_status.h"
#include "replay/transport/verdict.h"

namespace relay {

// The lane that was answered, its front batch, and the rest of the backend.
struct LaneFacts {
  PointCount points = 1;  // Of the front batch. So below.
  bool is_statement = false;
  bool has_client = false;            // It goes with a client's credentials.
  bool is_slow = false;               // It was not answered at once.
  bool names_refused = false;         // A partial write's answer names the lines it refused.
  std::uint32_t failures = 0;         // In a row, before this answer.
  std::uint32_t line_suspicions = 0;  // Canaries taken while this single line was not.
  bool is_suspect = false;            // A poisoned line is being looked for.
  bool create_tried = false;
  bool is_live = true;
  bool knows_taken = false;       // A line that the lane took is known.
  bool has_canary = false;        // One can be sent: that line, or one from behind.
  bool has_other_client = false;  // A line of another client can be sent.
  bool others_taken = false;      // Since its first failure the backend took other requests.
  bool clients_taken = false;     // ... since its client was refused, other clients'.
  bool clients_taken_lately = false;
  bool may_hold = true;  // The log has room for one more held lane.
};

enum class Step : std::uint8_t {
  kDelivered,       // The front batch is delivered.
  kNamedLines,      // It is but for the lines that the answer names: those are dead letters.
  kDeadLetter,      // All of it becomes dead letters.
  kHalve,           // Each half is sent on its own.
  kRetry,           // The same again, later; the whole backend waits.
  kWaitAlone,       // The same again, later; only this lane waits.
  kHold,            // The lane goes on hold.
  kCreate,          // Its database is created first.
  kSendCanary,      // Is it its lines? A canary is sent; the whole backend waits.
  kTryOtherClient,  // Is it its client? A line of another one is sent.
  kFirstLineApart,  // As kSendCanary, but its own first line is sent alone.
  kSendAgain,       // The same again, now.
};

// The back-off to wait by.
enum class Pace : std::uint8_t { kRetry, kProbe, kRest };

struct Decision {
  Step step = Step::kRetry;
  Pace pace = Pace::kRetry;
  WorkerState shown = WorkerState::kRetrying;
  bool cut_first = false;         // The front batch is cut to the size that is sent by now.
  bool fails_alone = false;       // kHold: others are taken; the reason says so.
  bool clears_backend = false;    // kHold: other lanes are taken, as far as is known.
  bool asks_for_clients = false;  // From here on other clients' requests are counted.

  friend bool operator==(const Decision&, const Decision&) = default;
};

class AnswerPolicy {
 public:
  struct Options {
    bool create_databases = false;
    bool passes_credentials = false;
  };

  explicit AnswerPolicy(const Options& options) : options_(options) {}

  // After the front batch was answered.
  Decision Decide(const LaneFacts& facts, const Verdict& verdict) const;

  // After a canary was answered that `suspicion`, the front batch's last verdict,
  // led to. `facts` are those of the front batch.
  Decision DecideOnCanary(const LaneFacts& facts, const Verdict& canary,
                          const Verdict& suspicion) const;

  // After the request to create the database was not answered.
  Decision DecideOnNoCreation(const LaneFacts& facts) const;

  // The canary's answer says nothing against the lane: whether its lines, or its
  // client, are at fault was found out.
  static bool IsTaken(const Verdict& canary);

 private:
  Decision Suspect(const LaneFacts& facts) const;
  Decision SuspectClient(const LaneFacts& facts, const Verdict& verdict) const;
  Decision HoldOrRetry(const LaneFacts& facts, const Verdict& verdict) const;

  Options options_;
};

}  // namespace relay
