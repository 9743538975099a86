// The fast path for line protocol: recognises common well-formed lines and leaves all others to
// grammar.h.
//
// It accepts a subset of what JudgeLine accepts. All scanners of InfluxDB agree
// on where these lines end, because in them
//   - a name has a bare `=`, and only where it ends;
//   - quotes stand around whole values of fields, nowhere else;
//   - a backslash is never followed by another one outside of such quotes,
//     where the rules of escaping differ;
//   - no name is `time`, and a measurement or a field's name is UTF-8, so that
//     InfluxDB can store what it accepts;
//   - no newline is quoted or escaped, and tabs and NUL bytes stand in quotes
//     at most (NUL bytes not even there).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wal/base/types.h"

namespace relay {

// The size of text indexed at a time: the index stays in the first-level cache.
constexpr std::size_t kWindowBytes = 8192;

// The positions, in a window, of the structural bytes: , = space " \ tab newline and
// NUL. Not initialised: zeroing them would take longer than scanning a line.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
struct StructureIndex {
  // Positions are written several at once, so some land behind the last.
  static constexpr std::size_t kSlack = 64;

  std::size_t count = 0;
  bool is_ascii = true;  // No byte of the window is above 0x7F.
  std::array<std::uint16_t, kWindowBytes + kSlack> positions;
};

// Fills `index` for `window`. REQUIRES: window.size() <= kWindowBytes.
void IndexStructure(std::string_view window, StructureIndex& index);

// The same without vector instructions.
void IndexStructurePortably(std::string_view window, StructureIndex& index);

// Bounds on the digits of a time that is certainly within InfluxDB's range.
struct TimeBound {
  std::size_t bytes_max;  // It has fewer digits than this, or
  char first_below;       // as many and a lower first digit than this.
};

// Walks over a text line by line.
//
// THREADS. One thread.
class FastLines {
 public:
  enum class Kind : std::uint8_t {
    kTimed,    // A point with its time.
    kUntimed,  // A point without a time.
    kUnsure,   // JudgeLine must decide.
  };
  struct Line {
    Kind kind = Kind::kUnsure;
    std::size_t end = 0;  // Its newline's position; unused if kUnsure.
  };

  // REQUIRES: `text` outlives this.
  FastLines(std::string_view text, Precision precision);

  // Returns the line that starts at `at`. REQUIRES: at < text.size(); `at` never
  // decreases.
  Line Next(std::size_t at);

 private:
  void OpenWindow(std::size_t at);

  std::string_view text_;
  TimeBound bound_;
  std::size_t window_ = 0;      // The window's start.
  std::size_t window_end_ = 0;  // Behind the last newline in it.
  std::size_t next_ = 0;        // The first unused position.
  StructureIndex index_;
};

}  // namespace relay
