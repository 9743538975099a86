// The only file that knows RocksDB. The settings follow what was measured on
// Debian's librocksdb 7.8.3; each says why where it is not the default.
#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "wal/crash_point.h"
#include "wal/rocks_checkpoint.h"
#include "wal/rocks_mend.h"
#include "wal/store.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

// In the order of Family; RocksDB insists on a "default" of its own, last.
constexpr std::array kFamilyNames = {"payloads", "entries", "held", "dead", "gaps", "state"};

constexpr std::size_t kSmallMemtable = 8U << 20U;
// An index entry per 64 KiB: tens of GB of payloads cost tens of MB of index.
constexpr std::size_t kPayloadBlock = 64U << 10U;
constexpr int kOpenFilesMax = 512;
constexpr std::uint64_t kWorthFlushing = 1U << 20U;
constexpr std::size_t kLongestKey = 64;  // Of the families that are discarded as a whole.
// Deleted rows of which a file has so many together are compacted away soon:
// what is held or dead is deleted row by row, and its payloads are large.
constexpr std::size_t kTombstoneWindow = 256;
constexpr std::size_t kTombstonesInWindow = 128;
constexpr std::size_t kKeyProtectionBytes = 8;

rocksdb::Slice ToSlice(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

ErrorCode CodeOf(const rocksdb::Status& status) {
  if (status.IsCorruption()) return ErrorCode::kCorruption;
  if (status.IsNoSpace()) return ErrorCode::kFull;
  return ErrorCode::kIo;
}

Status ToStatus(const rocksdb::Status& status) {
  if (status.ok()) return Ok();
  return Error(CodeOf(status), status.ToString());
}

// Recovering by itself lets the next write run into an assertion: the log
// closes and reopens instead.
class NoAutoRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

class NoLogFile final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// The engine's warnings, in the file LOG. Its own writer of that file ends the
// process at the second line that the disk does not take: a full disk would.
class WarningsFile final : public rocksdb::Logger {
 public:
  explicit WarningsFile(const std::string& directory)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL),
        file_(open((directory + "/LOG").c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600)) {}
  WarningsFile(const WarningsFile&) = delete;
  WarningsFile& operator=(const WarningsFile&) = delete;
  ~WarningsFile() override {
    if (file_ >= 0) close(file_);
  }

  using rocksdb::Logger::Logv;
  __attribute__((format(printf, 2, 0)))  // As RocksDB's own.
  void
  Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> line{};
    const int size = vsnprintf(line.data(), line.size() - 1, format, arguments);
    if (file_ < 0 || size <= 0) return;
    const std::size_t length = std::min(line.size() - 2, static_cast<std::size_t>(size));
    line.at(length) = '\n';
    static_cast<void>(!write(file_, line.data(), length + 1));  // A line less.
  }
  void LogHeader(const char*, va_list) override {}  // All settings, each time.

 private:
  int file_;
};

// Some file systems (tmpfs) refuse O_DIRECT only when the first file is made.
bool TakesDirectIo(const std::string& directory) {
  const std::string probe = directory + "/direct-io-probe";
  const int file = open(probe.c_str(), O_CREAT | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
  if (file < 0) return false;
  close(file);
  unlink(probe.c_str());
  return true;
}

rocksdb::DBOptions DatabaseOptions(const StoreOptions& options) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.track_and_verify_wals_in_manifest = true;
  db.paranoid_checks = true;
  db.allow_data_in_errors = false;  // Errors are shown; payloads must not be.
  db.max_bgerror_resume_count = 0;
  db.listeners = {std::make_shared<NoAutoRecovery>()};
  // Beyond it the oldest memtables are flushed: bounds recovery and what a
  // damaged WAL can hold; a family that is seldom written would otherwise pin
  // gigabytes.
  db.max_total_wal_size = options.file_size.count();
  db.max_open_files = kOpenFilesMax;
  db.bytes_per_sync = 1U << 20U;  // p99 of an append from 41 to 24 ms.
  db.max_background_jobs = 2;
  db.skip_stats_update_on_db_open = true;  // Reads every file otherwise.
  db.stats_dump_period_sec = 0;
  return db;
}

// What of each family nobody needs any more; see Store::Discard.
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

// Leaves out, wherever a file is written, what lies below the floors: no other
// deletes are needed, and no tombstones are left to read over.
class FloorFilter final : public rocksdb::CompactionFilter {
 public:
  explicit FloorFilter(Floors::ByPrefix floors) : floors_(std::move(floors)) {}

