// The commands that operators give a log (Log::Execute), each for the queue of one backend.
//
// DURABILITY. A command changes everything it names in one step, on stable storage when Execute
// returns.
//
// THREADS. Values.
//
// ERRORS. kNotFound from any command: the log does not know the backend. A failed command changes
// nothing, except where Execute answers kUnavailable: the change may turn out to be stored.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "wal/base/types.h"
#include "wal/record/model.h"

namespace relay {

// Makes everything after `to` owed again; held records among it leave their lanes.
// kInvalidInput: `to` is not within [trimmed, cursor]; the message names the range. `partial`: it
// may be lower; everything that is kept is owed again, and the rest becomes a gap of the reason
// kNotKept.
struct Rewind {
  Sequence to = Sequence::BeforeFirst();
  bool partial = false;
  std::optional<WallTime> since = {};  // Only what was accepted from then on is wanted.
  Actor actor = {};                    // For the gap.
};

// Gives up what is owed up to `to`: it becomes a gap.
// kInvalidInput: `to` is not within (cursor, head]; the message names the range.
struct Skip {
  Sequence to = Sequence::BeforeFirst();
  Actor actor;
};

// Gives up everything that the lane holds: it becomes a gap. kNotFound: the lane holds nothing.
struct SkipHeld {
  Lane lane;
  Actor actor;
};

// Holds the lane's records from now on. kFull: more than Log::kHeldLanesMax lanes would be held.
struct HoldLane {
  Lane lane;
};

// Lets the lane's records be delivered again. kNotFound: no operator holds the lane.
struct ReleaseLane {
  Lane lane;
};

// Makes dead letters of the lines that the backend refuses, for whatever reason, until the lane
// holds nothing any more. kNotFound: the lane holds nothing.
struct GiveUpRefused {
  Lane lane;
};

// Stops or resumes all deliveries to the backend.
struct SetPaused {
  bool paused = false;
};

// Deletes dead letters; they become a gap of the reason kDeadDropped, and their points stay counted
// as dead. kNotFound: one of them does not exist.
struct DropDead {
  std::vector<std::uint64_t> numbers;
  Actor actor = {};
};

// Accepts the lines of dead letters once more, as new records of this backend alone, and deletes
// the letters. kNotFound: as DropDead. kInvalidInput: more than kBytesMax, or a letter without
// lines. kFull, kUnavailable: as Append.
struct Redrive {
  static constexpr Bytes kBytesMax = 64_MiB;  // The lines in one command.

  std::vector<std::uint64_t> numbers;
  WallTime now;
};

// Deletes everything of a backend that is no longer configured, its dead letters and gaps too.
// kInvalidInput: the backend is configured.
struct Forget {};

using LogCommand = std::variant<Rewind, Skip, SkipHeld, HoldLane, ReleaseLane, GiveUpRefused,
                                SetPaused, DropDead, Redrive, Forget>;

struct CommandResult {
  std::optional<Marks> marks;  // Rewind: the marks after it. nullopt: another command.
  std::optional<Gap> gap;      // Written in the gap ledger. nullopt: nothing was given up.
};

}  // namespace relay
