// `status --watch`: the frames that show a relay's status on a terminal.
//
// THREADS. Values and pure functions.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "relay/status/relay_status.h"

namespace relay {

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;

  friend bool operator==(const ScreenSize&, const ScreenSize&) = default;
};

// Capabilities of the terminal.
struct ScreenStyle {
  bool colors = false;
  bool unicode = false;
};

// Points owed, oldest first, by backend.
using OwedHistory = std::map<std::string, std::vector<double>>;

// Parses the JSON of /api/v1/history; empty: not such a document.
OwedHistory OwedHistoryFrom(const std::string& json);

struct WatchView {
  const RelayStatus& status;
  const OwedHistory& history;
  std::string note;  // Says why the status is not a running relay's; empty: it is.
};

// Formats at most `size.rows` lines of at most `size.columns` characters (not counting color
// escapes), without a newline after the last. If lines do not fit, the last line says how many.
std::string WatchFrame(const WatchView& view, const ScreenSize& size, const ScreenStyle& style);

// Draws the values as a row of blocks, each for the largest of its part.
std::string Sparkline(const std::vector<double>& values, std::size_t width);

}  // namespace relay
