// `status --watch`: what a terminal shows of a relay, frame by frame.
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

// What the terminal can show.
struct ScreenStyle {
  bool colors = false;
  bool unicode = false;
};

// Points owed, oldest first, by backend.
using OwedHistory = std::map<std::string, std::vector<double>>;

// Of the JSON of /api/v1/history; what is none is empty.
OwedHistory OwedHistoryFrom(const std::string& json);

struct WatchView {
  const RelayStatus& status;
  const OwedHistory& history;
  std::string note;  // Why this is not of a running relay; empty: it is.
};

// At most `size.rows` lines of at most `size.columns` characters (escapes for
// colors beside), without a line's end after the last. What does not fit is
// told by its number of lines.
std::string WatchFrame(const WatchView& view, const ScreenSize& size, const ScreenStyle& style);

// The values as a row of blocks, the highest for the largest of each part.
std::string Sparkline(const std::vector<double>& values, std::size_t width);

}  // namespace relay
