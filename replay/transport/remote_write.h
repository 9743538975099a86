// Prometheus remote write, version 1, as backends are sent it: a message in protobuf, compressed
// with snappy.
//
// Samples are stored as lines of line protocol, like every other write: routing, dead letters,
// counts, replays and exports need not know them. A sample is the line that InfluxDB 1.8 makes of
// it: the measurement is __name__, the tags are all labels, the field is `value`, the time is in
// milliseconds. Names, values and times are the same again in the message that is made of it.
// Parts that a line cannot express (NaN with its bits, infinities, native histograms, exemplars,
// metadata, labels that line protocol has no form for) are stored as opaque lines: the one field of
// such a line holds a field of the message as it came. Such lines are for backends with this API
// alone.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

// The measurement of a sample without a __name__, as InfluxDB 1.8 has it.
inline constexpr std::string_view kNamelessSample = "prom_metric_not_specified";

// Numbers of the fields of the protobuf messages.
struct RemoteWriteFields {
  // The request.
  static constexpr std::uint32_t kSeries = 1;
  static constexpr std::uint32_t kMetadata = 3;
  // Metadata.
  static constexpr std::uint32_t kFamilyName = 2;
  // A series; an exemplar has labels too.
  static constexpr std::uint32_t kLabels = 1;
  static constexpr std::uint32_t kSamples = 2;
  static constexpr std::uint32_t kExemplars = 3;
  static constexpr std::uint32_t kHistograms = 4;
  // A label.
  static constexpr std::uint32_t kName = 1;
  static constexpr std::uint32_t kText = 2;
  // A sample.
  static constexpr std::uint32_t kValue = 1;
  static constexpr std::uint32_t kTime = 2;
  // An exemplar, and a native histogram.
  static constexpr std::uint32_t kExemplarValue = 2;
  static constexpr std::uint32_t kExemplarTime = 3;
  static constexpr std::uint32_t kHistogramTime = 15;
};

using Label = std::pair<std::string, std::string>;  // Name and value.

// Returns the labels that a line with this series key (measurement and tags) is sent with, sorted
// by name, and those alone that have a value.
std::vector<Label> LabelsOfKey(std::string_view key);

// Returns the fields of an opaque line. `message`: one field of a request, its tag included.
std::string OpaqueFields(std::string_view message);

// Returns the message of an opaque line; nullopt: the line is not opaque. Empty: what it holds is
// no message.
std::optional<std::string> MessageOfOpaque(std::string_view line);

// REQUIRES: one line as in a Record.
bool IsOpaqueSample(std::string_view line);

// Returns false if no line can be opaque; true: look at each.
bool MayHaveOpaqueSamples(std::string_view lines);

// The largest request, before it is compressed.
inline constexpr Bytes kRemoteWriteMax = 32_MiB;

// Returns the request for lines as in a Record; empty: they have no sample. Lines that no sample
// was stored as are sent in the way of VictoriaMetrics: a sample for each field that is a number
// or a boolean, MEASUREMENT_FIELD, or MEASUREMENT for the field `value`.
// kFull: the request would be larger than `limit`. It repeats all labels of a line for each field.
Result<std::string> EncodeRemoteWrite(std::string_view lines, Precision precision,
                                      Bytes limit = kRemoteWriteMax);

}  // namespace relay
