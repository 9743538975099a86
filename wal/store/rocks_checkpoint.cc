#include "wal/store/rocks_checkpoint.h"

#include <rocksdb/utilities/checkpoint.h>

#include <cstdint>
#include <limits>
#include <memory>

namespace relay {

// The WALs are taken as they are; nothing is flushed for the copy. A flush would
// write what the log is about to write anyway, but as small files of the newest
// level, which are then rewritten; and where the disk refuses it, the engine
// takes no writes any more: making a copy must not be able to close the log. It
// costs at most what the WALs may hold (max_total_wal_size).
rocksdb::Status CheckpointRocks(rocksdb::DB& db, const std::string& directory) {
  constexpr auto kNeverFlush = std::numeric_limits<std::uint64_t>::max();
  rocksdb::Checkpoint* made = nullptr;
  const rocksdb::Status can = rocksdb::Checkpoint::Create(&db, &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return can.ok() ? checkpoint->CreateCheckpoint(directory, kNeverFlush) : can;
}

}  // namespace relay
