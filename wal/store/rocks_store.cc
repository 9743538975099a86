#include "wal/store/rocks_store.h"

#include <rocksdb/convenience.h>
#include <rocksdb/write_batch.h>

#include <mutex>
#include <utility>
#include <vector>

#include "wal/base/crash_point.h"
#include "wal/store/rocks_checkpoint.h"

namespace relay {
namespace {

constexpr std::uint64_t kWorthFlushing = 1U << 20U;
constexpr std::size_t kLongestKey = 64;  // For the families that are discarded as a whole.
constexpr std::size_t kKeyProtectionBytes = 8;

class RocksBatch final : public StoreBatch {
 public:
  explicit RocksBatch(const RocksHandles& handles)
      : handles_(handles), batch_(0, 0, kKeyProtectionBytes, 0) {}

  void Put(Family family, std::string_view key, std::string_view value) override {
    const rocksdb::Status put =
        batch_.Put(HandleOf(handles_, family), ToSlice(key), ToSlice(value));
    INVARIANT(put.ok());  // Fails only for a batch over 4 GiB.
  }
  void Delete(Family family, std::string_view key) override {
    const rocksdb::Status gone = batch_.Delete(HandleOf(handles_, family), ToSlice(key));
    INVARIANT(gone.ok());
  }
  void Clear() override { batch_.Clear(); }

  rocksdb::WriteBatch& batch() { return batch_; }

 private:
  const RocksHandles& handles_;
  rocksdb::WriteBatch batch_;
};

// Keeps the first damage that a read found.
class DamageNote {
 public:
  void Take(const rocksdb::Status& status) {
    if (!status.IsCorruption()) return;
    const std::lock_guard lock(mutex_);
    if (message_.empty()) message_ = status.ToString();
  }
  std::string message() const {
    const std::lock_guard lock(mutex_);
    return message_;
  }

 private:
  mutable std::mutex mutex_;
  std::string message_;
};

class RocksCursor final : public StoreCursor {
 public:
  RocksCursor(std::unique_ptr<rocksdb::Iterator> at, DamageNote& damage)
      : at_(std::move(at)), damage_(damage) {}

  void Seek(std::string_view key) override { at_->Seek(ToSlice(key)); }
  void SeekForPrevious(std::string_view key) override { at_->SeekForPrev(ToSlice(key)); }
  void Next() override { at_->Next(); }
  bool Valid() const override { return at_->Valid(); }
  std::string_view Key() const override { return ToView(at_->key()); }
  std::string_view Value() const override { return ToView(at_->value()); }
  Status Health() const override {
    const rocksdb::Status status = at_->status();
    damage_.Take(status);
    return ToStatus(status);
  }

