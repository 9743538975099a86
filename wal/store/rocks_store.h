// The store on an open database. RocksDB's own, for wal/rocks_*.cc alone.
#pragma once

#include <rocksdb/db.h>

#include <memory>

#include "wal/store/rocks_options.h"
#include "wal/store/store.h"

namespace relay {

// `handles` as FamiliesOf has them, of `db`; `floors` are those that the
// families were set up with.
std::unique_ptr<Store> StoreOn(std::unique_ptr<rocksdb::DB> db, RocksHandles handles,
                               std::shared_ptr<Floors> floors);

}  // namespace relay
