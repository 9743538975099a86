// The relay's event log: one line per event on standard error, key=value, the form that systemd's
// journal and log shippers accept.
//
// THREADS. Any number at once; lines never interleave.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

namespace relay {

enum class Level { kInfo, kWarning, kError };

using JournalField = std::pair<std::string_view, std::string_view>;

// Writes `level=info event="…" key="value"`. Control characters and quotes in values are escaped; a
// value is cut at 1 KiB.
void LogEvent(Level level, std::string_view event, std::initializer_list<JournalField> fields = {});

}  // namespace relay