 private:
  std::unique_ptr<rocksdb::Iterator> at_;
  DamageNote& damage_;
};

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<rocksdb::DB> db, RocksHandles handles, std::shared_ptr<Floors> floors)
      : floors_(std::move(floors)), db_(std::move(db)), handles_(std::move(handles)) {}

  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;
  ~RocksStore() override {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) delete handle;
    // Synced data is on disk and unsynced data may be lost; nobody is left who could act on a
    // failed close.
    db_->Close().PermitUncheckedError();
  }

  std::unique_ptr<StoreBatch> NewBatch() const override {
    return std::make_unique<RocksBatch>(handles_);
  }

  Status Write(StoreBatch& batch, Durability durability) override {
    rocksdb::WriteOptions options;
    options.sync = durability == Durability::kSynced;
    return ToStatus(db_->Write(options, &static_cast<RocksBatch&>(batch).batch()));
  }

  Result<std::optional<std::string>> Get(Family family, std::string_view key) const override {
    std::string value;
    const rocksdb::Status got = db_->Get({}, HandleOf(handles_, family), ToSlice(key), &value);
    if (got.IsNotFound()) return std::optional<std::string>();
    damage_.Take(got);
    if (!got.ok()) return Error(CodeOf(got), got.ToString());
    return std::optional(std::move(value));
  }

  Status Discard(Family family, std::string_view prefix, std::string_view floor) override {
    floors_->Raise(family, prefix, floor);
    PassCrashPoint(CrashPoint::kDiscardFloorRaised);
    const rocksdb::Slice begin = ToSlice(prefix);
    const rocksdb::Slice end = ToSlice(floor);
    constexpr bool kIncludeEnd = false;
    Status gone = ToStatus(rocksdb::DeleteFilesInRange(db_.get(), HandleOf(handles_, family),
                                                       &begin, &end, kIncludeEnd));
    PassCrashPoint(CrashPoint::kDiscardFilesGone);
    const bool gives_back_newest = prefix.empty() || family == Family::kDead;
    if (!gone.ok() || !gives_back_newest) return gone;
    if (prefix.empty()) RETURN_IF_ERROR(FlushWhatIsBelow(family, floor));
    return CompactFilesBelow(family, prefix, floor);
  }

  std::unique_ptr<StoreCursor> NewCursor(Family family) const override {
    rocksdb::ReadOptions options;
    options.fill_cache = false;  // A drain reads each block once.
    // The log has no range deletions. Where an iterator looks for them, RocksDB before 8.6.3 loses
    // the error of a file that it reaches within a level and skips the rest of that level
    // (facebook/rocksdb#11782).
    options.ignore_range_deletions = true;
    return std::make_unique<RocksCursor>(
        std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, HandleOf(handles_, family))),
        damage_);
  }

  Status Checkpoint(const std::string& directory) const override {
    return ToStatus(CheckpointRocks(*db_, directory));
  }

  std::string Damage() const override { return damage_.message(); }

 private:
  // If everything in memory is below the floor, a flush writes no file and releases the WAL.
  Status FlushWhatIsBelow(Family family, std::string_view floor) {
    rocksdb::ColumnFamilyHandle* handle = HandleOf(handles_, family);
    std::uint64_t in_memory = 0;
    db_->GetIntProperty(handle, rocksdb::DB::Properties::kCurSizeActiveMemTable, &in_memory);
    if (in_memory < kWorthFlushing) return Ok();
    const std::unique_ptr<StoreCursor> last = NewCursor(family);
    last->SeekForPrevious(std::string(kLongestKey, '\xff'));
    if (!last->Valid() || last->Key() >= floor) return last->Health();
    rocksdb::FlushOptions options;
    options.allow_write_stall = true;  // No thread waits for this flush.
    options.wait = false;
    return ToStatus(db_->Flush(options, handle));
  }

  // DeleteFilesInRange skips the newest level, where hundreds of megabytes stay until there is
  // enough to compact. A compaction of only such files reads them and writes nothing.
  Status CompactFilesBelow(Family family, std::string_view prefix, std::string_view floor) {
    rocksdb::ColumnFamilyHandle* handle = HandleOf(handles_, family);
    rocksdb::ColumnFamilyMetaData files;
    db_->GetColumnFamilyMetaData(handle, &files);
    std::vector<std::string> below;
    for (const rocksdb::SstFileMetaData& file : files.levels.front().files) {
      if (file.being_compacted) return Ok();
      const bool is_below =
          std::string_view(file.smallestkey) >= prefix && std::string_view(file.largestkey) < floor;
      if (is_below) below.push_back(file.name);
    }
    if (below.empty()) return Ok();
    rocksdb::CompactionOptions options;
    options.compression = rocksdb::kNoCompression;
    const rocksdb::Status done = db_->CompactFiles(options, handle, below, 1);
    // Another compaction took these files first: the next call checks them again.
    if (done.IsAborted() || done.IsInvalidArgument() || done.IsIncomplete()) return Ok();
    return ToStatus(done);
  }

  std::shared_ptr<Floors> floors_;
  std::unique_ptr<rocksdb::DB> db_;
  RocksHandles handles_;
  mutable DamageNote damage_;
};

}  // namespace

std::unique_ptr<Store> StoreOn(std::unique_ptr<rocksdb::DB> db, RocksHandles handles,
                               std::shared_ptr<Floors> floors) {
  return std::make_unique<RocksStore>(std::move(db), std::move(handles), std::move(floors));
}

}  // namespace relay
