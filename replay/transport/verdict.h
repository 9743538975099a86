// Judges a backend's answer: what it means for the lines that were sent.
//
// A refusal is final only if its reason is about the lines: a type conflict, not line protocol, a
// limit of series or tag values, too old, a name that is not allowed. A message that speaks of the
// server (its disk, files, memory, shards) is a retry whatever the status.
//
// Judge is a pure function over a table; the table is read from the sources of
// InfluxDB 1.x, 2.x and 3.x and from their users' reports. The first row that
// matches decides.
//
// ERRORS. None: an attempt without an answer is judged too.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "replay/transport/transport.h"
#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/log.h"

namespace relay {

enum class Action : std::uint8_t {
  kDelivered,  // The backend has the lines.
  kPartial,    // It accepted them except some that it never will: find those.
  kSplit,      // It accepted none because of some: find those.
  kRetry,      // It cannot accept them now: send the same bytes again later.
  kHold,       // The configuration is wrong, not the data: stop, say why, probe slowly.
};

// The reason why a backend did not simply accept the lines.
enum class Cause : std::uint8_t {
  kNone,             // It accepted them.
  kOverloaded,       // It, or a proxy before it, has more to do than it can.
  kSaturated,        // It is at its limit and needs time to write out what it has.
  kBackendFault,     // It failed, and says that the fault is its own.
  kUnexplained,      // It failed without giving a reason: the lines may be the cause.
  kUnreachable,      // It did not answer.
  kBrokenOff,        // It ended the connection without an answer: the lines may be the cause.
  kMisconfigured,    // Its configuration here is wrong: waiting alone is unlikely to help.
  kCredentials,      // It does not let the sender write.
  kMissingDatabase,  // Only this database's lane must wait; so for the next one.
  kMissingPolicy,
  kRejectedLines,   // It will never accept some of the lines.
  kFieldDropped,    // It accepted a point without one of its fields.
  kUnknownRefusal,  // It refuses lines, and its reason is not in the table: not final by itself.
  kTooLarge,        // It does not accept a request this large.
};

// The consequences of a cause.
bool SlowsDown(Cause cause);       // Send more slowly from here on.
bool Rests(Cause cause);           // Leave the backend alone for longer.
bool MayCreate(Cause cause);       // Creating the database or retention policy may end it.
bool SuspectsPoison(Cause cause);  // One of the lines may make the backend fail.
bool ConcernsLane(Cause cause);    // Other lanes can go on; else the whole backend waits.

// The command that an operator would run to repair the cause or to find it.
enum class Command : std::uint8_t { kNone, kPing, kCreate };

// The description of a cause, one of a fixed set.
struct Explanation {
  std::string_view reason;
  std::string_view remedy = {};      // See Remedy(). Empty: nothing need be done.
  Command command = Command::kNone;  // Shown with the remedy.
};

struct Verdict {
  Action action = Action::kRetry;
  Cause cause = Cause::kNone;
  const Explanation* text = nullptr;         // Static; Judge never returns nullptr here.
  DeadReason reason = DeadReason::kRefused;  // For the lines that it will never accept.
  bool retry_first = false;                  // It will likely pass: retry unless it comes again.
  std::optional<std::chrono::milliseconds> retry_after =
      std::nullopt;  // The wait it asked for, at most kRetryAfterMax. nullopt: none.
  std::optional<PointCount> dropped =
      std::nullopt;  // Points of a partial write that it refused. nullopt: it does not say.
};

inline constexpr std::chrono::minutes kRetryAfterMax{5};

// `now`: a Retry-After date is measured from it.
Verdict Judge(const Result<Reply>& answer, WallTime now);

// Describes a line that a backend goes on refusing for a reason that is not known.
const Explanation& UnknownRefusal();

// Fills the names into a remedy.
std::string Remedy(std::string_view remedy, std::string_view backend, const WriteParams& params);

// Parses a Retry-After value: seconds, or a date as in "Sun, 06 Nov 1994 08:49:37 GMT".
// Never negative, at most kRetryAfterMax. nullopt: it is neither.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view text, WallTime now);

}  // namespace relay
