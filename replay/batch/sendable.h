// Keeps lines from backends that they would damage: a measurement or field name that is not UTF-8
// makes an InfluxDB lose the shard (wal/record/lines.h). Writes with such names are refused today;
// a log of an earlier build may hold them.
//
// THREADS. A pure function.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wal/record/record.h"

namespace relay {

inline constexpr std::string_view kNotSendable =
    "not sent: the measurement or a field's name is not UTF-8, which damages an InfluxDB";

// A line that must not be sent.
struct UnsendableLine {
  std::uint32_t number = 0;  // In its record, from 1.
  std::string text;
};

struct SendableRecord {
  std::shared_ptr<const Record> record;  // Without those lines. nullptr: nothing is left.
  std::vector<UnsendableLine> unsendable;
};

// Returns the record itself if all of its lines can be sent.
SendableRecord FindSendable(std::shared_ptr<const Record> record);

}  // namespace relay
