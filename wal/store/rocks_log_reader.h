// Reads RocksDB's log files (its WAL and its MANIFEST) without RocksDB: it finds the records behind
// damage, which the engine gives up.
//
// FORMAT. Blocks of 32 KiB that hold fragments: masked CRC-32C (u32), length (u16), type (u8), all
// little-endian, then the data. A record is one full fragment, or a first, any number of middle and
// a last one. A fragment never crosses a block boundary; a rest of fewer than 7 bytes at the end of
// a block is zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relay {

struct EngineRecord {
  std::string data;
  std::uint64_t end = 0;      // Offset in the file behind the record.
  bool after_damage = false;  // Something between the previous record and this one is unreadable.
};

class RocksLogReader {
 public:
  // REQUIRES: `file` outlives the reader.
  explicit RocksLogReader(std::string_view file) : file_(file) {}

  // Returns the next intact record; nullopt: the end.
  std::optional<EngineRecord> Next();

  // After the last record: true if the file ends in something that is no record. A crash in the
  // middle of a write leaves the same.
  bool ends_in_damage() const { return damaged_; }

 private:
  struct Fragment {
    std::uint8_t type = 0;
    std::string_view data;
  };

  std::optional<Fragment> NextFragment();
  std::optional<Fragment> FragmentAt(std::uint64_t at) const;
  bool OnlyZerosFrom(std::uint64_t at) const;
  bool NextTry();
  void StartAnew();

  std::string_view file_;
  std::uint64_t at_ = 0;
  bool damaged_ = false;
  std::optional<std::string> begun_;  // The fragments of an unfinished record.
};

}  // namespace relay
