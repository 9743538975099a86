// Reads the body of a Prometheus remote write request and makes lines of its samples, in the form
// that replay/transport/remote_write.h describes. Version 2.0 refers to labels by their place in a
// table; its metadata and times of creation are not kept.
//
// Each sample, native histogram, exemplar and entry of metadata is one line, so that points are
// counted, split, refused and replayed one by one. A request is not stored whole: routing, dead
// letters, replays, exports and counts would each have to read protobuf, a refused sample would
// take its request along, and the log would need a format of its own for it.
//
// ERRORS. kInvalidInput: the body is not what remote write sends, with the place.
// kFull: it is too large.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/lineprotocol/scanner.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// Decompresses a block of snappy; its size is checked against `limit` before.
Result<std::string> UncompressSnappy(std::string_view body, Bytes limit);

// Lines by what they were.
struct SampleCounts {
  PointCount samples = 0;
  PointCount histograms = 0;
  PointCount exemplars = 0;
};

struct ScannedSamples {
  ScannedLines scanned;  // Times in milliseconds. A refused "line" is a series, by its number.
  SampleCounts counts;
};

// REQUIRES: lines that ScanSamples has made.
SampleCounts CountSamples(std::string_view lines);

enum class RemoteWriteVersion : std::uint8_t { k1, k2 };

struct SampleLimits {
  Bytes line = kLineMax;
  // Bounds all lines together and, besides, what one series is read into. Each line repeats all
  // labels of its series, so that a small request may come to far more than its size.
  Bytes memory = 100_MiB;
};

// Refuses series whose labels are invalid, one by one: a name that is missing or occurs twice,
// text that is not UTF-8; and lines longer than the limit. `now`: the time of metadata, which has
// none. kFull: it takes more memory than the limit.
Result<ScannedSamples> ScanSamples(std::string_view message, WallTime now,
                                   RemoteWriteVersion version = RemoteWriteVersion::k1,
                                   const SampleLimits& limits = {});

}  // namespace relay
