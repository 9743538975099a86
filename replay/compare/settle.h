// Decides which differences in a region are real.
//
// Both servers are read again after they have passed a later position, until each value that
// differs is the same on both, or is certain: no write was accepted while it was read, or it
// differed in the same way several times, each after a later position. What is overwritten all the
// while stays unsettled.
//
// Memory is bounded: a region with too many values is cut.
//
// THREADS. One.
#pragma once

#include <cstdint>
#include <vector>

#include "replay/compare/outcome.h"
#include "replay/compare/pair.h"

namespace relay {

struct SettleOptions {
  unsigned sightings = 6;    // That make a difference certain while writes come in.
  unsigned rounds_max = 60;  // Until what changes is left unsettled.
};

// A value that the two have differently, or one lacks.
struct Suspect {
  ValueKey key;
  NamedValue a;  // Without values: the server has none.
  NamedValue b;
  std::string tags;
  bool point_on_a = false;
  bool point_on_b = false;
  unsigned sightings = 1;

  const std::string& field() const { return a.values.empty() ? b.field : a.field; }
  Form form() const { return a.values.empty() ? b.form : a.form; }
};

// Receives what was decided.
class DifferenceSink {
 public:
  virtual ~DifferenceSink() = default;

  // The points of a region, in order of time.
  virtual void Different(std::vector<PointDifference> points) = 0;
  virtual void ShownDifferently(std::uint64_t values) = 0;
  virtual void Unsettled(std::uint64_t values) = 0;
};

// Returns the values of two collections that differ; adds those that are the same but shown
// differently to the count.
std::vector<Suspect> Suspects(const Collector& a, const Collector& b,
                              std::uint64_t& shown_differently);

// Returns the points of the values, in order of time.
std::vector<PointDifference> PointsOf(const MeasurementRef& place, std::vector<Suspect> suspects);

class Settler {
 public:
  // REQUIRES: all outlive it.
  Settler(Pair& pair, const Measurement& measurement, SettleOptions options, DifferenceSink& sink);

  Status Settle(const Region& region);

 private:
  Status Collect(const Region& region, Collector& a, Collector& b);
  Status Divide(const Region& region, const Collector& a, const Collector& b);
  // Reads the suspects again; keeps those that still differ.
  Status LookAgain(std::vector<Suspect>& suspects);
  // Moves those that are certain to `certain`.
  void TakeCertain(std::vector<Suspect>& suspects, std::vector<Suspect>& certain) const;
  // Empties `suspects`.
  Status Watch(const Mark& seen_after, std::vector<Suspect>& suspects,
               std::vector<Suspect>& certain);

  Pair& pair_;
  const Measurement& measurement_;
  const SettleOptions options_;
  DifferenceSink& sink_;
};

}  // namespace relay
