// Store::Checkpoint for RocksDB; for wal/rocks_*.cc alone.
#pragma once

#include <rocksdb/db.h>

#include <string>

namespace relay {

rocksdb::Status CheckpointRocks(rocksdb::DB& db, const std::string& directory);

}  // namespace relay
