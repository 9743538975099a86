#include "replay/marks/watermark.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "wal/base/invariant.h"

namespace relay {

std::string_view ToString(Divergence divergence) {
  switch (divergence) {
    case Divergence::kPutBack: return "put back";
    case Divergence::kEmptied: return "emptied";
    case Divergence::kGone: return "gone";
    case Divergence::kSwapped: return "swapped";
  }
  INVARIANT(false);
}

bool MustBeThere(std::int64_t time, std::chrono::nanoseconds keeps, WallTime now) {
  constexpr std::int64_t kPart = 10;
  if (keeps.count() == 0) return true;
  return now.time_since_epoch().count() - time < keeps.count() - keeps.count() / kPart;
}

namespace {

// Returns whether two times are in the same slot, where slots double in length with their age: the
// first mark of a slot is then the first of every slot that this one becomes a part of.
bool AreNear(std::int64_t earlier, std::int64_t time, std::int64_t now) {
  const auto length = static_cast<std::uint64_t>(now - time) / LaneMarks::kSpacing;
  if (length < 2) return false;
  const auto bits = static_cast<int>(std::bit_width(length)) - 1;
  return earlier >> bits == time >> bits;
}

}  // namespace

void LaneMarks::Remember(Watermark mark, Sequence trimmed) {
  INVARIANT(marks_.empty() || marks_.back().time < mark.time);
  INVARIANT(marks_.empty() || marks_.back().sequence <= mark.sequence);
  marks_.push_back(mark);
  std::vector<Watermark> kept;
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    const bool is_last = i + 1 == marks_.size();
    if (!is_last && marks_[i + 1].sequence <= trimmed) continue;
    const bool is_old = i > 0 && i + kNewest < marks_.size();
    if (is_old && AreNear(marks_[i - 1].time, marks_[i].time, mark.time)) continue;
    kept.push_back(marks_[i]);
  }
  marks_ = std::move(kept);
}

std::int64_t LaneMarks::CheckedSince() const {
  INVARIANT(!marks_.empty());
  return marks_[marks_.size() - std::min(marks_.size(), kChecked)].time;
}

bool LaneMarks::HasNewest(const MarksRead& read, WallTime now) const {
  const auto count = static_cast<std::ptrdiff_t>(std::min(marks_.size(), kChecked));
  return read.has_place &&
         std::all_of(marks_.end() - count, marks_.end(), [&](const Watermark& mark) {
           return read.own.contains(mark) || !MustBeThere(mark.time, read.keeps, now);
         });
}

MarksVerdict LaneMarks::Judge(const MarksRead& read, WallTime now) const {
  MarksVerdict verdict;
  const auto diverged = [&](Divergence divergence) {
    verdict.kind = MarksVerdict::Kind::kDiverged;
    verdict.divergence = divergence;
    return verdict;
  };
  if (marks_.empty()) return verdict;
  if (!read.has_place) return diverged(Divergence::kGone);
  for (const Watermark& mark : marks_) {
    const bool is_there = read.own.contains(mark);
    if (!is_there && !MustBeThere(mark.time, read.keeps, now)) continue;
    if (is_there) {
      verdict.kind = MarksVerdict::Kind::kIntact;
      verdict.from = mark.sequence;
      continue;
    }
    const bool has_others = !read.other.empty() && read.other_since <= newest().time;
    if (read.has_own) return diverged(Divergence::kPutBack);
    return diverged(has_others ? Divergence::kSwapped : Divergence::kEmptied);
  }
  return verdict;
}

void LaneMarks::ForgetAfter(Sequence last) {
  marks_.erase(std::find_if(marks_.begin(), marks_.end(),
                            [last](const Watermark& mark) { return mark.sequence > last; }),
               marks_.end());
}

bool LaneMarks::Has(Watermark mark) const {
  return std::binary_search(marks_.begin(), marks_.end(), mark);
}

}  // namespace relay
