// What a backend's answer means for the lines that were sent.
//
// Judge is a pure function over a table; the table is read from the sources of
// InfluxDB 1.x, 2.x and 3.x and from what their users ran into. The first row
// that matches decides.
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
  kPartial,    // It has them but for some that it will never take: find those.
  kSplit,      // It took none of them because of some: find those.
  kRetry,      // It cannot take them now: the same bytes again, later.
  kHold,       // The set-up is wrong, not the data: stop, say why, probe slowly.
};

// Whom a hold concerns.
enum class Concerns : std::uint8_t {
  kBackend,  // Nothing can be delivered: wrong URL, wrong credentials.
  kLane,     // One database or retention policy is missing; others can go on.
};

// What a person would run to mend it or to see what is wrong.
enum class Command : std::uint8_t { kNone, kPing, kCreate };

struct Verdict {
  Action action = Action::kRetry;
  std::string_view why;                      // For a person; one of a fixed set.
  std::string_view remedy = {};              // What a person can do; see Remedy ...
  Command command = Command::kNone;          // ... and what for a shell goes with it.
  Concerns concerns = Concerns::kBackend;    // Of a hold.
  bool of_credentials = false;               // Of a hold: who asks may not write.
  bool may_create = false;                   // The hold ends once the database is created.
  bool of_the_set_up = false;                // Of a retry: waiting alone will hardly mend it.
  bool overloaded = false;                   // Of a retry: send more slowly from here on.
  bool poison_suspected = false;             // Of a retry: it may be these lines that fail it.
  DeadReason reason = DeadReason::kRefused;  // Of the lines it will never take.
  bool too_large = false;                    // The request was: send less at once.
  bool try_again_first = false;              // May pass: a retry unless it comes again.
  bool rest_long = false;                    // The backend is at its limit.
  std::optional<std::chrono::milliseconds> retry_after =
      std::nullopt;  // As it asked, at most kRetryAfterMax.
  std::optional<PointCount> dropped =
      std::nullopt;  // How many points of a partial write it refused.
};

inline constexpr std::chrono::minutes kRetryAfterMax{5};

// `now` gives a Retry-After date its length.
Verdict Judge(const Result<Reply>& answer, WallTime now);

// What a person can do, with the names filled in.
std::string Remedy(std::string_view remedy, std::string_view backend, const WriteParams& params);

// A Retry-After value: seconds, or a date as in "Sun, 06 Nov 1994 08:49:37 GMT".
// Nothing where it is neither; never negative, at most kRetryAfterMax.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view text, WallTime now);

}  // namespace relay
