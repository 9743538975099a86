// Differences of format 1: wal/FORMAT.md, "Versions".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "wal/base/big_endian.h"
#include "wal/base/crc32c.h"
#include "wal/reading/load.h"
#include "wal/record/identity.h"
#include "wal/record/rows.h"
#include "wal/store/store.h"

namespace relay::test {

inline std::string RunStateOfFormatOne(std::string_view key, const QueueState& state) {
  std::string body;
  for (const Position& position : {state.trimmed, state.cursor}) {
    PutBigEndian(body, position.sequence.value());
    PutBigEndian(body, position.totals.points);
    PutBigEndian(body, position.totals.bytes.count());
    PutBigEndian(body, position.totals.stored.count());
  }
  for (const std::uint64_t number :
       {state.delivered, state.dead_points(), state.dropped, state.last_dead}) {
    PutBigEndian(body, number);
  }
  std::string value(1, 1);
  PutBigEndian(value, ExtendCrc32c(Crc32c(key), body));
  return value + body;
}

// Converts a closed log to format 1. REQUIRES: it holds nothing that format 1 lacks.
inline Status TurnIntoFormatOne(const std::string& log_path) {
  {
    Result<std::unique_ptr<Store>> store = OpenStore({.directory = StoreDirectory(log_path)});
    if (!store.ok()) return store.error();
    const Result<LoadedLog> log = LoadLog(*store.value());
    if (!log.ok()) return log.error();
    const std::unique_ptr<StoreBatch> batch = store.value()->NewBatch();
    batch->Put(Family::kState, kFormatKey, EncodeNumber(kFormatKey, 1));
    for (const auto& [backend, run] : log.value().queues) {
      const std::string key = QueueKey(run.number);
      batch->Put(Family::kState, key, RunStateOfFormatOne(key, run.state));
    }
    Status put = store.value()->Write(*batch, Durability::kSynced);
    if (!put.ok()) return put;
  }
  std::filesystem::remove(log_path + "/high-water");
  Result<FoundIdentity> found = ReadIdentity(log_path, kFormatVersion);
  if (!found.ok()) return found.error();
  found.value().identity.format = 1;
  return WriteIdentity(log_path, found.value().identity);
}

}  // namespace relay::test
