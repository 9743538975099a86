#include "wal/store/rocks_repair.h"

#include <fmt/format.h>
#include <rocksdb/utilities/ldb_cmd.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "wal/base/files.h"
#include "wal/store/little_endian.h"
#include "wal/store/rocks_log_reader.h"
#include "wal/store/rocks_options.h"
#include "wal/store/rocks_table_check.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeptMax = 2;
constexpr std::string_view kManifest = "MANIFEST-";
constexpr std::string_view kCurrent = "CURRENT";

Error FileError(std::string_view doing, const std::string& path, const std::error_code& why) {
  return {ErrorCode::kIo, fmt::format("{} {}: {}", doing, path, why.message())};
}

std::string PathIn(const std::string& directory, std::string_view name) {
  return fmt::format("{}/{}", directory, name);
}

// Gives a file a second name; copies it where the file system has no links.
Status Link(const std::string& from, const std::string& to) {
  std::error_code failed;
  fs::create_hard_link(from, to, failed);
  const bool no_links = failed == std::errc::operation_not_permitted ||
                        failed == std::errc::operation_not_supported ||
                        failed == std::errc::cross_device_link;
  if (no_links) fs::copy_file(from, to, failed);
  if (failed) return FileError("linking", from, failed);
  return Ok();
}

bool IsWanted(const std::string& name, const std::vector<std::string_view>& extensions) {
  return name.starts_with(kManifest) || name == kCurrent ||
         std::any_of(extensions.begin(), extensions.end(),
                     [&](std::string_view extension) { return name.ends_with(extension); });
}

bool IsTableOrWal(const std::string& name) {
  return name.ends_with(".sst") || name.ends_with(".log");
}

bool HasTraces(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with(kManifest) || name == kCurrent || IsTableOrWal(name);
  });
}

// Returns the requested files that are not empty.
template <typename Predicate>
Result<std::vector<std::string>> WithContent(const std::string& directory,
                                             const std::vector<std::string>& names,
                                             const Predicate& wanted) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (!wanted(name)) continue;
    std::error_code failed;
    const std::uintmax_t size = fs::file_size(PathIn(directory, name), failed);
    if (failed) return FileError("checking", PathIn(directory, name), failed);
    if (size > 0) found.push_back(name);
  }
  return found;
}

// Kept directories are named by numbers of six digits, which sort as text.
std::string NextKept(const std::string& kept, const std::vector<std::string>& there) {
  const std::size_t last =
      there.empty() ? 0 : static_cast<std::size_t>(std::strtoul(there.back().c_str(), nullptr, 10));
  return fmt::format("{}/{:06}", kept, last + 1);
}

void DropOldestKept(const std::string& kept, std::vector<std::string> there,
                    const std::string& newest) {
  there.push_back(fs::path(newest).filename().string());
  for (std::size_t i = 0; i + kKeptMax < there.size(); ++i) {
    std::error_code ignored;  // Errors do not matter: old copies may use some space.
    fs::remove_all(fs::path(kept) / there[i], ignored);
  }
}

bool IsMissing(const OpenedRocks& rocks, rocksdb::ColumnFamilyHandle* family,
               const rocksdb::Slice& key) {
  std::string value;
  return rocks.db->Get({}, family, key, &value).IsNotFound();
}

// Finds a family by the number it got when the database was made: in the order of the handles, from
// 1. A repaired database may number them otherwise.
rocksdb::ColumnFamilyHandle* FamilyOf(const OpenedRocks& rocks, std::uint32_t number) {
  return number == 0 || number > rocks.handles.size() ? nullptr : rocks.handles[number - 1];
}

// Rows of these families are written once: a row that is missing was never deleted on purpose while
// it could still be needed.
bool IsWrittenOnce(rocksdb::ColumnFamilyHandle* family) {
  const std::string& name = family->GetName();
  return name == "payloads" || name == "entries" || name == "gaps";
}

// Collects the rows of a batch to write again: all of them, or those the database does not have.
class RowsAgain final : public rocksdb::WriteBatch::Handler {
 public:
  RowsAgain(const OpenedRocks& rocks, bool all) : rocks_(rocks), all_(all) {}

  rocksdb::Status PutCF(std::uint32_t number, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    rocksdb::ColumnFamilyHandle* family = FamilyOf(rocks_, number);
    if (family == nullptr) return rocksdb::Status::OK();
    if (!all_ && (!IsWrittenOnce(family) || !IsMissing(rocks_, family, key))) {
      return rocksdb::Status::OK();
    }
    return rows_.Put(family, key, value);
  }
  rocksdb::Status DeleteCF(std::uint32_t number, const rocksdb::Slice& key) override {
    rocksdb::ColumnFamilyHandle* family = FamilyOf(rocks_, number);
    return family == nullptr || !all_ ? rocksdb::Status::OK() : rows_.Delete(family, key);
  }
  void LogData(const rocksdb::Slice&) override {}

