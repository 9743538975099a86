// The settings of a DurableLog: some are fixed while it is open, the limits may change.
//
// THREADS. Values; the log's threads write LogTimes, any thread reads it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "wal/base/clock.h"
#include "wal/base/histogram.h"
#include "wal/base/types.h"
#include "wal/log.h"
#include "wal/order/order.h"
#include "wal/reading/queue_reader.h"

namespace rocksdb {
class Env;
}

namespace relay {

struct LogTimes {
  std::function<std::chrono::nanoseconds()> now;  // A steady clock; called from any thread.
  Histogram appends;                              // From Append until it is on stable storage.
  Histogram syncs;                                // From the start of a batch to its sync.
};

// The budget of dead letters, of all backends together: beyond it the oldest are removed.
struct DeadLetterLimits {
  std::optional<Bytes> size;                    // nullopt: a tenth of what the log may take.
  std::optional<std::chrono::nanoseconds> age;  // nullopt: they are kept for any time.
};

// The limits of a log, which may change while it is open.
struct LogLimits {
  KeepPolicy keep = {};
  Bytes size_max = 64_GiB;  // On disk, all of the directory.
  // To leave free on the file system. nullopt: a tenth of it, 2 GiB at most.
  std::optional<Bytes> free_min;
  DeadLetterLimits dead = {};
  WhenFull when_full = WhenFull::kRefuse;
};

// A log that has the same contents as those of other relays: what it appends and changes goes
// through an order first.
struct SharedLogOptions {
  Order* order = nullptr;  // They outlive the log.
  Clock* clock = nullptr;
  std::string relay;    // Unique among the relays.
  std::string address;  // The URL of this relay's admin port, for the others; empty: none.
  // A relay that delivers to a backend and gives no sign for so long is replaced.
  std::chrono::milliseconds takeover{3'500};
  // The relays that must have a write on their disks before it is answered, this one included. If
  // fewer are in sync, it is answered by those; `strict`: it is refused.
  std::size_t copies = 1;
  bool copies_strict = false;
  // A message that has not come back for so long is sent again.
  std::chrono::milliseconds repeat_after{1'500};
};

struct LogOptions {
  std::string directory;        // The relay's log.path.
  rocksdb::Env* env = nullptr;  // See StoreOptions.

  // The longest time until a moved cursor is on stable storage: bounds what is sent
  // again after a crash.
  std::chrono::milliseconds cursor_interval{100};
  // The size of one batch. Larger batches only make their sync, and so the next batch, wait longer.
  Bytes group_max = 8_MiB;
  // The memory of appends that wait for the committer: bounds it when the disk is
  // slower than the clients.
  Bytes waiting_max = 128_MiB;
  // Lines kept in memory for the backends that keep up.
  Bytes recent_max = 32_MiB;
  LogLimits limits = {};     // The initial ones; see DurableLog::SetLimits.
  Bytes file_size = 64_MiB;  // See StoreOptions.
  // Kept of the disk, to be able to open the log on a disk that others have filled.
  Bytes reserve{0};
  std::chrono::milliseconds reopen_first{1'000};
  std::chrono::milliseconds reopen_max{30'000};
  // Counts how long appends and syncs take; it outlives the log.
  LogTimes* times = nullptr;
  // A batch that takes longer means that the disk hangs: appends are then refused, so that
  // clients go elsewhere. Not noticed without `times`.
  std::chrono::milliseconds stalled_after{10'000};
  std::optional<SharedLogOptions> shared = {};  // nullopt: the log is this relay's alone.
};

}  // namespace relay