  // NOLINTNEXTLINE(readability-function-size): RocksDB's signature.
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice&, std::string*,
              bool*) const override {
    const auto below = [&key](const auto& floor) {
      return key.starts_with(floor.first) && ToView(key) < floor.second;
    };
    return std::any_of(floors_.begin(), floors_.end(), below);
  }
  const char* Name() const override { return "influxdb-relay.floors"; }

 private:
  const Floors::ByPrefix floors_;
};

class FloorFilters final : public rocksdb::CompactionFilterFactory {
 public:
  FloorFilters(std::shared_ptr<const Floors> floors, Family family)
      : floors_(std::move(floors)), family_(family) {}

  bool ShouldFilterTableFileCreation(rocksdb::TableFileCreationReason reason) const override {
    return reason == rocksdb::TableFileCreationReason::kFlush ||
           reason == rocksdb::TableFileCreationReason::kCompaction;
  }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<FloorFilter>(floors_->Of(family_));
  }
  const char* Name() const override { return "influxdb-relay.floors"; }

 private:
  const std::shared_ptr<const Floors> floors_;
  const Family family_;
};

rocksdb::ColumnFamilyOptions FamilyOptions(bool large_values, Bytes file_size) {
  rocksdb::ColumnFamilyOptions family;
  family.compression = rocksdb::kNoCompression;  // Records come compressed.
  family.bottommost_compression = rocksdb::kNoCompression;
  family.write_buffer_size = large_values ? file_size.count() : kSmallMemtable;
  family.target_file_size_base = file_size.count();
  rocksdb::BlockBasedTableOptions table;
  table.checksum = rocksdb::kXXH3;  // Debian's CRC32C is computed in software.
  table.format_version = 5;
  if (large_values) table.block_size = kPayloadBlock;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families(const StoreOptions& options,
                                                      const std::shared_ptr<const Floors>& floors) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(kFamilyNames.size() + 1);
  for (std::size_t i = 0; i < kFamilyNames.size(); ++i) {
    const auto family = static_cast<Family>(i);
    auto settings = FamilyOptions(family == Family::kPayloads, options.file_size);
    settings.compaction_filter_factory = std::make_shared<FloorFilters>(floors, family);
    if (family == Family::kHeld || family == Family::kDead) {
      settings.table_properties_collector_factories = {
          rocksdb::NewCompactOnDeletionCollectorFactory(kTombstoneWindow, kTombstonesInWindow)};
    }
    families.emplace_back(kFamilyNames.at(i), std::move(settings));
  }
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, FamilyOptions(false, options.file_size));
  return families;
}

using Handles = std::vector<rocksdb::ColumnFamilyHandle*>;

rocksdb::ColumnFamilyHandle* HandleOf(const Handles& handles, Family family) {
  return handles[static_cast<std::size_t>(family)];
}

class RocksBatch final : public StoreBatch {
 public:
  explicit RocksBatch(const Handles& handles)
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
  const Handles& handles_;
  rocksdb::WriteBatch batch_;
};

// The first damage that a read came upon.
class DamageNote {
 public:
  void Take(const rocksdb::Status& status) {
    if (!status.IsCorruption()) return;
    const std::lock_guard lock(mutex_);
    if (words_.empty()) words_ = status.ToString();
  }
  std::string words() const {
    const std::lock_guard lock(mutex_);
    return words_;
  }

