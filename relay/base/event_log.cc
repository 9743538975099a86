#include "relay/base/event_log.h"

#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <string>

namespace relay {
namespace {

std::string_view ToString(Level level) {
  switch (level) {
    case Level::kInfo: return "info";
    case Level::kWarning: return "warning";
    case Level::kError: return "error";
  }
  return "error";
}

std::string Escaped(std::string_view value) {
  constexpr std::size_t kSizeMax = 1024;
  std::string text;
  for (const char c : value.substr(0, kSizeMax)) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

void LogEvent(Level level, std::string_view event, std::initializer_list<JournalField> fields) {
  std::string line = fmt::format("level={} event=\"{}\"", ToString(level), Escaped(event));
  for (const auto& [key, value] : fields) {
    fmt::format_to(std::back_inserter(line), " {}=\"{}\"", key, Escaped(value));
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);  // One call: stderr is not buffered.
}

}  // namespace relay
