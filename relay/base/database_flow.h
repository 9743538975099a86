// Counts what is accepted by database. Only the first databases that are written to are counted by
// name, the others together: clients can name any number.
//
// THREADS. Any number at once. A known database costs a shared lock and two additions a write.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "wal/base/types.h"

namespace relay {

class DatabaseFlow {
 public:
  // The name that the others are counted under; so is a database with this name.
  static constexpr std::string_view kOthers = "other";

  struct Figures {
    PointCount points = 0;
    Bytes bytes{0};
  };

  // Sets how many databases are counted by name; those that are keep their counts. 0: nothing is
  // counted, and Read returns nothing.
  void Limit(std::size_t databases) { limit_ = databases; }

  void Accepted(std::string_view database, PointCount points, Bytes bytes);

  std::map<std::string, Figures> Read() const;

 private:
  struct Cell {
    std::atomic<std::uint64_t> points = 0;
    std::atomic<std::uint64_t> bytes = 0;
  };

  Cell& CellOf(std::string_view database);

  std::atomic<std::size_t> limit_ = 0;
  mutable std::shared_mutex mutex_;
  std::map<std::string, Cell, std::less<>> cells_;  // Cells stay where they are.
};

}  // namespace relay