 private:
  mutable std::mutex mutex_;
  std::string words_;
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
  RocksStore(std::unique_ptr<rocksdb::DB> db, Handles handles, std::shared_ptr<Floors> floors)
      : floors_(std::move(floors)), db_(std::move(db)), handles_(std::move(handles)) {}

  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;
  ~RocksStore() override {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) delete handle;
    // What was synced is on disk and what was not is allowed to be lost; there
    // is nobody left to tell that closing failed.
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
    if (!gone.ok() || !prefix.empty()) return gone;
    if (Status flushed = FlushWhatIsBelow(family, floor); !flushed.ok()) return flushed;
    return CompactFilesBelow(family, floor);
  }

  std::unique_ptr<StoreCursor> NewCursor(Family family) const override {
    rocksdb::ReadOptions options;
    options.fill_cache = false;  // A drain reads each block once.
    // The log has no range deletions. Where an iterator looks for them, RocksDB
    // before 8.6.3 loses the error of a file that it comes to within a level,
    // and leaves out the rest of that level (facebook/rocksdb#11782).
    options.ignore_range_deletions = true;
    return std::make_unique<RocksCursor>(
        std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, HandleOf(handles_, family))),
        damage_);
  }

  Status Checkpoint(const std::string& directory) const override {
    return ToStatus(CheckpointRocks(*db_, directory));
  }

  std::string Damage() const override { return damage_.words(); }

 private:
  // Where all that is in memory is below the floor, a flush writes no file, and
  // lets go of the WAL.
  Status FlushWhatIsBelow(Family family, std::string_view floor) {
    rocksdb::ColumnFamilyHandle* handle = HandleOf(handles_, family);
    std::uint64_t in_memory = 0;
    db_->GetIntProperty(handle, rocksdb::DB::Properties::kCurSizeActiveMemTable, &in_memory);
    if (in_memory < kWorthFlushing) return Ok();
    const std::unique_ptr<StoreCursor> last = NewCursor(family);
    last->SeekForPrevious(std::string(kLongestKey, '\xff'));
    if (!last->Valid() || last->Key() >= floor) return last->Health();
    rocksdb::FlushOptions options;
    options.allow_write_stall = true;  // Nobody is to wait for it.
    options.wait = false;
    return ToStatus(db_->Flush(options, handle));
  }

  // DeleteFilesInRange leaves out the newest level, where hundreds of megabytes
  // stay until there is enough for a compaction. One of only such files reads
  // them and writes nothing.
  Status CompactFilesBelow(Family family, std::string_view floor) {
    rocksdb::ColumnFamilyHandle* handle = HandleOf(handles_, family);
    rocksdb::ColumnFamilyMetaData files;
    db_->GetColumnFamilyMetaData(handle, &files);
    std::vector<std::string> below;
    for (const rocksdb::SstFileMetaData& file : files.levels.front().files) {
      if (file.being_compacted) return Ok();
      if (std::string_view(file.largestkey) < floor) below.push_back(file.name);
    }
    if (below.empty()) return Ok();
    rocksdb::CompactionOptions options;
    options.compression = rocksdb::kNoCompression;
    const rocksdb::Status done = db_->CompactFiles(options, handle, below, 1);
    // Another compaction took them first: they are looked at again.
    if (done.IsAborted() || done.IsInvalidArgument() || done.IsIncomplete()) return Ok();
    return ToStatus(done);
  }

  std::shared_ptr<Floors> floors_;
  std::unique_ptr<rocksdb::DB> db_;
  Handles handles_;
  mutable DamageNote damage_;
};

class RocksSideFile final : public SideFile {
 public:
  explicit RocksSideFile(std::unique_ptr<rocksdb::RandomRWFile> file) : file_(std::move(file)) {}

  Status WriteSynced(std::uint64_t at, std::string_view data) override {
    if (Status written = ToStatus(file_->Write(at, ToSlice(data))); !written.ok()) return written;
    PassCrashPoint(CrashPoint::kHighWaterWritten);
    Status synced = ToStatus(file_->Sync());
    PassCrashPoint(CrashPoint::kHighWaterSynced);
    return synced;
  }

 private:
  std::unique_ptr<rocksdb::RandomRWFile> file_;
};

// RocksDB has no code of its own for a directory that is taken: "lock hold by
// current process" of itself, "While lock file" with what fcntl said of another.
bool IsTaken(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() && (text.find("lock hold by current process") != std::string::npos ||
                                (text.find("While lock file") != std::string::npos &&
                                 text.ends_with("Resource temporarily unavailable")));
}

Error OpenError(const StoreOptions& options, const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (IsTaken(status)) {
    return {ErrorCode::kUnavailable,
            fmt::format("{} is in use by another process", options.directory)};
  }
  return {CodeOf(status), fmt::format("opening {}: {}", options.directory, text)};
}

Status MakeDirectory(const std::string& directory) {
  std::error_code failed;
  const bool created = fs::create_directories(directory, failed);
  if (!failed && created) fs::permissions(directory, fs::perms::owner_all, failed);
  if (!failed) return Ok();
  return Error(ErrorCode::kIo, fmt::format("creating {}: {}", directory, failed.message()));
}

}  // namespace

Result<std::unique_ptr<SideFile>> OpenSideFile(const std::string& path, rocksdb::Env* env) {
  if (env == nullptr) env = rocksdb::Env::Default();
  rocksdb::Status made = env->FileExists(path);
  if (made.IsNotFound()) {
    std::unique_ptr<rocksdb::WritableFile> empty;
    made = env->NewWritableFile(path, &empty, {});
  }
  std::unique_ptr<rocksdb::RandomRWFile> file;
  if (made.ok()) made = env->NewRandomRWFile(path, &file, {});
  if (!made.ok()) return Error(CodeOf(made), fmt::format("opening {}: {}", path, made.ToString()));
  return std::unique_ptr<SideFile>(std::make_unique<RocksSideFile>(std::move(file)));
}

