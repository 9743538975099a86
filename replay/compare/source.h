// A server whose values are compared, as the comparison sees it.
//
// ERRORS. kNotFound: there is no such database. kUnavailable: no answer, or it ended too early:
// whatever was passed to a sink until then is a part. kInvalidInput: the server refuses to tell, or
// its answer cannot be understood; the message says why.
//
// THREADS. One uses it; Cancel from any.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replay/compare/grid.h"
#include "replay/compare/value.h"
#include "wal/base/result.h"

namespace relay {

// The measurement that a relay writes its watermarks to, which says nothing of clients' points.
inline constexpr std::string_view kMarkMeasurement = "_relay_mark";

// Names of clients, which may be others on the server.
struct MeasurementRef {
  std::string database;
  std::string policy;
  std::string measurement;

  friend auto operator<=>(const MeasurementRef&, const MeasurementRef&) = default;
};

// Returns "metrics.autogen.cpu".
std::string ToString(const MeasurementRef& place);

struct PolicyInfo {
  std::string name;
  std::chrono::nanoseconds duration{0};        // 0: for ever.
  std::chrono::nanoseconds shard_duration{0};  // The server stores such spans of time apart.
  bool is_default = false;
};

// A field, once for each type it has in some span of time.
struct FieldInfo {
  std::string name;
  FieldType type = FieldType::kFloat;

  friend auto operator<=>(const FieldInfo&, const FieldInfo&) = default;
};

struct MeasurementInfo {
  std::string name;
  std::vector<FieldInfo> fields;
};

// How time is cut into windows.
struct WindowShape {
  std::chrono::nanoseconds length{0};
  std::int64_t offset = 0;  // The start of one of them, in nanoseconds since 1970.
};

// A span of time with values.
struct TimeWindow {
  std::int64_t start = 0;
  std::uint64_t values = 0;
};

// Tags and fields are given in any order.
using Tag = std::pair<std::string, std::string>;

// Receives values as they are read: a series with its columns, its points in any order, and the
// values that each has. A series may come several times.
class ValueSink {
 public:
  virtual ~ValueSink() = default;

  // Tags that a point lacks may be left out or have an empty value.
  virtual void Series(const std::vector<Tag>& tags, const std::vector<std::string>& fields) = 0;
  virtual void Point(std::int64_t time) = 0;
  // `field` counts from 0 in the series' list of fields.
  virtual void Take(std::size_t field, const Value& value) = 0;
};

// The properties of a server that decide how its values can be compared.
struct SourceTraits {
  std::int64_t tick = 1;  // Times are multiples of this many nanoseconds; finer are cut.
  // False: each field of a measurement is a metric of its own, `measurement_field`, with numbers
  // only, all policies of a database are one, and no point tells the values that it came with.
  bool has_measurements = true;
};

class Source {
 public:
  virtual ~Source() = default;

  virtual const std::string& name() const = 0;
  virtual SourceTraits traits() const = 0;

  virtual Result<std::vector<std::string>> Databases() = 0;
  virtual Result<std::vector<PolicyInfo>> Policies(const std::string& database) = 0;
  // Returns the measurements that have points in the policy; metrics, without fields, if it has no
  // measurements. May return some whose points were deleted.
  virtual Result<std::vector<MeasurementInfo>> Measurements(const std::string& database,
                                                            const std::string& policy) = 0;

  // Returns the windows that have values in the range, in order. `fields`: those of the
  // measurement. REQUIRES: length and offset are whole microseconds; it has measurements.
  virtual Result<std::vector<TimeWindow>> Windows(const MeasurementRef& place,
                                                  const std::vector<FieldInfo>& fields,
                                                  const TimeRange& range, WindowShape shape) = 0;

  // Passes every value in the range to the sink. If a field has several types, the range must not
  // be longer than one window: then each has one. `fields`: those of the measurement.
  virtual Status Scan(const MeasurementRef& place, const std::vector<FieldInfo>& fields,
                      const TimeRange& range, ValueSink& sink) = 0;

  // Makes everything that was written readable.
  virtual Status Flush() { return Ok(); }

  // Ends a call that another thread waits in, and all later ones, with kUnavailable.
  virtual void Cancel() = 0;
};

}  // namespace relay
