// An ordered, durable map of byte strings in named families: the little that
// the log needs of a storage engine. Implemented over RocksDB in wal/rocks_*.cc.
//
// DURABILITY. A batch is applied whole or not at all. Write with kSynced
// returns ok only after an fdatasync that covers it and all before it.
//
// THREADS. Reads from any thread; Write from one thread at a time.
//
// ERRORS. After a Write that failed, the store must be closed and opened again
// before the next one: writing on would abort inside the engine (reliability,
// measured), and what of the failed batch is on disk is unknown.
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

// A place in a family. One thread; must go before its store does.
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
  virtual Status Health() const = 0;           // Not ok: invalid because of damage.
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

  // Nobody will ask again for the keys that begin with `prefix` and sort before
  // `floor`: whole files of them go at once (without a prefix, the newest files
  // too), the rest when their files are next rewritten; until then they may
  // still be read. A floor holds until the store
  // is closed and never falls. REQUIRES: that they are not needed is synced.
  virtual Status Discard(Family family, std::string_view prefix, std::string_view floor) = 0;

  // What a read came upon that stays until the store is opened anew, with
  // mending; empty: nothing.
  virtual std::string Damage() const { return ""; }

  // Makes `directory` a store that holds all that was synced before the call,
  // and what else was written up to some moment of it. Files that do not change
  // any more are shared (hard links), the others copied; all of it is on stable
  // storage when it returns. Nothing of this store changes. From any thread,
  // beside a Write. REQUIRES: `directory` is absolute and not there, its parent is.
  virtual Status Checkpoint(const std::string& directory) const = 0;

  // Sees the store as it was at the call.
  virtual std::unique_ptr<StoreCursor> NewCursor(Family family) const = 0;
};

// What may be done so that a damaged store opens as far as it can.
struct StoreMending {
  std::string kept;         // Copies from before an opening; the newest two stay.
  std::string quarantine;   // What the store could not read, for an operator.
  bool after_crash = true;  // The store was not closed in order, or it is not known.
  // No store was ever opened here: one that holds nothing is what is left of a
  // first opening that failed.
  bool first_open = false;
  std::string because;  // What a store that had to be closed said, or empty.
  // Whether an opened store has all that is known of it; none: it is believed.
  std::function<bool(const Store&)> is_whole;
  std::vector<std::string>* alarms = nullptr;  // Gets what was wrong, a sentence each.
};

struct StoreOptions {
  std::string directory;
  rocksdb::Env* env = nullptr;  // nullptr: the machine's own. Tests lose power with theirs.
  // Of payloads: what is given back at once is whole files.
  Bytes file_size = 64_MiB;
  // nullptr: a damaged store is refused.
  const StoreMending* mending = nullptr;
};

// A file beside the store, on the same disk, overwritten in place.
class SideFile {
 public:
  SideFile() = default;
  SideFile(const SideFile&) = delete;
  SideFile& operator=(const SideFile&) = delete;
  virtual ~SideFile() = default;

  // On stable storage when it returns ok; else it may be there in part.
  virtual Status WriteSynced(std::uint64_t at, std::string_view data) = 0;
};

// Makes the file where it is not there. `env` as in StoreOptions.
Result<std::unique_ptr<SideFile>> OpenSideFile(const std::string& path, rocksdb::Env* env);

// Opens the store, or creates it with its directory (mode 0700). With mending, a
// damaged one opens without what cannot be read, its alarms say so, and nothing
// that somebody might still read is deleted. kUnavailable: another process has
// it open. kCorruption, kIo: what the engine said.
Result<std::unique_ptr<Store>> OpenStore(const StoreOptions& options);

// Opens what is there without changing a byte, while another process may write
// to it; sees what that process had written at this moment. kNotFound: none.
Result<std::unique_ptr<Store>> OpenStoreReadOnly(const StoreOptions& options);

}  // namespace relay