namespace {

// One way after the other to open a store, the mildest first.
class Opening {
 public:
  explicit Opening(const StoreOptions& options) : options_(options) {
    rocks_.options = DatabaseOptions(options);
    rocks_.options.info_log = std::make_shared<WarningsFile>(options.directory);
    rocks_.options.use_direct_io_for_flush_and_compaction =
        options.env == nullptr && TakesDirectIo(options.directory);
    rocks_.families = Families(options, floors_);
  }

  Result<std::unique_ptr<Store>> Run() {
    if (options_.mending == nullptr) return Finish(Try());
    if (Status prepared = Prepare(); !prepared.ok()) return std::move(prepared).error();
    rocksdb::Status opened = Try();
    for (int i = 0; i < kRemediesMax && !opened.ok(); ++i) {
      Result<bool> changed = Remedy(opened);
      if (!changed.ok()) return std::move(changed).error();
      if (!changed.value()) break;
      opened = Try();
    }
    return Finish(opened);
  }

 private:
  // Each remedy but the first is for one file.
  static constexpr int kRemediesMax = 200;

  const StoreMending& mending() const { return *options_.mending; }
  void Alarm(std::string words) { alarms_.push_back(std::move(words)); }

  rocksdb::Status Try() {
    rocksdb::DB* db = nullptr;
    opened_.handles.clear();
    rocksdb::Status status = rocksdb::DB::Open(rocks_.options, options_.directory, rocks_.families,
                                               &opened_.handles, &db);
    db_.reset(db);
    opened_.db = db;
    return status;
  }

  // What must happen before RocksDB touches anything: it deletes what it has
  // recovered, and what it does not know.
  Status Prepare() {
    if (mending().first_open) {
      if (Status dropped = DropUnfinished(options_.directory); !dropped.ok()) return dropped;
    }
    if (mending().after_crash) {
      if (Status kept = Keep({".log", ".sst"}); !kept.ok()) return kept;
      PassCrashPoint(CrashPoint::kOpenKept);
    }
    Result<Mended> current = MendCurrent(options_.directory, alarms_);
    if (!current.ok()) return std::move(current).error();
    if (current.value() == Mended::kBeyondRepair) {
      if (Status repaired = Repair(); !repaired.ok()) return repaired;
    }
    PassCrashPoint(CrashPoint::kOpenMended);
    const std::optional<std::string> table = TableNamedIn(mending().because);
    if (!table) return Ok();
    forgotten_.insert(*table);
    Alarm(fmt::format("the database's file {}.sst is damaged: {}", *table, mending().because));
    if (Status gone = Forget(*table); !gone.ok()) Alarm(gone.error().message());
    return Ok();
  }

  // Whether something was done that makes it worth another try.
  Result<bool> Remedy(const rocksdb::Status& failed) {
    const std::string words = failed.ToString();
    // A disk that refuses is not damage: what it says now it may not say later.
    const bool missing = words.find("No such file") != std::string::npos;
    if (!failed.IsCorruption() && !failed.IsNotFound() && !missing) return false;
    if (const auto table = TableNamedIn(words); table && forgotten_.insert(*table).second) {
      Alarm(fmt::format("the database's file {}.sst is damaged or missing: {}", *table, words));
      return Done(Forget(*table));
    }
    if (!std::exchange(skipping_, true)) return Done(SkipDamagedWrites(words));
    if (!std::exchange(trimmed_, true)) {
      Result<Mended> trimmed = Trim();
      if (!trimmed.ok()) return std::move(trimmed).error();
      if (trimmed.value() == Mended::kMended) return true;
    }
    if (!repaired_) return Done(Repair());
    return false;
  }

  static Result<bool> Done(Status status) {
    if (!status.ok()) return std::move(status).error();
    return true;
  }

  Status SkipDamagedWrites(const std::string& words) {
    Alarm(fmt::format("the database does not open as it is: {}", words));
    rocks_.options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    rocks_.options.track_and_verify_wals_in_manifest = false;
    return Ok();
  }

  Result<Mended> Trim() {
    // An older list of tables makes RocksDB delete those it does not name.
    if (Status kept = Keep({".log", ".sst"}); !kept.ok()) return std::move(kept).error();
    return TrimManifest(options_.directory, alarms_);
  }

  Status Forget(const std::string& table) {
    return ForgetTable(options_.directory, mending().quarantine, table, rocks_);
  }

