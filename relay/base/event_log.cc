#include "relay/base/event_log.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
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

// Returns whether standard error is the journal, as systemd says: "DEVICE:INODE".
bool GoesToJournal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  if (stream == nullptr || fstat(STDERR_FILENO, &file) != 0) return false;
  return fmt::format("{}:{}", file.st_dev, file.st_ino) == stream;
}

// Returns "<4>", the priority that the journal takes from the front of a line; empty elsewhere.
std::string_view Priority(Level level) {
  static const bool is_journal = GoesToJournal();
  if (!is_journal) return "";
  switch (level) {
    case Level::kInfo: return "<6>";
    case Level::kWarning: return "<4>";
    case Level::kError: return "<3>";
  }
  return "";
}

}  // namespace

void LogEvent(Level level, std::string_view event, std::initializer_list<JournalField> fields) {
  std::string line =
      fmt::format("{}level={} event=\"{}\"", Priority(level), ToString(level), Escaped(event));
  for (const auto& [key, value] : fields) {
    fmt::format_to(std::back_inserter(line), " {}=\"{}\"", key, Escaped(value));
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);  // One call: stderr is not buffered.
}

}  // namespace relay
