// Two servers that are read at the same time.
//
// ERRORS. As Source; messages begin with the server's name.
//
// THREADS. One uses it. It reads the second server on a thread of its own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "replay/compare/collector.h"
#include "replay/compare/fence.h"
#include "replay/compare/source.h"
#include "wal/base/clock.h"

namespace relay {

// One of the two.
enum class Side : std::uint8_t { kA, kB };

class Pair {
 public:
  struct Options {
    std::uint64_t points_per_second = 0;  // From each server; 0: no limit.
    // Called now and then, on the thread that uses the pair, with the points read from the first.
    std::function<void(std::uint64_t points)> on_points = {};
  };

  // REQUIRES: all outlive the pair.
  Pair(Source& a, Source& b, Fence& fence, Clock& clock, Options options);

  Source& Of(Side side) const { return side == Side::kA ? a_ : b_; }

  // Calls `work` for both at once. If one fails, the other is cancelled, for good.
  Status Both(const std::function<Status(Side side)>& work);

  // Returns a position that both have passed; everything up to it can be read.
  Result<Mark> PassHere();
  Result<Mark> Here() { return fence_.Here(); }
  Status Pass(const Mark& mark);

  // Waits, for a change of what is written.
  void Pause(std::chrono::milliseconds duration);

  // Returns what keeps a scan of this side within the rate, and reports its progress.
  OnPoints Pacer(Side side);

 private:
  Source& a_;
  Source& b_;
  Fence& fence_;
  Clock& clock_;
  const Options options_;
  std::uint64_t read_from_a_ = 0;
};

// The fields of a measurement and how they are compared.
struct Measurement {
  MeasurementRef place;
  std::string policy_b = {};  // Its name on the second server; empty: the same.
  std::vector<FieldInfo> fields_a;
  std::vector<FieldInfo> fields_b;
  Rules rules;

  const std::vector<FieldInfo>& FieldsOf(Side side) const {
    return side == Side::kA ? fields_a : fields_b;
  }
  MeasurementRef PlaceOn(Side side) const {
    const bool renamed = side == Side::kB && !policy_b.empty();
    return {place.database, renamed ? policy_b : place.policy, place.measurement};
  }
};

}  // namespace relay
