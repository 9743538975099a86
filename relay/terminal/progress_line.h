// Progress of a long command on a terminal: one line that is overwritten a few times a second.
// Silent if standard error is not a terminal.
//
// THREADS. One.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wal/base/clock.h"

namespace relay {

class ProgressLine {
 public:
  explicit ProgressLine(const Clock& clock);
  ~ProgressLine() { Erase(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Returns whether it is time to show progress again.
  bool IsDue() const;

  // `part`, from 0 to 1, is drawn as a bar; nullopt: unknown, no bar.
  void Show(std::optional<double> part, std::string_view text);

  // Erases the line; call it before printing anything else.
  void Erase();

 private:
  const Clock& clock_;
  const bool terminal_;
  std::optional<Clock::TimePoint> shown_at_;
  bool visible_ = false;
};

// Returns "1,234,567".
std::string Grouped(std::uint64_t number);

}  // namespace relay
