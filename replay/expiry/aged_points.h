// Counts the points of a queue by lane and age, in spans of time, so that memory stays bounded
// whatever the queue holds.
//
// A span counts as resolved when all of it is: what is left of one that is partly resolved is
// counted in full until then.
//
// THREADS. One at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <vector>

#include "wal/base/types.h"
#include "wal/record/model.h"

namespace relay {

// How long a lane's target keeps points, and how long before that an operator is told.
struct Keeps {
  std::chrono::nanoseconds duration{0};
  std::chrono::nanoseconds warning{0};
};

// The points of one lane that will be, or are, older than their target keeps.
struct DuePoints {
  PointCount expired = 0;   // Older already.
  PointCount expiring = 0;  // Older soon: within the warning.
  // When the oldest and the newest of the expiring ones were accepted.
  WallTime from;
  WallTime to;

  bool any() const { return expired + expiring > 0; }

  // Adds those of another queue.
  void Add(const DuePoints& other);
};

class AgedPoints {
 public:
  // For each lane; more are merged.
  static constexpr std::size_t kSpansMax = 256;
  // The length of a span, until they are merged.
  static constexpr std::chrono::nanoseconds kGrain = std::chrono::seconds(10);

  // REQUIRES: sequences ascend, and times do not fall.
  void Add(const Lane& lane, Sequence sequence, WallTime accepted, PointCount points);

  // Forgets what is resolved.
  void DropThrough(Sequence resolved);
  void Clear() { lanes_.clear(); }

  std::vector<Lane> Lanes() const;
  DuePoints DueOf(const Lane& lane, const Keeps& keeps, WallTime now) const;

 private:
  struct Span {
    Sequence last = Sequence::BeforeFirst();
    WallTime from;
    WallTime to;
    PointCount points = 0;
  };
  struct LaneSpans {
    std::vector<Span> spans = {};  // The oldest first.
    std::chrono::nanoseconds grain = kGrain;
  };

  static void Merge(LaneSpans& lane);

  std::map<Lane, LaneSpans> lanes_;
};

}  // namespace relay
