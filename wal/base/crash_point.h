// Places with a name in which a test can kill the process, between any two steps
// of what changes a log: wherever it dies, a log must open again with all that it
// answered for.
//
// A point is declared in the table below and nowhere else; for each of them
// tests/power/crash_point_test.cc has a test of that name.
//
// COST. One relaxed load.
//
// THREADS. Points are passed by any; armed before there are others.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

// POINT(identifier, name): the verb or the part of the log, then what was done last.
#define RELAY_CRASH_POINTS(POINT)                    \
  POINT(kAppendQueued, "append/queued")              \
  POINT(kAdvanceMoved, "advance/moved")              \
  POINT(kChangePlanned, "change/planned")            \
  POINT(kChangeQueued, "change/queued")              \
  POINT(kCommitTaken, "commit/taken")                \
  POINT(kCommitStaged, "commit/staged")              \
  POINT(kCommitSynced, "commit/synced")              \
  POINT(kCommitPublished, "commit/published")        \
  POINT(kCommitAnswered, "commit/answered")          \
  POINT(kTrimFound, "trim/found")                    \
  POINT(kTrimMarked, "trim/marked")                  \
  POINT(kTrimEntriesGone, "trim/entries-gone")       \
  POINT(kTrimPayloadsGone, "trim/payloads-gone")     \
  POINT(kDiscardFloorRaised, "discard/floor-raised") \
  POINT(kDiscardFilesGone, "discard/files-gone")     \
  POINT(kForgetMarked, "forget/marked")              \
  POINT(kForgetGone, "forget/gone")                  \
  POINT(kHighWaterWritten, "high-water/written")     \
  POINT(kHighWaterSynced, "high-water/synced")       \
  POINT(kFileDrafted, "file/drafted")                \
  POINT(kFileRenamed, "file/renamed")                \
  POINT(kFileInPlace, "file/in-place")               \
  POINT(kOpenLocked, "open/locked")                  \
  POINT(kOpenMarkRead, "open/mark-read")             \
  POINT(kOpenKept, "open/kept")                      \
  POINT(kOpenMended, "open/mended")                  \
  POINT(kOpenDatabase, "open/database")              \
  POINT(kOpenSalvaged, "open/salvaged")              \
  POINT(kOpenRecovered, "open/recovered")            \
  POINT(kOpenRegistered, "open/registered")          \
  POINT(kOpenAdopted, "open/adopted")                \
  POINT(kOpenHighWater, "open/high-water")           \
  POINT(kOpenNamed, "open/named")                    \
  POINT(kUpgradeStaged, "upgrade/staged")            \
  POINT(kUpgradeWritten, "upgrade/written")          \
  POINT(kUpgradeNamed, "upgrade/named")              \
  POINT(kReopenClosed, "reopen/closed")              \
  POINT(kReopenDatabaseGone, "reopen/database-gone") \
  POINT(kReopenOpened, "reopen/opened")              \
  POINT(kCloseDrained, "close/drained")              \
  POINT(kCloseDatabaseGone, "close/database-gone")   \
  POINT(kCloseMarked, "close/marked")                \
  POINT(kCheckpointBegun, "checkpoint/begun")        \
  POINT(kCheckpointMarked, "checkpoint/marked")      \
  POINT(kCheckpointStored, "checkpoint/stored")      \
  POINT(kCheckpointCopied, "checkpoint/copied")      \
  POINT(kCheckpointNamed, "checkpoint/named")        \
  POINT(kCheckpointRenamed, "checkpoint/renamed")

namespace relay {

enum class CrashPoint : std::uint8_t {
  kNone,
#define RELAY_DECLARE(identifier, name) identifier,
  RELAY_CRASH_POINTS(RELAY_DECLARE)
#undef RELAY_DECLARE
};

// Its name; "none".
std::string_view ToString(CrashPoint point);

std::optional<CrashPoint> CrashPointNamed(std::string_view name);

// For tests: the process kills itself where it passes the point for the `pass`th
// time from here on. REQUIRES: pass > 0.
void ArmCrashPoint(CrashPoint point, std::uint64_t pass);

namespace crash_point {

inline std::atomic<CrashPoint>& Armed() {
  static constinit std::atomic<CrashPoint> armed = CrashPoint::kNone;
  return armed;
}

void PassArmed();

}  // namespace crash_point

inline void PassCrashPoint(CrashPoint point) {
  if (crash_point::Armed().load(std::memory_order_relaxed) == point) [[unlikely]] {
    crash_point::PassArmed();
  }
}

}  // namespace relay
