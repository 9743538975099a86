// Opens the store: as it is, repaired, or read-only.
#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/db.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "wal/base/crash_point.h"
#include "wal/base/files.h"
#include "wal/store/rocks_options.h"
#include "wal/store/rocks_repair.h"
#include "wal/store/rocks_store.h"
#include "wal/store/rocks_table_check.h"
#include "wal/store/store.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

// Some file systems (tmpfs) refuse O_DIRECT only when the first file is created.
bool SupportsDirectIo(const std::string& directory) {
  const std::string probe = directory + "/direct-io-probe";
  const int file = open(probe.c_str(), O_CREAT | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
  if (file < 0) return false;
  close(file);
  unlink(probe.c_str());
  return true;
}

// Returns whether the file system has room for what the WALs hold, which an opening writes to
// tables.
bool HasRoomForWals(const std::string& directory) {
  std::error_code failed;
  std::uintmax_t held = 0;
  for (fs::directory_iterator at(directory, failed), end; !failed && at != end;
       at.increment(failed)) {
    std::error_code gone;
    const std::uintmax_t size = at->path().extension() == ".log" ? at->file_size(gone) : 0;
    if (!gone) held += size;
  }
  const fs::space_info space = fs::space(directory, failed);
  return failed || space.available / 2 >= held;
}

// RocksDB has no status code for a directory that is in use. It says "lock hold by current process"
// for this process, and "While lock file" with fcntl's error for another.
bool IsInUse(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() && (text.find("lock hold by current process") != std::string::npos ||
                                (text.find("While lock file") != std::string::npos &&
                                 text.ends_with("Resource temporarily unavailable")));
}

Error OpenError(const StoreOptions& options, const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (IsInUse(status)) {
    return {ErrorCode::kUnavailable,
            fmt::format("{} is in use by another process", options.directory)};
  }
  return {CodeOf(status), fmt::format("opening {}: {}", options.directory, text)};
}

// Tries the ways to open a store one after the other, the mildest first.
class Opening {
 public:
  explicit Opening(const StoreOptions& options) : options_(options) {
    rocks_.options = DatabaseOptions(options);
    rocks_.options.info_log = EngineWarnings(options.directory);
    rocks_.options.use_direct_io_for_flush_and_compaction =
        options.env == nullptr && SupportsDirectIo(options.directory);
    // Where there is no room, the rows stay in memory and in the WAL.
    rocks_.options.avoid_flush_during_recovery = !HasRoomForWals(options.directory);
    rocks_.families = FamiliesOf(options, floors_);
  }

  Result<std::unique_ptr<Store>> Run() {
    if (options_.mending == nullptr) return Finish(Try());
    RETURN_IF_ERROR(Prepare());
    rocksdb::Status opened = Try();
    for (int i = 0; i < kRemediesMax && !opened.ok(); ++i) {
      ASSIGN_OR_RETURN(bool changed, Remedy(opened));
      if (!changed) break;
      opened = Try();
    }
    return Finish(opened);
  }

 private:
  // Every remedy but the first repairs one file.
  static constexpr int kRemediesMax = 200;

  const StoreMending& mending() const { return *options_.mending; }
  void Alarm(std::string message) { alarms_.push_back(std::move(message)); }

  rocksdb::Status Try() {
    rocksdb::DB* db = nullptr;
    opened_.handles.clear();
    rocksdb::Status status = rocksdb::DB::Open(rocks_.options, options_.directory, rocks_.families,
                                               &opened_.handles, &db);
    db_.reset(db);
    opened_.db = db;
    return status;
  }

  // Runs before RocksDB touches anything: RocksDB deletes the WALs it has recovered, and files it
  // does not know.
  Status Prepare() {
    if (mending().first_open) {
      RETURN_IF_ERROR(DropUnfinished(options_.directory));
    }
    if (mending().after_crash) {
      RETURN_IF_ERROR(Keep({".log", ".sst"}));
      PassCrashPoint(CrashPoint::kOpenKept);
    }
    ASSIGN_OR_RETURN(Mended current, MendCurrent(options_.directory, alarms_));
    if (current == Mended::kBeyondRepair) {
      RETURN_IF_ERROR(Repair());
    }
    PassCrashPoint(CrashPoint::kOpenMended);
    RETURN_IF_ERROR(ClearImpossibleBits(options_.directory, alarms_));
    const std::optional<std::string> table = TableNamedIn(mending().because);
    if (!table) return Ok();
    forgotten_.insert(*table);
    Alarm(fmt::format("the database file {}.sst is damaged: {}", *table, mending().because));
    if (Status gone = Forget(*table); !gone.ok()) Alarm(gone.error().message());
    return Ok();
  }

  // Returns whether something was done that makes another try worthwhile.
  Result<bool> Remedy(const rocksdb::Status& failed) {
    const std::string message = failed.ToString();
    // An I/O error is not damage: the next try may succeed.
    const bool missing = message.find("No such file") != std::string::npos;
    if (!failed.IsCorruption() && !failed.IsNotFound() && !missing) return false;
    if (const auto table = TableNamedIn(message); table && forgotten_.insert(*table).second) {
      Alarm(fmt::format("the database file {}.sst is damaged or missing: {}", *table, message));
      return Done(Forget(*table));
    }
    if (!std::exchange(skipping_, true)) return Done(SkipDamagedWrites(message));
    if (!std::exchange(trimmed_, true)) {
      ASSIGN_OR_RETURN(Mended trimmed, Trim());
      if (trimmed == Mended::kMended) return true;
    }
    if (!repaired_) return Done(Repair());
    return false;
  }

  static Result<bool> Done(Status status) {
    if (!status.ok()) return std::move(status).error();
    return true;
  }

  Status SkipDamagedWrites(const std::string& message) {
    Alarm(fmt::format("the database does not open without repair: {}", message));
    rocks_.options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    rocks_.options.track_and_verify_wals_in_manifest = false;
    return Ok();
  }

  Result<Mended> Trim() {
    // An older MANIFEST would make RocksDB delete the tables it does not list.
    RETURN_IF_ERROR(Keep({".log", ".sst"}));
    return TrimManifest(options_.directory, alarms_);
  }

  Status Forget(const std::string& table) {
    return ForgetTable(options_.directory, mending().quarantine, table, rocks_);
  }

  // Rebuilds the database from the tables and WALs alone: reads all of them.
  Status Repair() {
    repaired_ = true;
    RETURN_IF_ERROR(Keep({".log", ".sst"}));
    Alarm(
        "the database's list of files (MANIFEST) was damaged; it was rebuilt from the files "
        "themselves");
    return ToStatus(rocksdb::RepairDB(options_.directory, rocks_.options, rocks_.families));
  }

  Status Keep(const std::vector<std::string_view>& extensions) {
    ASSIGN_OR_RETURN(std::optional<std::string> kept,
                     KeepAside(options_.directory, mending().kept, extensions));
    if (kept) kept_.push_back(*kept);
    return Ok();
  }

  Result<std::unique_ptr<Store>> Finish(const rocksdb::Status& opened) {
    if (!opened.ok()) {
      // RocksDB changed nothing, and links to what it will give back would keep the disk full.
      if (opened.IsNoSpace() && alarms_.empty()) DropKept();
      return OpenError(options_, opened);
    }
    PassCrashPoint(CrashPoint::kOpenDatabase);
    std::unique_ptr<Store> store = StoreOn(std::move(db_), opened_.handles, floors_);
    if (options_.mending == nullptr) return store;
    RETURN_IF_ERROR(Salvage(*store));
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
    // A MANIFEST that was cut between two records opens without an error.
    const bool whole = !mending().is_whole || mending().is_whole(store);
    if (!whole) Alarm("the database opened, but part of its content is missing");
    return alarms_.empty() ? Ok() : SalvageAll(whole);
  }

  Status SalvageAll(bool whole) {
    for (const std::string& kept : kept_) {
      if (!whole) {
        RETURN_IF_ERROR(SalvageWals(opened_, kept, true, alarms_));
      }
      RETURN_IF_ERROR(SalvageTables(opened_, kept, alarms_));
    }
    return forgotten_.empty() ? Ok() : SalvageTables(opened_, mending().quarantine, alarms_);
  }

  void DropKept() {
    for (const std::string& kept : kept_) {
      std::error_code ignored;  // A leftover is removed when the next copies are kept.
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

// kCorruption: a table would end the process. A reader repairs nothing.
Status CheckTables(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(directory));
  for (const std::string& name : names) {
    if (!name.ends_with(".sst") || IsSafeToOpen(fmt::format("{}/{}", directory, name))) continue;
    return Error(
        ErrorCode::kCorruption,
        fmt::format("{}/{} has a flipped bit that would crash RocksDB; a relay started on this "
                    "log clears it",
                    directory, name));
  }
  return Ok();
}

}  // namespace

Result<std::unique_ptr<Store>> OpenStore(const StoreOptions& options) {
  RETURN_IF_ERROR(MakeDirectory(options.directory));
  return Opening(options).Run();
}

Result<std::unique_ptr<Store>> OpenStoreReadOnly(const StoreOptions& options) {
  std::error_code failed;
  if (!fs::exists(options.directory + "/CURRENT", failed) && !failed) {
    return Error(ErrorCode::kNotFound, fmt::format("there is no log in {}", options.directory));
  }
  RETURN_IF_ERROR(CheckTables(options.directory));
  rocksdb::DBOptions db_options = DatabaseOptions(options);
  db_options.create_if_missing = false;
  db_options.create_missing_column_families = false;
  db_options.info_log = NoEngineMessages();  // Writes nothing.
  db_options.max_open_files = -1;            // Opens all files now: a running relay deletes files.
  const auto floors = std::make_shared<Floors>();
  const auto families = FamiliesOf(options, floors);
  rocksdb::DB* db = nullptr;
  RocksHandles handles;
  rocksdb::Status opened;
  // A running relay may delete a file after this process read the list of files and before it
  // opened that file; the list is then read again.
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    opened = rocksdb::DB::OpenForReadOnly(db_options, options.directory, families, &handles, &db);
    if (opened.ok()) break;
  }
  if (!opened.ok()) return OpenError(options, opened);
  return StoreOn(std::unique_ptr<rocksdb::DB>(db), std::move(handles), floors);
}

}  // namespace relay
