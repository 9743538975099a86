// The relay's own log: one line an event on standard error, key=value, in the
// form that systemd's journal and every log shipper takes.
//
// THREADS. Any number at once; a line is never torn.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>

namespace relay {

enum class Level { kInfo, kWarning, kError };

using JournalField = std::pair<std::string_view, std::string_view>;

// `level=info event="…" key="value"`; control characters and quotes in values
// are escaped, a value is cut at 1 KiB.
void LogEvent(Level level, std::string_view event, std::initializer_list<JournalField> fields = {});

}  // namespace relay
