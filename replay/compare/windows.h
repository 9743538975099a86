// Spans of time with values, as one or two servers count them, and the ranges that are read at
// once.
//
// InfluxDB stores spans of a policy's shard duration apart, counted from January 1 of the year 1,
// and a field may have another type in each. Windows are such spans.
//
// THREADS. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "replay/compare/grid.h"
#include "replay/compare/source.h"

namespace relay {

// Returns windows that fit both servers' shard durations: hours, so that ranges fit the values
// closely and no window has two types, also if a policy was altered and has older, shorter spans.
// Shorter ones only if a shard duration is not whole hours.
WindowShape WindowsFor(std::chrono::nanoseconds shards_a, std::chrono::nanoseconds shards_b);

// Returns the windows that either has, with the values of both.
std::vector<TimeWindow> UnionOf(const std::vector<TimeWindow>& a, const std::vector<TimeWindow>& b);

// Returns ranges inside `within` that contain the windows: neighbours are joined up to
// `values_max`; 0: none is.
std::vector<TimeRange> RangesOf(const std::vector<TimeWindow>& windows,
                                std::chrono::nanoseconds length, const TimeRange& within,
                                std::uint64_t values_max);

// Returns ranges that begin where these do and leave nothing of `within` out, for a server that
// does not tell where it has values.
std::vector<TimeRange> Covering(std::vector<TimeRange> ranges, const TimeRange& within);

}  // namespace relay
