// What a long command shows of itself on a terminal: one line that is written
// over, a few times a second. Where standard error is no terminal, nothing.
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

  // Whether it is time to show something again.
  bool IsDue() const;

  // `part`, from 0 to 1, is drawn as a bar; none where it is not known.
  void Show(std::optional<double> part, std::string_view words);

  // Before anything else is printed.
  void Erase();

 private:
  const Clock& clock_;
  const bool terminal_;
  std::optional<Clock::TimePoint> shown_at_;
  bool visible_ = false;
};

// "1,234,567".
std::string Grouped(std::uint64_t number);

}  // namespace relay
