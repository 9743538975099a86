// Reads what is left of a table file: see SalvageTables in rocks_repair.h.
#include <fmt/format.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "wal/base/files.h"
#include "wal/store/rocks_options.h"
#include "wal/store/rocks_repair.h"
#include "wal/store/rocks_table_check.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kGroupRows = 1'000;

// Adds to a key as if it were a number, to name one behind a damaged block: keys of the log end in
// ascending big-endian numbers.
std::string Plus(std::string key, std::size_t bit) {
  std::size_t at = key.size() - 1 - bit / 8;
  unsigned carry = 1U << (bit % 8);
  while (carry > 0) {
    carry += static_cast<unsigned char>(key[at]);
    key[at] = static_cast<char>(static_cast<unsigned char>(carry));
    carry >>= 8U;
    if (at-- == 0) break;
  }
  return key;
}

class TableSalvage {
 public:
  TableSalvage(const OpenedRocks& rocks, const std::string& path) : rocks_(rocks) {
    rocksdb::Options options;
    options.env = rocks.db->GetEnv();
    reader_ = std::make_unique<rocksdb::SstFileReader>(options);
    opened_ = IsSafeToOpen(path) ? reader_->Open(path) : rocksdb::Status::Corruption(path);
  }

  bool opened() const { return opened_.ok(); }
  std::size_t damages() const { return damages_; }
  std::size_t rows() const { return rows_; }

  Status Run() {
    const std::string name = reader_->GetTableProperties()->column_family_name;
    for (rocksdb::ColumnFamilyHandle* family : rocks_.handles) {
      if (family->GetName() == name) family_ = family;
    }
    if (family_ == nullptr) return Ok();
    at_.reset(reader_->NewIterator({}));
    for (at_->SeekToFirst(); FindRow(); at_->Next()) {
      last_ = at_->key().ToString();
      RETURN_IF_ERROR(PutIfMissing());
    }
    return Flush();
  }

 private:
  // Returns whether there is a row here; where damage hides it, moves to the first one behind the
  // damage.
  bool FindRow() {
    if (at_->Valid()) return true;
    if (at_->status().ok()) return false;
    ++damages_;
    if (last_.empty()) last_.assign(family_->GetName() == "payloads" ? 8 : 12, '\0');
    return SkipDamage();
  }

  // Seeks further and further until it finds a row, then back to the first one.
  bool SkipDamage() {
    const std::size_t bits = 8 * last_.size() - 1;
    for (std::size_t bit = 0; bit < bits; ++bit) {
      at_->Seek(Plus(last_, bit));
      if (at_->Valid()) return BackToFirst(bit);
      if (at_->status().ok()) return false;  // The damage reaches to the end.
    }
    return false;
  }

  // Bisects between the last key that hit the damage and the first that did not.
  bool BackToFirst(std::size_t bit) {
    std::string bad = bit == 0 ? last_ : Plus(last_, bit - 1);
    for (std::size_t step = bit; step-- > 0;) {
      const std::string middle = Plus(bad, step);
      at_->Seek(middle);
      if (!at_->Valid() && !at_->status().ok()) bad = middle;
    }
    at_->Seek(Plus(bad, 0));
    return at_->Valid();
  }

  Status PutIfMissing() {
    std::string value;
    if (!rocks_.db->Get({}, family_, at_->key(), &value).IsNotFound()) return Ok();
    const rocksdb::Status put = batch_.Put(family_, at_->key(), at_->value());
    INVARIANT(put.ok());
    ++rows_;
    if (static_cast<std::size_t>(batch_.Count()) < kGroupRows) return Ok();
    return Flush();
  }

  Status Flush() {
    if (batch_.Count() == 0) return Ok();
    const rocksdb::Status written = rocks_.db->Write({}, &batch_);
    batch_.Clear();
    return ToStatus(written);
  }

  const OpenedRocks& rocks_;
  std::unique_ptr<rocksdb::SstFileReader> reader_;
  rocksdb::Status opened_;
  rocksdb::ColumnFamilyHandle* family_ = nullptr;
  std::unique_ptr<rocksdb::Iterator> at_;
  rocksdb::WriteBatch batch_;
  std::string last_;
  std::size_t damages_ = 0;
  std::size_t rows_ = 0;
};

std::set<std::string> LiveTables(rocksdb::DB& db) {
  std::vector<rocksdb::LiveFileMetaData> files;
  db.GetLiveFilesMetaData(&files);
  std::set<std::string> names;
  for (const rocksdb::LiveFileMetaData& file : files) {
    names.insert(fs::path(file.name).filename().string());
  }
  return names;
}

// Returns whether everything in the table is now in the database.
Result<bool> SalvageTable(const OpenedRocks& rocks, const fs::path& path, Alarms& alarms) {
  const std::string name = path.filename().string();
  TableSalvage table(rocks, path.string());
  if (!table.opened()) {
    alarms.push_back(
        fmt::format("the database file {} cannot be read; it is kept as {}", name, path.string()));
    return false;
  }
  if (Status run = table.Run(); !run.ok()) return std::move(run).error().Within(name);
  if (table.damages() == 0 && table.rows() == 0) return true;
  alarms.push_back(
      fmt::format("the database file {} is damaged in {} places; {} rows of it were recovered{}",
                  name, table.damages(), table.rows(),
                  table.damages() == 0 ? "" : fmt::format("; it is kept as {}", path.string())));
  return table.damages() == 0;
}

}  // namespace

Status SalvageTables(const OpenedRocks& rocks, const std::string& directory, Alarms& alarms) {
  const std::set<std::string> live = LiveTables(*rocks.db);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(directory));
  std::vector<fs::path> tables;
  for (const std::string& name : names) {
    if (name.ends_with(".sst")) tables.push_back(fs::path(directory) / name);
  }
  std::reverse(tables.begin(), tables.end());  // The newest row of a key wins.
  for (const fs::path& path : tables) {
    if (!live.contains(path.filename().string())) {
      ASSIGN_OR_RETURN(bool whole, SalvageTable(rocks, path, alarms));
      if (!whole) continue;
    }
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  return Ok();
}

}  // namespace relay
