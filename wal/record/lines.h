// Finds the end of a line of line protocol and the name of its measurement. Writes are accepted by
// the same rules as stored lines are split, routed, replayed and exported.
//
// THREADS. Pure functions; a LineWalk belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relay {

// The extent of the first line of a text.
struct LineExtent {
  std::size_t size = 0;       // Without its newline; the text's size where it has none.
  bool open = false;          // The text ends within quotes or an escape.
  bool ends_escaped = false;  // The last byte is an escaped one.
};

// Finds the first line. A newline within quotes or after a backslash is part of its line.
LineExtent MeasureLine(std::string_view text);

// Iterates over stored lines.
class LineWalk {
 public:
  // REQUIRES: valid line protocol, each line terminated by a newline, as in a Record.
  explicit LineWalk(std::string_view lines) : left_(lines) {}

  bool AtEnd() const { return left_.empty(); }

  // Returns the next line with its newline. REQUIRES: !AtEnd().
  std::string_view Next();

 private:
  std::string_view left_;
};

// Returns the last line, with its newline. REQUIRES: as for LineWalk, and at least one line.
std::string_view LastLine(std::string_view lines);

// A field as written, escapes and quotes included.
struct FieldText {
  std::string_view name;
  std::string_view value;
  bool is_cut = false;  // The text ends behind the name or its `=`.
};

// Iterates over fields as InfluxDB does when it stores them: in a value, a backslash escapes only
// quotes and backslashes.
class FieldWalk {
 public:
  explicit FieldWalk(std::string_view fields) : left_(fields) {}

  bool AtEnd() const { return left_.empty(); }

  // Returns the next field. REQUIRES: !AtEnd().
  FieldText Next();

 private:
  std::string_view left_;
};

// Returns the fields of a line as in a Record.
std::string_view FieldsOf(std::string_view line);

// Returns a name without its escapes.
std::string Unescaped(std::string_view name);

// Returns what stands behind the last space of a line but for blanks at its end: its timestamp, if
// it has one.
std::string_view TimeTextOf(std::string_view line);

// Returns the timestamp of a line as in a Record. nullopt: it has none.
std::optional<std::int64_t> TimestampOf(std::string_view line);

// Returns whether the measurement and the fields' names are UTF-8. InfluxDB 1.x and 2.x keep them
// in a protobuf that can hold only UTF-8: after a line with another name the shard does not open
// any more. Tags and strings may hold any bytes.
// REQUIRES: one line as in a Record, with or without its newline.
bool NamesAreUtf8(std::string_view line);

// Returns the measurement of a point's line as written, escapes included.
std::string_view RawMeasurementOf(std::string_view line);

// Returns the name of the measurement, unescaped. `line` may be the raw measurement alone.
std::string MeasurementOf(std::string_view line);

}  // namespace relay
