// Reading a log out of a store: what an inspector and the running log have in
// common. Nothing here writes.
//
// THREADS. As the store: any number at once.
//
// ERRORS. kCorruption where the store or a value of the `state` family is
// damaged; a damaged record is no error but a StoredRecord that says so.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "wal/log.h"
#include "wal/recent_records.h"
#include "wal/run.h"
#include "wal/store.h"

namespace relay {

// What a log remembers between two runs of the program.
struct LoadedLog {
  Runs runs;
  std::uint32_t last_backend = 0;  // The highest number ever given to a name.
  PayloadId last_payload{0};
};

// The heads are derived from the entries, never stored. kInvalidInput: the
// store was written by another version of the format; it says which.
Result<LoadedLog> LoadLog(const Store& store);

// How long delivered records are kept for a rewind: whichever ends first.
struct KeepPolicy {
  std::chrono::nanoseconds time = std::chrono::hours(24);
  Bytes size = 8_GiB;  // As stored, for each backend.
};

class RunReader {
 public:
  // `run` is a copy: marks and sums of one moment. The store outlives the
  // reader, and so does `recent`, where there is one.
  RunReader(const Store& store, Run run, const RecentRecords* recent = nullptr)
      : store_(store), run_(run), recent_(recent) {}

  Result<std::vector<StoredRecord>> Read(Sequence after, ReadLimit limit) const;
  Result<Figures> ReadFigures() const;
  Result<Sequence> LastBefore(WallTime time) const;
  Result<std::vector<StoredDeadLetter>> ReadDead(std::uint64_t after, std::size_t count_max) const;

  // Up to where delivered records need not be kept; never beyond the cursor,
  // never before what is trimmed.
  Result<Position> TrimTarget(const KeepPolicy& keep, WallTime now) const;

  // Of the oldest record that is kept or owed; nothing where there is none.
  Result<std::optional<PayloadId>> FirstPayload() const;

 private:
  template <typename Wanted>
  Result<Sequence> LastWhere(const Wanted& wanted) const;
  Result<Entry> ReadEntry(Sequence sequence) const;
  Totals SizeOfStretch(Sequence before, const Position& end) const;
  std::optional<Totals> TotalsAt(Sequence sequence) const;

  const Store& store_;
  Run run_;
  const RecentRecords* recent_;
};

// A log on disk for inspection, be it in use by a relay or a copy. `directory`
// is the relay's `log.path`. kNotFound: there is no log.
Result<std::unique_ptr<LogView>> OpenLogView(const std::string& directory);

// Where the database lies inside the relay's `log.path`, which also has room
// for what must not depend on the database.
std::string StoreDirectory(const std::string& log_path);

}  // namespace relay