  rocksdb::WriteBatch& rows() { return rows_; }

 private:
  const OpenedRocks& rocks_;
  const bool all_;
  rocksdb::WriteBatch rows_;
};

// Reads one kept WAL behind the point up to which RocksDB recovered it.
class WalSalvage {
 public:
  WalSalvage(const OpenedRocks& rocks, bool skipping)
      : rocks_(rocks), skipping_(skipping), recovered_(rocks.db->GetLatestSequenceNumber()) {}

  Status Read(const std::string& path) {
    ASSIGN_OR_RETURN(std::string text, ReadWhole(path));
    RocksLogReader reader(text);
    while (std::optional<EngineRecord> record = reader.Next()) {
      if (record->after_damage) ++damages_;
      RETURN_IF_ERROR(PutAgain(record->data));
    }
    return Ok();
  }

  std::size_t damages() const { return damages_; }
  std::size_t batches() const { return batches_; }

 private:
  // A batch: sequence number u64, count u32, then the rows.
  Status PutAgain(const std::string& data) {
    constexpr std::size_t kHead = 12;
    if (data.size() < kHead) return Ok();
    const std::uint64_t first = LittleEndian(std::string_view(data).substr(0, 8));
    const std::uint64_t count = LittleEndian(std::string_view(data).substr(8, 4));
    const bool recovered = first + count <= recovered_ + 1;
    if (recovered && !skipping_) return Ok();
    RowsAgain again(rocks_, !recovered);
    const rocksdb::Status read = rocksdb::WriteBatch(data).Iterate(&again);
    if (!read.ok()) return Ok();  // Does not belong to this log.
    if (again.rows().Count() == 0) return Ok();
    ++batches_;
    return ToStatus(rocks_.db->Write({}, &again.rows()));
  }

  const OpenedRocks& rocks_;
  const bool skipping_;
  const std::uint64_t recovered_;
  std::size_t damages_ = 0;
  std::size_t batches_ = 0;
};

}  // namespace

Result<std::optional<std::string>> KeepAside(const std::string& database, const std::string& kept,
                                             const std::vector<std::string_view>& extensions) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(database));
  if (!HasTraces(names)) return std::optional<std::string>();
  ASSIGN_OR_RETURN(std::vector<std::string> there, NamesIn(kept));
  const std::string directory = NextKept(kept, there);
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed) return FileError("creating", directory, failed);
  for (const std::string& name : names) {
    if (!IsWanted(name, extensions)) continue;
    RETURN_IF_ERROR(Link(PathIn(database, name), PathIn(directory, name)));
  }
  DropOldestKept(kept, std::move(there), directory);
  return std::optional(directory);
}

Status DropUnfinished(const std::string& database) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(database));
  ASSIGN_OR_RETURN(const std::vector<std::string> holding,
                   WithContent(database, names, IsTableOrWal));
  if (!holding.empty()) return Ok();
  for (const std::string& name : names) {
    if (!IsWanted(name, {".log", ".dbtmp"})) continue;
    std::error_code failed;
    fs::remove(PathIn(database, name), failed);
    if (failed) return FileError("removing", PathIn(database, name), failed);
  }
  return Ok();
}

Result<Mended> MendCurrent(const std::string& database, Alarms& alarms) {
  const std::string path = fmt::format("{}/{}", database, kCurrent);
  const Result<std::string> current = ReadWhole(path);
  if (!current.ok() && current.error().code() != ErrorCode::kNotFound) return current.error();
  const Result<std::vector<std::string>> names = NamesIn(database);
  if (!names.ok()) return names.error();
  const Result<std::vector<std::string>> found = WithContent(
      database, names.value(), [](const std::string& name) { return name.starts_with(kManifest); });
  if (!found.ok()) return found.error();
  const std::vector<std::string>& manifests = found.value();
  const auto named = [&](const std::string& name) {
    return current.ok() && current.value() == name + "\n";
  };
  if (std::any_of(manifests.begin(), manifests.end(), named)) return Mended::kNothingWrong;
  if (manifests.empty())
    return HasTraces(names.value()) ? Mended::kBeyondRepair : Mended::kNothingWrong;
  // Names have six digits or more: the longer number is the higher one.
  const auto newest = std::max_element(manifests.begin(), manifests.end(),
                                       [](const std::string& a, const std::string& b) {
                                         return std::pair(a.size(), a) < std::pair(b.size(), b);
                                       });
  RETURN_IF_ERROR(ReplaceWhole(path, *newest + "\n"));
  alarms.push_back(
      fmt::format("the database's CURRENT file was missing or damaged; it now names {}", *newest));
  return Mended::kMended;
}

