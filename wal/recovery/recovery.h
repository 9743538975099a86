// Compares a freshly opened database with the high-water mark and repairs what is
// missing: acknowledged records that it has lost become a stretch that readers
// cross and report, and numbering goes on behind it, so that no sequence is ever
// given twice.
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

// How many times the log was opened; a key of the `state` family.
inline constexpr std::string_view kEpochKey = "epoch";

struct Recovered {
  LoadedLog log;
  std::uint64_t epoch = 0;  // Of this opening, stored already.
  // Messages for the operator, a sentence each. Empty: nothing is missing.
  std::vector<std::string> alarms;
};

// Loads the log, raises an alarm for what it lacks of `known` and repairs it.
// nullopt: the database is believed. `alarms` are those of the store, when it was opened:
// where there are any, more may be gone than can be seen. Errors as LoadLog and
// Store::Write.
Result<Recovered> Recover(Store& store, const std::optional<HighWater>& known,
                          std::vector<std::string> alarms);

// Whether the store has all the records and openings that are known.
bool HasAll(const Store& store, const HighWater& known);

}  // namespace relay
