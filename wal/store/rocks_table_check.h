// Checks a table file before RocksDB opens it. RocksDB 7.8 parses a table's properties block before
// it compares the block's checksum: one flipped bit in the block's last word is an assertion that
// ends the process, at every start.
//
// FORMAT. Table format 5 ("Rocksdb BlockBasedTable Format" in RocksDB's wiki): a footer of 53 bytes
// with the handle of the metaindex block, which has the handle of "rocksdb.properties".
//
// THREADS. Any number at once: only reads the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace relay {

// Returns the offset of the last word of the properties block: the number of restart points and, in
// its highest bit, the type of the index. nullopt: the way there is damaged, which RocksDB finds by
// checksums.
std::optional<std::uint64_t> PropertiesWordAt(const std::string& table);

// Clears the bit that IsSafeToOpen checks, in the bytes of a table. `word_at` is PropertiesWordAt.
void ClearImpossibleBit(std::string& table, std::uint64_t word_at);

// Returns false if RocksDB would end the process when it opens the table.
bool IsSafeToOpen(const std::string& table);

}  // namespace relay
