// Compares a freshly opened database with the high-water mark and repairs what is missing:
// acknowledged records that it lost become a range that readers skip and report, and numbering
// continues behind it, so that no sequence is assigned twice.
//
// DURABILITY. All repairs are written in one synced batch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/reading/load.h"
#include "wal/recovery/high_water.h"
#include "wal/store/store.h"

namespace relay {

// Counts how often the log was opened; a key of the `state` family.
inline constexpr std::string_view kEpochKey = "epoch";

struct Recovered {
  LoadedLog log;
  std::uint64_t epoch = 0;  // The number of this opening, already stored.
  // Messages for the operator, a sentence each. Empty: nothing is missing.
  std::vector<std::string> alarms;
};

// How this opening gives numbers to writes: by itself, in a life of its own (wal/record/lives.h),
// or as the order of several relays says, the same numbers as they.
enum class Numbering : bool { kOwn, kShared };

// Loads the log, raises an alarm for what it lacks compared with `known` and repairs it, and begins
// a life of the log. nullopt: trust the database. `alarms` are the store's, from opening it: if
// there are any, more may be missing than can be seen. Errors as LoadLog and Store::Write.
struct Recovery {
  std::optional<HighWater> known;
  std::vector<BackendId> backends;  // The configured ones: none of them was forgotten.
  Numbering numbering = Numbering::kOwn;
};
Result<Recovered> Recover(Store& store, const Recovery& recovery, std::vector<std::string> alarms);

// Returns whether the store has all known records and openings.
bool HasAll(const Store& store, const HighWater& known);

}  // namespace relay
