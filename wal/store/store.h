// An ordered, durable map of byte strings in named families: all that the log needs of a storage
// engine. Implemented over RocksDB in wal/store/rocks_*.cc.
//
// DURABILITY. A batch is applied whole or not at all. Write with kSynced returns ok only after an
// fdatasync that covers the batch and everything before it.
//
// THREADS. Any thread may read; one thread at a time may write.
//
// ERRORS. After a failed Write the store must be closed and reopened before the next one: a further
// write would abort inside the engine (measured). How much of the failed batch is on disk is
// unknown.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace rocksdb {
class Env;
}

namespace relay {

enum class Family : std::uint8_t { kPayloads, kEntries, kHeld, kDead, kGaps, kState };

enum class Durability : std::uint8_t { kSynced, kBuffered };

class StoreBatch {
 public:
  StoreBatch() = default;
  StoreBatch(const StoreBatch&) = delete;
  StoreBatch& operator=(const StoreBatch&) = delete;
  virtual ~StoreBatch() = default;

  virtual void Put(Family family, std::string_view key, std::string_view value) = 0;
  virtual void Delete(Family family, std::string_view key) = 0;
  virtual void Clear() = 0;
};

// A position in a family. For one thread; must be destroyed before its store.
class StoreCursor {
 public:
  StoreCursor() = default;
  StoreCursor(const StoreCursor&) = delete;
  StoreCursor& operator=(const StoreCursor&) = delete;
  virtual ~StoreCursor() = default;

  virtual void Seek(std::string_view key) = 0;             // To the first key >= `key`.
  virtual void SeekForPrevious(std::string_view key) = 0;  // To the last key <= `key`.
  virtual void Next() = 0;                                 // REQUIRES: Valid().
  virtual bool Valid() const = 0;
  virtual std::string_view Key() const = 0;    // REQUIRES: Valid(); until the next move.
  virtual std::string_view Value() const = 0;  // REQUIRES: Valid(); until the next move.
  virtual Status Health() const = 0;           // Not ok: not Valid() because of damage.
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual std::unique_ptr<StoreBatch> NewBatch() const = 0;
  virtual Status Write(StoreBatch& batch, Durability durability) = 0;
  virtual Result<std::optional<std::string>> Get(Family family, std::string_view key) const = 0;

  // Declares the keys that begin with `prefix` and sort before `floor` unneeded. Whole files of
  // them are deleted at once (without a prefix and of kDead, the newest files too), the rest when
  // their files are next rewritten; until then they may still be read. A floor holds until the
  // store is closed and never falls. REQUIRES: the state that makes them unneeded is synced.
  virtual Status Discard(Family family, std::string_view prefix, std::string_view floor) = 0;

  // Describes damage that a read found and that stays until the store is reopened with repair;
  // empty: none.
  virtual std::string Damage() const { return ""; }

  // Makes `directory` a store that holds everything synced before the call, and of later writes
  // those up to some moment during it. Files that no longer change are shared (hard links), the
  // others copied; all of it is on stable storage on return. This store does not change. From any
  // thread, even beside a Write. REQUIRES: `directory` is absolute and does not exist; its parent
  // does.
  virtual Status Checkpoint(const std::string& directory) const = 0;

  // Returns a cursor over the store as it is at the time of the call.
  virtual std::unique_ptr<StoreCursor> NewCursor(Family family) const = 0;
};

// Means to repair a damaged store so that it opens as far as possible.
struct StoreMending {
  std::string kept;         // Copies made before each opening; the newest two stay.
  std::string quarantine;   // Files the store could not read, for an operator.
  bool after_crash = true;  // The store was not closed cleanly, or that is unknown.
  // No store was ever opened here: an empty one is left from a first opening that failed.
  bool first_open = false;
  std::string because;  // The damage that closed the store; empty: none.
  // Checks that an opened store has everything known to be in it; empty: no check.
  std::function<bool(const Store&)> is_whole;
  std::vector<std::string>* alarms = nullptr;  // Receives each fault found, one sentence each.
};

struct StoreOptions {
  std::string directory;
  rocksdb::Env* env = nullptr;  // nullptr: the real one. Tests pass one that loses power.
  // Size of payload files: space is returned one whole file at a time.
  Bytes file_size = 64_MiB;
  // nullptr: a damaged store is refused, not repaired.
  const StoreMending* mending = nullptr;
};

// A file beside the store, on the same disk, overwritten in place.
class SideFile {
 public:
  SideFile() = default;
  SideFile(const SideFile&) = delete;
  SideFile& operator=(const SideFile&) = delete;
  virtual ~SideFile() = default;

  // Durable if it returns ok; otherwise part of the data may have been written.
  virtual Status WriteSynced(std::uint64_t at, std::string_view data) = 0;
};

// Creates the file if it does not exist. `env`: as in StoreOptions.
Result<std::unique_ptr<SideFile>> OpenSideFile(const std::string& path, rocksdb::Env* env);

// Opens the store, or creates it with its directory (mode 0700). With mending, a damaged store
// opens without what cannot be read and reports that in its alarms; nothing that anybody might
// still read is deleted. kUnavailable: another process has it open. kCorruption, kIo: the engine's
// error.
Result<std::unique_ptr<Store>> OpenStore(const StoreOptions& options);

// Opens an existing store without changing a byte, while another process may write to it; sees what
// that process has written by now. kNotFound: there is no store.
Result<std::unique_ptr<Store>> OpenStoreReadOnly(const StoreOptions& options);

}  // namespace relay
