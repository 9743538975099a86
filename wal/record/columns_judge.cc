#include "wal/record/columns_judge.h"

#include <algorithm>
#include <utility>

#include "wal/base/mix.h"

namespace relay {
namespace {

// The experience with one lane. All zero: there is none yet.
struct Experience {
  unsigned pause_left = 0;  // Records that are not tried.
  unsigned pauses = 0;      // In a row.
  unsigned losses = 0;      // In a row, since the last pause.
  unsigned wins = 0;        // Since both were compared; 0: they were not, or columns lost.
};

constexpr unsigned kPausesMax = 7;

constexpr std::uint32_t Pack(const Experience& of) {
  return of.pause_left | of.pauses << 16U | of.losses << 20U | of.wins << 24U;
}

constexpr Experience Unpack(std::uint32_t packed) {
  return {.pause_left = packed & 0xffffU,
          .pauses = packed >> 16U & 0xfU,
          .losses = packed >> 20U & 0xfU,
          .wins = packed >> 24U};
}

}  // namespace

ColumnsJudge::Place& ColumnsJudge::PlaceOf(const WriteParams& params) {
  const std::hash<std::string_view> hash;
  const std::uint64_t lane = Mix(hash(params.database)) ^ hash(params.retention_policy);
  return places_.at(Mix(lane) % kPlaces);
}

ColumnsJudge::Attempt ColumnsJudge::Next(const WriteParams& params) {
  Place& place = PlaceOf(params);
  Experience lane = Unpack(place.load(std::memory_order_relaxed));
  if (lane.pause_left > 0) {
    --lane.pause_left;
    place.store(Pack(lane), std::memory_order_relaxed);
    return Attempt::kZstd;
  }
  return lane.wins == 0 || lane.wins >= kCompareEvery ? Attempt::kBoth : Attempt::kColumns;
}

void ColumnsJudge::Learn(const WriteParams& params, bool columns_won) {
  Place& place = PlaceOf(params);
  Experience lane = Unpack(place.load(std::memory_order_relaxed));
  if (columns_won) {
    lane = {.wins = lane.wins % kCompareEvery + 1};
  } else {
    lane.wins = 0;
    ++lane.losses;
    // A lane that has just been paused is paused again at once.
    if (lane.losses >= kLossesToPause || lane.pauses > 0) {
      lane.pause_left = std::min(kPauseMax, kPauseFirst << lane.pauses);
      lane.pauses = std::min(lane.pauses + 1, kPausesMax);
      lane.losses = 0;
    }
  }
  place.store(Pack(lane), std::memory_order_relaxed);
}

bool ColumnsJudge::AppendChecked(const Record& record, std::string& value) const {
  const std::string& lines = record.lines;
  const std::size_t before = value.size();
  if (!codec_.append(lines, value)) return false;
  const std::string_view stored = std::string_view(value).substr(before);
  const Result<std::string> read = codec_.decode(stored, Bytes(lines.size()));
  if (read.ok() && read.value() == lines) return true;
  value.resize(before);
  if (on_mismatch_) on_mismatch_(record);
  return false;
}

}  // namespace relay
