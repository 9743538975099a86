// Watermarks of one lane: what the relay wrote into a backend beside the data, and what a later
// read of them says about the data.
//
// A mark is a point that says: everything of this lane up to a sequence was accepted before me. A
// backend that acknowledged a mark and lacks it later lost what was written around it too: it was
// put back to a backup, emptied, recreated, or is another server. replay/marks/README.md has the
// whole design.
//
// THREADS. Values and pure functions.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/types.h"

namespace relay {

// A mark that a backend acknowledged. The time is that of its point, and tells it from all others.
struct Watermark {
  std::int64_t time = 0;  // Nanoseconds since 1970.
  Sequence sequence = Sequence::BeforeFirst();

  friend auto operator<=>(const Watermark&, const Watermark&) = default;
};

// The fate of a backend that lacks marks. The words are part of the file of marks.
enum class Divergence : std::uint8_t {
  kPutBack,  // It has older marks: a backup was restored, or its newest writes are lost.
  kEmptied,  // It has no mark, and nobody else's.
  kGone,     // The database or the retention policy does not exist.
  kSwapped,  // It has marks of another backend, or of another relay, that are as old as these.
};

// Returns "put back", "emptied", "gone" or "swapped".
std::string_view ToString(Divergence divergence);

// The marks found in a lane's place.
struct MarksRead {
  bool has_place = true;              // False: there is no such database or policy.
  std::set<Watermark> own = {};       // Those among the remembered ones;
  bool has_own = false;               // there are some, remembered or not.
  std::string other = {};             // "backend influx-b"; empty: no mark of anybody else.
  std::int64_t other_since = 0;       // The time of the oldest of those.
  std::chrono::nanoseconds keeps{0};  // The policy deletes older points; 0: it deletes none.
};

struct MarksVerdict {
  enum class Kind : std::uint8_t {
    kIntact,    // Every mark that must be there is.
    kNotKnown,  // No mark must be there: none was written, or they are too old by now.
    kDiverged,
  };

  Kind kind = Kind::kNotKnown;
  Divergence divergence = Divergence::kPutBack;
  // The backend has everything up to here; of what was delivered later, some may be missing.
  Sequence from = Sequence::BeforeFirst();
};

// The marks of one lane that were acknowledged, the oldest first. INVARIANT: times ascend strictly,
// sequences ascend.
class LaneMarks {
 public:
  static constexpr std::size_t kNewest = 16;  // Each of these is remembered;
  static constexpr int kSpacing = 8;          // of older ones, one for each 1/8 of their age.
  static constexpr std::size_t kChecked = 2;  // The newest ones: a look at these is a check.

  // REQUIRES: later than all, and its sequence not lower. Marks at or before `trimmed` are useless
  // for a rewind: only the newest of them stays.
  void Remember(Watermark mark, Sequence trimmed);

  // Returns the time of the oldest mark that a check looks for. REQUIRES: not empty.
  std::int64_t CheckedSince() const;

  // Returns whether the newest marks are there, those that must still be.
  bool HasNewest(const MarksRead& read, WallTime now) const;

  // Judges a read of all times since oldest().
  MarksVerdict Judge(const MarksRead& read, WallTime now) const;

  // Forgets marks behind `last`, which may be gone.
  void ForgetAfter(Sequence last);
  void Clear() { marks_.clear(); }

  bool Has(Watermark mark) const;
  bool empty() const { return marks_.empty(); }
  const Watermark& oldest() const { return marks_.front(); }  // REQUIRES: not empty.
  const Watermark& newest() const { return marks_.back(); }   // REQUIRES: not empty.
  const std::vector<Watermark>& all() const { return marks_; }

 private:
  std::vector<Watermark> marks_;
};

// Returns whether a policy that keeps points for `keeps` must still have one of this time. Servers
// delete a little earlier or later than their policy says.
bool MustBeThere(std::int64_t time, std::chrono::nanoseconds keeps, WallTime now);

}  // namespace relay
