// What is done about a database that does not open, or that opened without all
// it had. RocksDB's own, for wal/rocks_*.cc alone.
//
// Nothing is ever deleted here that could still be read by somebody: files are
// kept aside first, by hard links. What was wrong is said in alarms, a sentence
// each, for an operator.
//
// THREADS. One, that holds the directory's lock.
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

// Links what ends in `extensions` or begins with MANIFEST or CURRENT from
// `database` into a new directory in `kept`, of which the newest two stay.
// Returns that directory; nothing where there is no database yet.
Result<std::optional<std::string>> KeepAside(const std::string& database, const std::string& kept,
                                             const std::vector<std::string_view>& extensions);

// Takes away what is left of a database that was never finished: one without a
// table and without a write.
Status DropUnfinished(const std::string& database);

enum class Mended : std::uint8_t { kNothingWrong, kMended, kBeyondRepair };

// A CURRENT that is missing or names no MANIFEST is made to name the newest.
// kBeyondRepair: there is none.
Result<Mended> MendCurrent(const std::string& database, Alarms& alarms);

// A MANIFEST that ends in a torn record loses that record. kBeyondRepair: what
// is damaged has intact records behind it.
Result<Mended> TrimManifest(const std::string& database, Alarms& alarms);

// Clears a bit that RocksDB would end the process for (rocks_table_check.h) and
// that is never set in an intact table. What the checksum says then is right.
Status ClearImpossibleBits(const std::string& database, Alarms& alarms);

// The table file that an error of RocksDB names: "000012".
std::optional<std::string> TableNamedIn(std::string_view words);

// The database forgets the table, which is kept in `quarantine` where it is
// there at all.
Status ForgetTable(const std::string& database, const std::string& quarantine,
                   const std::string& table, const RocksFamilies& rocks);

// Writes again, in order, what the kept WALs hold behind the last record that
// was recovered: RocksDB stops at the first damaged one. `skipping`: it went on
// behind damage itself, so each record is looked for.
Status SalvageWals(const OpenedRocks& rocks, const std::string& kept, bool skipping,
                   Alarms& alarms);

// Writes again what can be read of the tables in `directory` that the database
// does not have, and has no row for. Tables of which nothing is missing any
// more are deleted.
Status SalvageTables(const OpenedRocks& rocks, const std::string& directory, Alarms& alarms);

}  // namespace relay
