#include "wal/store/rocks_checkpoint.h"

#include <rocksdb/utilities/checkpoint.h>

#include <cstdint>
#include <limits>
#include <memory>

namespace relay {

// The WALs are copied as they are; nothing is flushed for the copy. A flush would write early what
// the log is about to write anyway, as small level-0 files that are then rewritten. If the disk
// refused it, the engine would accept no more writes: making a copy must never close the log. The
// price is a checkpoint larger by at most max_total_wal_size.
rocksdb::Status CheckpointRocks(rocksdb::DB& db, const std::string& directory) {
  constexpr auto kNeverFlush = std::numeric_limits<std::uint64_t>::max();
  rocksdb::Checkpoint* made = nullptr;
  const rocksdb::Status can = rocksdb::Checkpoint::Create(&db, &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return can.ok() ? checkpoint->CreateCheckpoint(directory, kNeverFlush) : can;
}

}  // namespace relay
