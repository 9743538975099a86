// Summarises a range of a backend's records from its two ends.
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
  WallTime first;  // When the first record was accepted ...
  WallTime last;   // ... and the last.
};

// Summarises the records (after, last]. Errors as for LogView::Read; kNotFound: one end is no
// longer kept.
Result<RangeSummary> SummarizeRange(const LogView& log, const BackendId& backend, Sequence after,
                                    Sequence last);

// Returns "2 records (6 points, 48 B, accepted from 2026-11-23T20:15:00Z to
// 2026-11-23T20:16:00Z)".
std::string ToString(const RangeSummary& summary);

// Summarises a range as text; if it cannot be read, only the number of records.
std::string ShownRange(const LogView& log, const BackendId& backend, Sequence after, Sequence last);

}  // namespace relay
