#include "relay/status/throughput.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace relay {
namespace {

// A record's size on disk besides its payload: its entry, in each backend's queue,
// with the engine's index.
constexpr double kEntryBytes = 100;

// A backlog of this many seconds counts as caught up.
constexpr double kMoment = 5;

// A time this long counts as never.
constexpr double kNever = 86'400.0 * 365 * 10;

double Grown(std::uint64_t before, std::uint64_t after) {
  return static_cast<double>(after) - static_cast<double>(before);
}

Bytes StoredFor(const QueueStats& figures) {
  return figures.owed.stored + figures.held.stored;
}

Flow Between(const QueueStats& before, const QueueStats& after, double seconds, double backends) {
  const double records = Grown(before.marks.head.value(), after.marks.head.value());
  Flow flow;
  flow.points_in = Grown(before.accepted.points, after.accepted.points) / seconds;
  flow.bytes_in = Grown(before.accepted.bytes.count(), after.accepted.bytes.count()) / seconds;
  flow.points_out = Grown(before.delivered + before.dead, after.delivered + after.dead) / seconds;
  flow.stored_in = (Grown(before.accepted.stored.count(), after.accepted.stored.count()) +
                    records * backends * kEntryBytes) /
                   seconds;
  const double owed_records =
      Grown(before.marks.lag() + before.held_records, after.marks.lag() + after.held_records);
  flow.owed_growth = (Grown(StoredFor(before).count(), StoredFor(after).count()) +
                      owed_records * backends * kEntryBytes) /
                     seconds;
  return flow;
}

std::optional<std::chrono::seconds> Whole(double seconds) {
  if (seconds > kNever) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(seconds));
}

}  // namespace

void FlowMeter::Note(Clock::TimePoint now, NamedFigures figures) {
  const std::lock_guard lock(mutex_);
  samples_.push_back({now, std::move(figures)});
  while (now - samples_.front().at > kWindow) samples_.pop_front();
}

std::map<std::string, Flow> FlowMeter::Flows() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Flow> flows;
  if (samples_.empty()) return flows;
  const Sample& last = samples_.back();
  for (const auto& [name, figures] : last.figures) {
    const auto first = std::find_if(
        samples_.begin(), samples_.end(),
        [&name = name](const Sample& sample) { return sample.figures.contains(name); });
    if (last.at - first->at < kWindowLeast) continue;
    const double seconds = std::chrono::duration<double>(last.at - first->at).count();
    flows[name] = Between(first->figures.at(name), figures, seconds,
                          static_cast<double>(last.figures.size()));
  }
  return flows;
}

std::optional<std::chrono::seconds> DrainEta(const QueueStats& figures, const Flow& flow) {
  if (figures.owed.points == 0) return std::chrono::seconds(0);
  // While points come in, a few seconds' worth of them is always owed.
  const auto owed = static_cast<double>(figures.owed.points);
  if (owed <= flow.points_out * kMoment) return Whole(std::ceil(owed / flow.points_out));
  const double net = flow.points_out - flow.points_in;
  if (net <= 0) return std::nullopt;
  return Whole(owed / net);
}

Bytes RoomIn(const DiskUse& disk, Bytes kept_by_all) {
  const Bytes below_max(disk.max > disk.used ? (disk.max - disk.used).count() : 0);
  const Bytes above_min(disk.free > disk.min_free ? (disk.free - disk.min_free).count() : 0);
  return std::min(below_max, above_min) + kept_by_all;
}

std::optional<std::chrono::seconds> TimeToFill(Bytes room, double per_second) {
  if (per_second <= 0) return std::nullopt;
  return Whole(static_cast<double>(room.count()) / per_second);
}

}  // namespace relay
