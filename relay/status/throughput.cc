#include "relay/status/throughput.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace relay {
namespace {

// A record's size on disk besides its payload: its entry, in each backend's queue,
// with the engine's index.
constexpr double kEntryBytes = 100;

// A backlog of this many seconds counts as caught up.
constexpr double kMoment = 5;

// A time this long counts as never: nobody acts on it, and it changes with every sample.
constexpr double kNever = 86'400.0 * 90;

double Grown(std::uint64_t before, std::uint64_t after) {
  return static_cast<double>(after) - static_cast<double>(before);
}

Bytes StoredFor(const QueueStats& figures) {
  return figures.owed.stored + figures.held.stored;
}

PointCount Resolved(const QueueStats& figures) {
  return figures.delivered + figures.dead;
}

// Two readings of one backend.
struct Stretch {
  const QueueStats& before;
  const QueueStats& after;
  double seconds;
};

// Measures what flows.
void Measure(Flow& flow, const Stretch& stretch) {
  const auto& [before, after, seconds] = stretch;
  flow.points_in = Grown(before.accepted.points, after.accepted.points) / seconds;
  flow.bytes_in = Grown(before.accepted.bytes.count(), after.accepted.bytes.count()) / seconds;
  flow.points_out = Grown(Resolved(before), Resolved(after)) / seconds;
}

// Measures what fills the disk.
void MeasureDisk(Flow& flow, const Stretch& stretch, double backends) {
  const auto& [before, after, seconds] = stretch;
  const double records = Grown(before.marks.head.value(), after.marks.head.value());
  flow.stored_in = (Grown(before.accepted.stored.count(), after.accepted.stored.count()) +
                    records * backends * kEntryBytes) /
                   seconds;
  const double owed_records =
      Grown(before.marks.lag() + before.held_records, after.marks.lag() + after.held_records);
  flow.owed_growth = (Grown(StoredFor(before).count(), StoredFor(after).count()) +
                      owed_records * backends * kEntryBytes) /
                     seconds;
}

double SecondsBetween(Clock::TimePoint from, Clock::TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

Bytes BelowMax(const DiskUse& disk) {
  return disk.max - std::min(disk.max, disk.used);
}

Bytes AboveMin(const DiskUse& disk) {
  return disk.free - std::min(disk.free, disk.min_free);
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
  KeepLastRates();
}

// A rate counts once points have gone out between each two samples of the window: the last seconds
// before a backend goes away would make it small. REQUIRES: the mutex is held.
void FlowMeter::KeepLastRates() {
  const Sample& last = samples_.back();
  std::erase_if(last_rates_, [&](const auto& rate) { return !last.figures.contains(rate.first); });
  for (const auto& [name, figures] : last.figures) {
    const Sample* after = &last;
    bool goes_on = true;
    for (auto it = samples_.rbegin() + 1; it != samples_.rend() && goes_on; ++it) {
      if (!it->figures.contains(name)) break;
      goes_on = Resolved(it->figures.at(name)) < Resolved(after->figures.at(name));
      after = &*it;
      if (last.at - after->at >= kFlowWindow) break;
    }
    if (!goes_on || last.at - after->at < kFlowWindow) continue;
    last_rates_[name] = Grown(Resolved(after->figures.at(name)), Resolved(figures)) /
                        SecondsBetween(after->at, last.at);
  }
}

// REQUIRES: the mutex is held, and the newest sample has the backend.
const FlowMeter::Sample& FlowMeter::Before(Clock::TimePoint at, std::chrono::seconds window,
                                           const std::string& backend) const {
  const Sample* found = &samples_.back();
  for (auto it = samples_.rbegin(); it != samples_.rend(); ++it) {
    if (!it->figures.contains(backend)) break;
    found = &*it;
    if (at - it->at >= window) break;
  }
  return *found;
}

std::map<std::string, Flow> FlowMeter::Flows() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Flow> flows;
  if (samples_.empty()) return flows;
  const Sample& last = samples_.back();
  const auto backends = static_cast<double>(last.figures.size());
  for (const auto& [name, figures] : last.figures) {
    const Sample& lately = Before(last.at, kFlowWindow, name);
    const Sample& first = Before(last.at, kWindow, name);
    if (last.at - first.at < kWindowLeast) continue;
    Flow& flow = flows[name];
    Measure(flow, {lately.figures.at(name), figures, SecondsBetween(lately.at, last.at)});
    MeasureDisk(flow, {first.figures.at(name), figures, SecondsBetween(first.at, last.at)},
                backends);
    const auto rate = last_rates_.find(name);
    flow.last_points_out = rate == last_rates_.end() ? flow.points_out : rate->second;
  }
  return flows;
}

std::optional<std::chrono::seconds> DrainEta(const QueueStats& figures, const Flow& flow) {
  if (figures.owed.points == 0) return std::chrono::seconds(0);
  if (flow.points_out <= 0) return std::nullopt;
  // While points come in, a few seconds' worth of them is always owed.
  const auto owed = static_cast<double>(figures.owed.points);
  if (owed <= flow.points_out * kMoment) return Whole(std::ceil(owed / flow.points_out));
  const double net = flow.points_out - flow.points_in;
  if (net <= 0) return std::nullopt;
  return Whole(owed / net);
}

std::optional<std::chrono::seconds> EtaOnReturn(const QueueStats& figures, const Flow& flow) {
  if (figures.owed.points == 0 || flow.last_points_out <= 0) return std::nullopt;
  return Whole(std::ceil(static_cast<double>(figures.owed.points) / flow.last_points_out));
}

std::string_view ToString(DiskLimit limit) {
  return limit == DiskLimit::kMaxSize ? "log.max_size" : "log.min_free";
}

DiskLimit BindingLimit(const DiskUse& disk) {
  return AboveMin(disk) < BelowMax(disk) ? DiskLimit::kMinFree : DiskLimit::kMaxSize;
}

Bytes CapacityOf(const DiskUse& disk) {
  return disk.used + std::min(BelowMax(disk), AboveMin(disk));
}

double ShareUsed(const DiskUse& disk, Bytes kept_by_all) {
  if (disk.used == 0_B) return 0;
  const Bytes needed = disk.used - std::min(disk.used, kept_by_all);
  return static_cast<double>(needed.count()) / static_cast<double>(CapacityOf(disk).count());
}

std::optional<int> FillAlarm::Note(double share) {
  constexpr std::array kMarks = {80, 90, 95};
  constexpr int kBelow = 5;  // The share goes up and down with every file of the log.
  const double percent = share * 100;
  const int before = passed_;
  if (percent < passed_ - kBelow) passed_ = 0;
  for (const int mark : kMarks) {
    const bool stays = mark <= before && percent >= mark - kBelow;
    if (percent >= mark || stays) passed_ = std::max(passed_, mark);
  }
  return passed_ > before ? std::optional(passed_) : std::nullopt;
}

Bytes RoomIn(const DiskUse& disk, Bytes kept_by_all) {
  return std::min(BelowMax(disk), AboveMin(disk)) + kept_by_all;
}

std::optional<std::chrono::seconds> TimeToFill(Bytes room, double per_second) {
  if (per_second <= 0) return std::nullopt;
  return Whole(static_cast<double>(room.count()) / per_second);
}

}  // namespace relay
