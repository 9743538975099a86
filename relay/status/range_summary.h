// How much a range of a backend's records is, read from its two ends.
//
// THREADS. Pure functions over a log.
#pragma once

#include <string>

#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

struct RangeSummary {
  RecordCount records = 0;
  Totals size;
  WallTime first;  // When the first was accepted ...
  WallTime last;   // ... and the last.
};

// Summarises the records (after, last]. Errors as for LogView::Read; kNotFound: one end is no
// longer kept.
Result<RangeSummary> ExtentOf(const LogView& log, const BackendId& backend, Sequence after,
                              Sequence last);

// "2 records (6 points, 48 B, accepted from 2026-11-23T20:15:00Z to
// 2026-11-23T20:16:00Z)".
std::string ToString(const RangeSummary& extent);

// The same where it can be read, else the number of records alone.
std::string ShownExtent(const LogView& log, const BackendId& backend, Sequence after,
                        Sequence last);

}  // namespace relay
