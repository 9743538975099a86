// Store::Checkpoint for RocksDB; for rocks_store.cc alone.
#pragma once

#include <rocksdb/db.h>

#include <string>

namespace relay {

rocksdb::Status CheckpointRocks(rocksdb::DB& db, const std::string& directory);

}  // namespace relay
