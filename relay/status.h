// What there is to know of a relay at one moment, the same whether it is asked
// over the admin port or read from the data directory of one that is down.
//
// THREADS. Values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wal/log.h"
#include "wal/result.h"

namespace relay {

struct BackendStatus {
  std::string name;
  std::string state;  // In words; "not running" when read from the directory.
  std::string why;    // Empty while all is well.
  std::string last_answer;
  std::optional<WallTime> since;  // When the state began.
  Figures figures;
};

struct RelayStatus {
  std::string version;
  WallTime now;
  bool running = false;
  std::string log_path;
  std::string log_failure;              // Empty: appends are taken.
  std::vector<std::string> log_alarms;  // Damage that was found, a sentence each.
  DiskUse disk;                         // All zero when read from the directory.
  std::vector<BackendStatus> backends;
};

// The age of the oldest record that is owed; zero if nothing is.
std::chrono::nanoseconds OldestOwedAge(const BackendStatus& backend, WallTime now);

// The JSON of `/api/v1/status` and of `status --json`, one line.
std::string ToJson(const RelayStatus& status);

// kInvalidInput: not such a document.
Result<RelayStatus> StatusFromJson(const std::string& json);

// For a person: a row per backend, then what is wrong with those where
// something is.
std::string ToTable(const RelayStatus& status);

// From the log in `path`, with no relay running. Errors as OpenLogView.
Result<RelayStatus> OfflineStatus(const std::string& path, WallTime now);

// The figures of a log for each of its backends; a backend whose figures cannot
// be read says so in its `why`.
std::vector<BackendStatus> BackendStatuses(const LogView& log);

// "2026-11-23T20:15:00Z"; with nanoseconds where they are not zero.
std::string ToRfc3339(WallTime time);

}  // namespace relay
