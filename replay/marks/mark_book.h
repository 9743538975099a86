// All watermarks of one backend: the lanes, which marks it acknowledged, and which lanes diverged.
//
// A lane that diverged stays so until what may be missing is owed again: the cursor was set back
// far enough, or an operator takes note. That its marks are there again is not enough once
// something was delivered in between: that went somewhere else. No mark is written into it
// meanwhile.
//
// DURABILITY. Encode and Decode are the file of marks; wal/FORMAT.md describes it. Losing it loses
// no data: a loss before the next mark is then not noticed.
//
// THREADS. One at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replay/marks/watermark.h"
#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/record/model.h"

namespace relay {

struct LaneDivergence {
  WallTime since;
  Divergence divergence = Divergence::kPutBack;
  Sequence from = Sequence::BeforeFirst();
  std::string other = {};  // For kSwapped: whose marks are there.

  friend bool operator==(const LaneDivergence&, const LaneDivergence&) = default;
};

class MarkBook {
 public:
  // More lanes are not watched: each costs a question every few seconds.
  static constexpr std::size_t kLanesMax = 1'000;

  // The outcome of a check of one lane.
  enum class Outcome : std::uint8_t {
    kIntact,
    kUnsure,    // Marks are missing for the first time: look again.
    kDiverged,  // It diverged, now or before.
    kMended,    // It is no longer diverged.
  };

  // Events of the delivery.
  void Delivered(const Lane& lane, Sequence last);  // Records up to `last` were accepted.
  void Changed(const std::string& database);        // A statement changed what is there.
  void Rewound(const Marks& marks);                 // The cursor was set back.

  // The relay delivers under another lease than before: others may have rewound and mended.
  void BeginLease(std::uint64_t lease);

  // Takes note of every divergence: what may be missing is not asked for any more. Returns whether
  // there was one.
  bool Acknowledge();

  // Judges what was read of a lane since its oldest mark.
  Outcome Note(const Lane& lane, const MarksRead& read, WallTime now, const Marks& marks);

  // Notes that a check found the newest marks.
  void NoteIntact(const Lane& lane);

  // Returns the mark to write now; nullopt: none. `cursor`: everything of the lane up to here was
  // delivered; nullopt: that is not known, since the lane is on hold.
  std::optional<Watermark> NextMark(const Lane& lane, const MarksRead& read, WallTime now,
                                    std::optional<Sequence> cursor) const;

  // The backend acknowledged it.
  void Acknowledged(const Lane& lane, Watermark mark, Sequence trimmed);

  // Forgets a lane that has no marks: its place does not exist.
  void Forget(const Lane& lane) { lanes_.erase(lane); }

  std::vector<Lane> Lanes() const;
  bool has_too_many() const { return has_too_many_; }
  const LaneMarks& MarksOf(const Lane& lane) const;
  std::optional<LaneDivergence> DivergenceOf(const Lane& lane) const;

  // The lane that diverged and must be rewound furthest; nullopt: none diverged. `since` is that of
  // the first.
  std::optional<std::pair<Lane, LaneDivergence>> Worst() const;

  // Returns the sequence up to which every lane's newest mark says that it has everything.
  std::optional<Watermark> Newest() const;

  // `log`: identifies the log that the sequences are of.
  std::string Encode(const std::string& log) const;
  // kCorruption: the bytes are not what was written, or a newer version wrote them. Another log's:
  // an empty book. `cursor`: what was delivered before the last end is not known.
  static Result<MarkBook> Decode(std::string_view text, const std::string& log, Sequence cursor);

 private:
  struct LaneState {
    LaneMarks marks = {};
    Sequence delivered = Sequence::BeforeFirst();  // The highest sequence delivered.
    std::optional<LaneDivergence> diverged = {};
    std::optional<Sequence> rewound_to = {};  // Since the last check that found every mark.
    bool missed = false;                      // The last check was the first to miss a mark.
  };

  class Reader;

  static Outcome NoteThere(LaneState& state, const MarksVerdict& verdict);
  static Outcome NoteLost(LaneState& state, const MarksVerdict& verdict, LaneDivergence found,
                          const Marks& marks);

  std::map<Lane, LaneState> lanes_;
  std::uint64_t lease_ = 0;
  bool has_too_many_ = false;
};

}  // namespace relay
