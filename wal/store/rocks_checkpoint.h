// Store::Checkpoint for RocksDB; for wal/store/rocks_*.cc only.
#pragma once

#include <rocksdb/db.h>

#include <string>

namespace relay {

rocksdb::Status CheckpointRocks(rocksdb::DB& db, const std::string& directory);

}  // namespace relay