  // From the tables and WALs alone: reads all of them.
  Status Repair() {
    repaired_ = true;
    if (Status kept = Keep({".log", ".sst"}); !kept.ok()) return kept;
    Alarm("the database's list of its files is damaged; it was made anew from the files");
    return ToStatus(rocksdb::RepairDB(options_.directory, rocks_.options, rocks_.families));
  }

  Status Keep(const std::vector<std::string_view>& extensions) {
    Result<std::optional<std::string>> kept =
        KeepAside(options_.directory, mending().kept, extensions);
    if (!kept.ok()) return std::move(kept).error();
    if (kept.value()) kept_.push_back(*kept.value());
    return Ok();
  }

  Result<std::unique_ptr<Store>> Finish(const rocksdb::Status& opened) {
    if (!opened.ok()) return OpenError(options_, opened);
    PassCrashPoint(CrashPoint::kOpenDatabase);
    std::unique_ptr<Store> store =
        std::make_unique<RocksStore>(std::move(db_), opened_.handles, floors_);
    if (options_.mending == nullptr) return store;
    if (Status salvaged = Salvage(*store); !salvaged.ok()) return std::move(salvaged).error();
    PassCrashPoint(CrashPoint::kOpenSalvaged);
    if (alarms_.empty()) DropKept();
    if (mending().alarms != nullptr) {
      mending().alarms->insert(mending().alarms->end(), alarms_.begin(), alarms_.end());
    }
    return store;
  }

  Status Salvage(const Store& store) {
    for (const std::string& kept : kept_) {
      Status wals = SalvageWals(opened_, kept, skipping_ || repaired_, alarms_);
      if (!wals.ok()) return wals;
    }
    // A list of files that was cut between two records opens without a word.
    const bool whole = !mending().is_whole || mending().is_whole(store);
    if (!whole) Alarm("the database opened without all that it had");
    return alarms_.empty() ? Ok() : SalvageAll(whole);
  }

  Status SalvageAll(bool whole) {
    for (const std::string& kept : kept_) {
      if (!whole) {
        if (Status wals = SalvageWals(opened_, kept, true, alarms_); !wals.ok()) return wals;
      }
      if (Status tables = SalvageTables(opened_, kept, alarms_); !tables.ok()) return tables;
    }
    return forgotten_.empty() ? Ok() : SalvageTables(opened_, mending().quarantine, alarms_);
  }

  void DropKept() {
    for (const std::string& kept : kept_) {
      std::error_code ignored;  // Goes when the next ones are kept.
      fs::remove_all(kept, ignored);
    }
  }

  const StoreOptions& options_;
  const std::shared_ptr<Floors> floors_ = std::make_shared<Floors>();
  RocksFamilies rocks_;
  std::unique_ptr<rocksdb::DB> db_;
  OpenedRocks opened_;
  Alarms alarms_;
  std::vector<std::string> kept_;
  std::set<std::string> forgotten_;
  bool skipping_ = false;
  bool trimmed_ = false;
  bool repaired_ = false;
};

}  // namespace

Result<std::unique_ptr<Store>> OpenStore(const StoreOptions& options) {
  if (Status made = MakeDirectory(options.directory); !made.ok()) return std::move(made).error();
  return Opening(options).Run();
}

Result<std::unique_ptr<Store>> OpenStoreReadOnly(const StoreOptions& options) {
  std::error_code failed;
  if (!fs::exists(options.directory + "/CURRENT", failed) && !failed) {
    return Error(ErrorCode::kNotFound, fmt::format("there is no log in {}", options.directory));
  }
  rocksdb::DBOptions db_options = DatabaseOptions(options);
  db_options.create_if_missing = false;
  db_options.create_missing_column_families = false;
  db_options.info_log = std::make_shared<NoLogFile>();  // Not a byte is written.
  db_options.max_open_files = -1;  // All at once: a running relay deletes files.
  const auto floors = std::make_shared<Floors>();
  const auto families = Families(options, floors);
  rocksdb::DB* db = nullptr;
  Handles handles;
  rocksdb::Status opened;
  // A running relay may delete a file between the reading of the list of files
  // and the opening of it; the list is then read again.
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    opened = rocksdb::DB::OpenForReadOnly(db_options, options.directory, families, &handles, &db);
    if (opened.ok()) break;
  }
  if (!opened.ok()) return OpenError(options, opened);
  return std::unique_ptr<Store>(
      std::make_unique<RocksStore>(std::unique_ptr<rocksdb::DB>(db), std::move(handles), floors));
}

}  // namespace relay
