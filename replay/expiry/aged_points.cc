#include "replay/expiry/aged_points.h"

#include <algorithm>

namespace relay {

void DuePoints::Add(const DuePoints& other) {
  expired += other.expired;
  if (other.expiring == 0) return;
  from = expiring == 0 ? other.from : std::min(from, other.from);
  to = expiring == 0 ? other.to : std::max(to, other.to);
  expiring += other.expiring;
}

void AgedPoints::Add(const Lane& lane, Sequence sequence, WallTime accepted, PointCount points) {
  LaneSpans& kept = lanes_[lane];
  if (kept.spans.empty() || accepted - kept.spans.back().from >= kept.grain) {
    if (kept.spans.size() >= kSpansMax) Merge(kept);
    kept.spans.push_back({.last = sequence, .from = accepted, .to = accepted, .points = points});
    return;
  }
  Span& span = kept.spans.back();
  span.last = sequence;
  span.to = std::max(span.to, accepted);
  span.points += points;
}

// Makes spans longer until there are half as many.
void AgedPoints::Merge(LaneSpans& lane) {
  while (lane.spans.size() > kSpansMax / 2) {
    lane.grain *= 2;
    std::vector<Span> merged;
    for (const Span& span : lane.spans) {
      const bool begins = merged.empty() || span.to - merged.back().from >= lane.grain;
      if (begins) merged.push_back({.from = span.from});
      merged.back().last = span.last;
      merged.back().to = span.to;
      merged.back().points += span.points;
    }
    lane.spans = std::move(merged);
  }
}

void AgedPoints::DropThrough(Sequence resolved) {
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    std::vector<Span>& spans = lane->second.spans;
    const auto left = std::find_if(spans.begin(), spans.end(),
                                   [&](const Span& span) { return span.last > resolved; });
    spans.erase(spans.begin(), left);
    lane = spans.empty() ? lanes_.erase(lane) : std::next(lane);
  }
}

std::vector<Lane> AgedPoints::Lanes() const {
  std::vector<Lane> lanes;
  lanes.reserve(lanes_.size());
  for (const auto& [lane, spans] : lanes_) lanes.push_back(lane);
  return lanes;
}

DuePoints AgedPoints::DueOf(const Lane& lane, const Keeps& keeps, WallTime now) const {
  DuePoints due;
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return due;
  for (const Span& span : found->second.spans) {
    if (now - span.to > keeps.duration) {
      due.expired += span.points;
    } else if (now - span.from >= keeps.duration - keeps.warning) {
      due.Add({.expiring = span.points, .from = span.from, .to = span.to});
    }
  }
  return due;
}

}  // namespace relay
