// Finds differences between a log and a model of it: the whole state of a
// backend, in words that show the context.
//
// ERRORS. A Difference is thrown.
#pragma once

#include <string>
#include <vector>

#include "wal/log.h"

namespace relay::test {

struct Difference {
  std::string what;
};

inline constexpr ReadLimit kAll{.records = 1'000'000, .bytes = 1_GiB};

void Expect(bool holds, const std::string& what);

std::string Shown(const Status& status);
std::string Shown(const QueueStats& figures);

void ExpectSame(const Result<std::vector<StoredRecord>>& log,
                const Result<std::vector<StoredRecord>>& model);

void ExpectSameFigures(const LogView& log, const LogView& model, const BackendId& backend);

// Compares all that can be read of the backend: records kept, owed and held, dead letters, gaps.
void ExpectSameContents(const LogView& log, const LogView& model, const BackendId& backend);

}  // namespace relay::test
