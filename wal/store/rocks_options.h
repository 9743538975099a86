// RocksDB options of the log's databases; for wal/store/rocks_*.cc only.
//
// The values follow measurements on Debian's librocksdb 7.8.3; each that differs from the default
// says why.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "wal/store/store.h"

namespace relay {

inline rocksdb::Slice ToSlice(std::string_view text) {
  return {text.data(), text.size()};
}

inline std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

ErrorCode CodeOf(const rocksdb::Status& status);
Status ToStatus(const rocksdb::Status& status);

// The floor of each family: rows below it are no longer needed; see Store::Discard. THREADS. Any
// number at once.
class Floors {
 public:
  using ByPrefix = std::map<std::string, std::string, std::less<>>;

  void Raise(Family family, std::string_view prefix, std::string_view floor) {
    const std::lock_guard lock(mutex_);
    std::string& known = floors_[family][std::string(prefix)];
    if (known < floor) known = floor;
  }
  ByPrefix Of(Family family) const {
    const std::lock_guard lock(mutex_);
    const auto found = floors_.find(family);
    return found == floors_.end() ? ByPrefix() : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<Family, ByPrefix> floors_;
};

using RocksHandles = std::vector<rocksdb::ColumnFamilyHandle*>;

inline rocksdb::ColumnFamilyHandle* HandleOf(const RocksHandles& handles, Family family) {
  return handles[static_cast<std::size_t>(family)];
}

rocksdb::DBOptions DatabaseOptions(const StoreOptions& options);

// In the order of Family, then RocksDB's own. New files leave out the rows below `floors`, which
// may rise at any time.
std::vector<rocksdb::ColumnFamilyDescriptor> FamiliesOf(
    const StoreOptions& options, const std::shared_ptr<const Floors>& floors);

// Discards the engine's messages and creates no file for them.
std::shared_ptr<rocksdb::Logger> NoEngineMessages();

// Writes the engine's warnings to the file LOG in the database's directory.
std::shared_ptr<rocksdb::Logger> EngineWarnings(const std::string& directory);

}  // namespace relay
