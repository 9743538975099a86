// Store over an open RocksDB database; for wal/store/rocks_*.cc only.
#pragma once

#include <rocksdb/db.h>

#include <memory>

#include "wal/store/rocks_options.h"
#include "wal/store/store.h"

namespace relay {

// REQUIRES: `handles` belong to `db`, in the order of FamiliesOf; `floors` are those the families
// were set up with.
std::unique_ptr<Store> StoreOn(std::unique_ptr<rocksdb::DB> db, RocksHandles handles,
                               std::shared_ptr<Floors> floors);

}  // namespace relay
