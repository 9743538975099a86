// Repairs a database that does not open, or that opened without part of its content; for
// wal/store/rocks_*.cc only.
//
// INVARIANT. Deletes nothing that anybody could still read: files are first kept aside, by hard
// links. Every fault found is reported to the operator as an alarm of one sentence.
//
// THREADS. One, which holds the directory's lock.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"

namespace relay {

using Alarms = std::vector<std::string>;

struct RocksFamilies {
  rocksdb::DBOptions options;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
};

struct OpenedRocks {
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
};

// Links the files in `database` that end in `extensions` or begin with MANIFEST or CURRENT into a
// new directory in `kept`, where the newest two stay. Returns that directory; nullopt: there is no
// database yet.
Result<std::optional<std::string>> KeepAside(const std::string& database, const std::string& kept,
                                             const std::vector<std::string_view>& extensions);

// Deletes the remains of a database that was never finished: one without a table and without a
// write.
Status DropUnfinished(const std::string& database);

enum class Mended : std::uint8_t { kNothingWrong, kMended, kBeyondRepair };

// Makes a CURRENT that is missing or names no MANIFEST name the newest one. kBeyondRepair: there is
// none.
Result<Mended> MendCurrent(const std::string& database, Alarms& alarms);

// Cuts an incomplete last record off the MANIFEST. kBeyondRepair: intact records follow the damage.
Result<Mended> TrimManifest(const std::string& database, Alarms& alarms);

// Clears a bit that makes RocksDB end the process (rocks_table_check.h) and that is never set in an
// intact table. The block's checksum then shows whether the block is intact.
Status ClearImpossibleBits(const std::string& database, Alarms& alarms);

// Returns the table file that an error of RocksDB names: "000012".
std::optional<std::string> TableNamedIn(std::string_view message);

// Removes the table from the database; its file, if there is one, is kept in `quarantine`.
Status ForgetTable(const std::string& database, const std::string& quarantine,
                   const std::string& table, const RocksFamilies& rocks);

// Writes again, in order, the records of the kept WALs behind the last one that was recovered:
// RocksDB stops at the first damaged one. `skipping`: RocksDB itself continued behind damage, so
// each record is looked up first.
Status SalvageWals(const OpenedRocks& rocks, const std::string& kept, bool skipping,
                   Alarms& alarms);

// Writes again the rows that can be read from tables in `directory` that are not part of the
// database, as far as the database has no such row. Deletes the tables of which nothing is missing
// any more.
Status SalvageTables(const OpenedRocks& rocks, const std::string& directory, Alarms& alarms);

}  // namespace relay
