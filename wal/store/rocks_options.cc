#include "wal/store/rocks_options.h"

#include <fcntl.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <utility>

namespace relay {
namespace {

// In the order of Family, then "default", which RocksDB insists on.
constexpr std::array kFamilyNames = {"payloads", "entries", "held", "dead", "gaps", "state"};

constexpr std::size_t kSmallMemtable = 8U << 20U;
// One index entry per 64 KiB: tens of GB of payloads cost tens of MB of index.
constexpr std::size_t kPayloadBlock = 64U << 10U;
constexpr int kOpenFilesMax = 512;
// A file with this many deleted rows close together is compacted soon: held records and dead
// letters are deleted one by one, and their payloads are large.
constexpr std::size_t kTombstoneWindow = 256;
constexpr std::size_t kTombstonesInWindow = 128;
constexpr std::uint64_t kDeadFilesPerFile = 4;

// RocksDB's automatic recovery makes the next write fail an assertion: the log closes and reopens
// the store instead.
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

// RocksDB's own logger ends the process at the second line that the disk refuses, which a full disk
// would do.
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
  __attribute__((format(printf, 2, 0)))  // The same attribute as in RocksDB.
  void
  Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> line{};
    const int size = vsnprintf(line.data(), line.size() - 1, format, arguments);
    if (file_ < 0 || size <= 0) return;
    const std::size_t length = std::min(line.size() - 2, static_cast<std::size_t>(size));
    line.at(length) = '\n';
    static_cast<void>(!write(file_, line.data(), length + 1));  // A lost line is acceptable.
  }
  void LogHeader(const char*, va_list) override {}  // RocksDB lists all settings at each start.

 private:
  int file_;
};

// Drops rows below the floors whenever a file is written: no other deletes are needed, and no
// tombstones remain to be read over.
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
  family.compression = rocksdb::kNoCompression;  // Records are compressed already.
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

}  // namespace

ErrorCode CodeOf(const rocksdb::Status& status) {
  if (status.IsCorruption()) return ErrorCode::kCorruption;
  if (status.IsNoSpace()) return ErrorCode::kFull;
  return ErrorCode::kIo;
}

Status ToStatus(const rocksdb::Status& status) {
  if (status.ok()) return Ok();
  return Error(CodeOf(status), status.ToString());
}

rocksdb::DBOptions DatabaseOptions(const StoreOptions& options) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.track_and_verify_wals_in_manifest = true;
  db.paranoid_checks = true;
  db.allow_data_in_errors = false;  // Errors are shown to operators; payloads must not be.
  db.max_bgerror_resume_count = 0;
  db.listeners = {std::make_shared<NoAutoRecovery>()};
  // Above this size the oldest memtables are flushed. That bounds recovery and what a damaged WAL
  // can hold; a family that is rarely written would otherwise pin gigabytes of WAL.
  db.max_total_wal_size = options.file_size.count();
  db.max_open_files = kOpenFilesMax;
  // RocksDB starts this many threads for each family, however few files it has. With its default
  // of 16, opening mostly creates and joins 90 threads.
  db.max_file_opening_threads = 2;
  db.bytes_per_sync = 1U << 20U;  // Cut the p99 of an append from 41 to 24 ms.
  db.max_background_jobs = 2;
  db.skip_stats_update_on_db_open = true;  // Would otherwise read every file.
  db.stats_dump_period_sec = 0;
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> FamiliesOf(
    const StoreOptions& options, const std::shared_ptr<const Floors>& floors) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(kFamilyNames.size() + 1);
  for (std::size_t i = 0; i < kFamilyNames.size(); ++i) {
    const auto family = static_cast<Family>(i);
    auto settings = FamilyOptions(family == Family::kPayloads, options.file_size);
    settings.compaction_filter_factory = std::make_shared<FloorFilters>(floors, family);
    // Dead letters have a budget that may be small: a file of them is given back as a whole.
    if (family == Family::kDead) settings.target_file_size_base /= kDeadFilesPerFile;
    if (family == Family::kHeld || family == Family::kDead) {
      settings.table_properties_collector_factories = {
          rocksdb::NewCompactOnDeletionCollectorFactory(kTombstoneWindow, kTombstonesInWindow)};
    }
    families.emplace_back(kFamilyNames.at(i), std::move(settings));
  }
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, FamilyOptions(false, options.file_size));
  return families;
}

std::shared_ptr<rocksdb::Logger> NoEngineMessages() {
  return std::make_shared<NoLogFile>();
}

std::shared_ptr<rocksdb::Logger> EngineWarnings(const std::string& directory) {
  return std::make_shared<WarningsFile>(directory);
}

}  // namespace relay
