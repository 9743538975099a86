// Names of precisions: one table for the write APIs, the settings and the commands, each of which
// knows some of them.
//
// THREADS. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wal/base/types.h"

namespace relay {

// Each has one name to write for a precision, and may accept others.
enum class PrecisionDialect : std::uint8_t {
  kSettings,  // Writes ns, us, ms, s, m, h.
  kCommands,  // Writes n, u, ms, s, m, h; accepts ns and us.
  kV1,        // InfluxDB 1.x writes n, u, ms, s, m, h; accepts ns, us, µ, and an empty name for n.
  kV2,        // InfluxDB 2.x writes ns, us, ms, s; it accepts an empty name for ns.
  kV3,        // InfluxDB 3.x writes nanosecond ... second; it accepts n, ns, u, us, ms, s.
};

// nullopt: the dialect has no such name.
std::optional<Precision> PrecisionNamed(std::string_view word, PrecisionDialect dialect);

// Returns the names to write, finest precision first.
std::vector<std::pair<std::string_view, Precision>> PrecisionWords(PrecisionDialect dialect);

// Returns the names to write, for a message: "n, u, ms, s, m or h".
std::string ListPrecisions(PrecisionDialect dialect);

// Returns the name to write. REQUIRES: the dialect has one.
std::string_view WordFor(Precision precision, PrecisionDialect dialect);

}  // namespace relay
