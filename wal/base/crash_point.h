// Named places at which a test can kill the process, between any two steps that change a log.
// Wherever it dies, the log must open again with everything it acknowledged. Every point is
// declared in the table below and nowhere else; tests/power/crash_point_test.cc has a test named
// after each.
//
// COST. One relaxed load.
//
// THREADS. Any thread may pass a point; arm one before other threads start.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

// POINT(identifier, name): the name is the verb or the part of the log, then the last step done.
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
  POINT(kDeadRemoved, "dead/removed")                \
  POINT(kDeadRowsGone, "dead/rows-gone")             \
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

// Returns the point's name, or "none".
std::string_view ToString(CrashPoint point);

std::optional<CrashPoint> CrashPointNamed(std::string_view name);

// For tests: the process kills itself when it passes the point for the `pass`th time from now on.
// REQUIRES: pass > 0.
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