Result<Mended> TrimManifest(const std::string& database, Alarms& alarms) {
  ASSIGN_OR_RETURN(std::string current, ReadWhole(fmt::format("{}/{}", database, kCurrent)));
  if (current.ends_with('\n')) current.pop_back();
  const std::string path = database + "/" + current;
  ASSIGN_OR_RETURN(std::string manifest, ReadWhole(path));
  RocksLogReader reader(manifest);
  std::uint64_t end = 0;
  while (std::optional<EngineRecord> record = reader.Next()) {
    if (record->after_damage) return Mended::kBeyondRepair;
    end = record->end;
  }
  if (!reader.ends_in_damage()) return Mended::kNothingWrong;
  if (end == 0) return Mended::kBeyondRepair;
  const std::string_view intact = std::string_view(manifest).substr(0, end);
  RETURN_IF_ERROR(ReplaceWhole(path, intact));
  alarms.push_back(
      fmt::format("the database's {} ended in an incomplete record, which was cut off", current));
  return Mended::kMended;
}

Status ClearImpossibleBits(const std::string& database, Alarms& alarms) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(database));
  for (const std::string& name : names) {
    const std::string path = PathIn(database, name);
    if (!name.ends_with(".sst") || IsSafeToOpen(path)) continue;
    ASSIGN_OR_RETURN(std::string table, ReadWhole(path));
    ClearImpossibleBit(table, *PropertiesWordAt(path));
    RETURN_IF_ERROR(ReplaceWhole(path, table));
    alarms.push_back(
        fmt::format("the database's file {} had a flipped bit that would crash RocksDB; it was "
                    "cleared. Check the disk",
                    name));
  }
  return Ok();
}

std::optional<std::string> TableNamedIn(std::string_view message) {
  std::size_t end = message.find(".sst");
  // For a missing table RocksDB also tries LevelDB's extension.
  if (end == std::string_view::npos) end = message.find(".ldb");
  if (end == std::string_view::npos) return std::nullopt;
  std::size_t begin = end;
  while (begin > 0 && message[begin - 1] >= '0' && message[begin - 1] <= '9') --begin;
  if (begin == end) return std::nullopt;
  return std::string(message.substr(begin, end - begin));
}

Status ForgetTable(const std::string& database, const std::string& quarantine,
                   const std::string& table, const RocksFamilies& rocks) {
  const std::string file = table + ".sst";
  std::error_code failed;
  if (fs::exists(database + "/" + file, failed)) {
    fs::create_directories(quarantine, failed);
    if (failed) return Error(FileError("creating", quarantine, failed));
    fs::remove(quarantine + "/" + file, failed);
    RETURN_IF_ERROR(Link(database + "/" + file, quarantine + "/" + file));
  }
  const rocksdb::Options options(rocks.options, rocksdb::ColumnFamilyOptions());
  const std::vector<std::string> arguments = {"--db=" + database, "unsafe_remove_sst_file", table};
  const std::unique_ptr<rocksdb::LDBCommand> command(rocksdb::LDBCommand::InitFromCmdLineArgs(
      arguments, options, rocksdb::LDBOptions(), &rocks.families));
  INVARIANT(command != nullptr);
  command->Run();
  rocksdb::LDBCommandExecuteResult done = command->GetExecuteState();
  if (done.IsFailed()) {
    return Error(ErrorCode::kCorruption,
                 fmt::format("removing {} from the database: {}", file, done.ToString()));
  }
  return Ok();
}

Status SalvageWals(const OpenedRocks& rocks, const std::string& kept, bool skipping,
                   Alarms& alarms) {
  WalSalvage salvage(rocks, skipping);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(kept));
  for (const std::string& name : names) {
    if (!name.ends_with(".log")) continue;
    RETURN_IF_ERROR(salvage.Read(PathIn(kept, name)));
  }
  if (salvage.damages() == 0 && salvage.batches() == 0) return Ok();
  alarms.push_back(
      fmt::format("the database's WAL is damaged in {} places; {} write batches "
                  "behind the damage were recovered",
                  salvage.damages(), salvage.batches()));
  return Ok();
}

}  // namespace relay
