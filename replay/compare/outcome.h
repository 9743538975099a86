// The result of a comparison.
//
// THREADS. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replay/compare/fence.h"
#include "replay/compare/grid.h"
#include "replay/compare/source.h"

namespace relay {

// nullopt: that server has no value.
struct ValueDifference {
  std::string field;
  std::optional<std::string> a;
  std::optional<std::string> b;
};

struct PointDifference {
  enum class Kind : std::uint8_t { kOnlyA, kOnlyB, kOtherValues };

  Kind kind = Kind::kOtherValues;
  MeasurementRef place;
  std::string tags;  // "host=a,core=1"
  std::int64_t time = 0;
  std::vector<ValueDifference> values;
};

// Numbers of points, except where a server has none and values are counted.
struct PlaceOutcome {
  MeasurementRef place;
  std::uint64_t points_a = 0;
  std::uint64_t points_b = 0;
  std::uint64_t only_a = 0;
  std::uint64_t only_b = 0;
  std::uint64_t other_values = 0;
  std::uint64_t shown_differently = 0;  // Values; they are the same.
  std::uint64_t ignored = 0;            // Values that the other server cannot store.
  std::uint64_t unsettled = 0;          // Values that were overwritten all the while.

  bool differs() const { return only_a + only_b + other_values > 0; }
};

enum class Equality : std::uint8_t { kEqual, kDifferent, kUnknown };

struct Outcome {
  TimeRange range;
  Mark mark;
  std::vector<PlaceOutcome> places;
  std::vector<PointDifference> differences;  // The first ones.
  std::vector<std::string> missing;          // Databases and policies that one lacks.
  std::vector<std::string> notes;            // One sentence each; none is a difference.

  Equality equality() const;
};

}  // namespace relay
