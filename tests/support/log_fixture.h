// Helpers for steps that tests of a log repeat.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "wal/log.h"

namespace relay::test {

inline const BackendId kWest = BackendId::Parse("west").value();
inline const BackendId kEast = BackendId::Parse("east").value();

inline std::shared_ptr<const std::vector<BackendId>> To(std::vector<BackendId> backends) {
  return std::make_shared<const std::vector<BackendId>>(std::move(backends));
}

inline WallTime At(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

inline Moment MomentAt(std::int64_t seconds) {
  return {Clock::TimePoint(std::chrono::seconds(seconds)), At(seconds)};
}

// A record of `points` lines whose content is a function of its number, so that
// a test can tell any record from any other.
inline Record NumberedRecord(std::uint64_t number, PointCount points = 1) {
  Record record;
  record.params.database = "db";
  record.points = points;
  for (PointCount i = 0; i < points; ++i) {
    record.lines += fmt::format("m,n={} v={} {}\n", number, i, 1'000'000 * number + i);
  }
  return record;
}

inline Result<Durable> AppendAndWait(Log& log, const Record& record,
                                     std::vector<BackendId> backends = {kWest},
                                     WallTime accepted_at = At(1)) {
  Result<EncodedRecord> encoded = Encode(record, Codec::kZstd);
  REQUIRE(encoded.ok());
  std::promise<Result<Durable>> promise;
  std::future<Result<Durable>> answer = promise.get_future();
  log.Append({std::move(encoded).value(), To(std::move(backends)), accepted_at},
             [&promise](Result<Durable> done) { promise.set_value(std::move(done)); });
  return answer.get();
}

// Appends one write with a part for each backend; `done` as in AppendParts.
inline void AppendOneEach(Log& log, const Record& record, const std::vector<BackendId>& backends,
                          AppendDone done) {
  std::vector<AppendRequest> parts;
  parts.reserve(backends.size());
  for (const BackendId& backend : backends) {
    parts.push_back({Encode(record, Codec::kZstd).value(), To({backend}), At(1)});
  }
  log.AppendParts(std::move(parts), std::move(done));
}

inline std::vector<StoredRecord> ReadAll(const LogView& log, const BackendId& backend,
                                         Sequence after = Sequence::BeforeFirst()) {
  Result<std::vector<StoredRecord>> read =
      log.Read(backend, after, {.records = 1'000'000, .bytes = 1_GiB});
  REQUIRE(read.ok());
  return std::move(read).value();
}

// Resolves the records behind the cursor up to `through` as delivered.
inline Status Deliver(Log& log, const BackendId& backend, const Position& through,
                      PointCount delivered) {
  return log.Resolve(backend, {.after = log.MarksOf(backend).cursor,
                               .through = through,
                               .delivered = delivered,
                               .letters = {},
                               .gaps = {},
                               .held = {}});
}

// Resolves the same records with none delivered and all in the letter.
inline Status SetAside(Log& log, const BackendId& backend, const Position& through,
                       const DeadLetter& letter) {
  return log.Resolve(backend, {.after = log.MarksOf(backend).cursor,
                               .through = through,
                               .letters = {letter},
                               .gaps = {},
                               .held = {}});
}

}  // namespace relay::test
