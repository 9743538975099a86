// The settings of a DurableLog: what is fixed while it is open, and the limits
// that may change meanwhile.
//
// THREADS. Values; LogTimes is written by the log's threads and read by anyone.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "wal/base/histogram.h"
#include "wal/base/types.h"
#include "wal/log.h"
#include "wal/reading/queue_reader.h"

namespace rocksdb {
class Env;
}

namespace relay {

struct LogTimes {
  std::function<std::chrono::nanoseconds()> now;  // Never steps; from any thread.
  Histogram appends;                              // From Append to a place on stable storage.
  Histogram syncs;                                // From the start of a batch to its sync.
};

// The limits of a log, which may change while it is open.
struct LogLimits {
  KeepPolicy keep = {};
  Bytes size_max = 64_GiB;  // On disk, all of the directory.
  Bytes free_min = 2_GiB;   // Left to others on the file system.
  WhenFull when_full = WhenFull::kRefuse;
};

struct LogOptions {
  std::string directory;        // The relay's log.path.
  rocksdb::Env* env = nullptr;  // See StoreOptions.

  // The longest time after which a moved cursor is on stable storage: bounds
  // what is sent again after a crash.
  std::chrono::milliseconds cursor_interval{100};
  // The size of one batch. Larger ones make a sync slower than the next one waits for.
  Bytes group_max = 8_MiB;
  // Memory of appends that wait for the committer: bounded when the disk is
  // slower than the clients.
  Bytes waiting_max = 128_MiB;
  // Lines kept in memory for the backends that keep up.
  Bytes recent_max = 32_MiB;
  LogLimits limits = {};     // Those that the log opens with.
  Bytes file_size = 64_MiB;  // See StoreOptions.
  std::chrono::milliseconds reopen_first{1'000};
  std::chrono::milliseconds reopen_max{30'000};
  // Counts how long appends and syncs take; it outlives the log.
  LogTimes* times = nullptr;
  // A batch that takes longer means that the disk hangs. From then on appends
  // are refused, so that clients go elsewhere. Not noticed without `times`.
  std::chrono::milliseconds stalled_after{10'000};
};

}  // namespace relay
