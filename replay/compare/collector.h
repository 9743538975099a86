// Sinks for the values of one server: one that only summarises them, and one that also keeps those
// of a region, up to a limit.
//
// THREADS. Each belongs to the thread that scans.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "replay/compare/grid.h"
#include "replay/compare/source.h"

namespace relay {

// How the values of a measurement are compared.
struct Rules {
  std::unordered_map<std::string, Form> forms;  // By field; others: kExact.
  std::int64_t tick = 1;                        // Times are cut to multiples of this.

  Form FormOf(const std::string& field) const;
  std::int64_t Cut(std::int64_t time) const;
};

// Returns a hash that does not depend on the tags' order; tags without a value do not count.
std::uint64_t SeriesHash(const std::vector<Tag>& tags);

// Returns "host=a,core=1", with the tags in order; those without a value are left out.
std::string TagsText(std::vector<Tag> tags);

// Called now and then with the number of points that were read since; may wait.
using OnPoints = std::function<void(std::uint64_t points)>;

// Makes hashes of what it receives. Begins with the first series.
class HashingSink : public ValueSink {
 public:
  HashingSink(const Rules& rules, OnPoints on_points);

  void Series(const std::vector<Tag>& tags, const std::vector<std::string>& fields) override;
  void Point(std::int64_t time) final;
  void Take(std::size_t field, const Value& value) final;

  // Reports the last points. Call it at the end of a scan.
  void End();

  std::uint64_t points() const { return points_; }
  // Values that were not ignored.
  std::uint64_t values_seen() const { return values_seen_; }
  std::uint64_t ignored() const { return ignored_; }

 protected:
  struct Column {
    std::string name;
    std::uint64_t hash = 0;
    Form form = Form::kExact;
  };

  std::uint64_t series() const { return series_; }
  std::int64_t time() const { return time_; }

 private:
  // `tally` has the value alone.
  virtual void OnValue(const Column& column, const Value& value, const Tally& tally) = 0;

  const Rules& rules_;
  OnPoints on_points_;
  std::vector<std::string> fields_;
  std::vector<Column> columns_;
  std::uint64_t series_ = 0;
  std::int64_t time_ = 0;
  std::uint64_t point_ = 0;
  std::uint64_t points_ = 0;
  std::uint64_t reported_ = 0;
  std::uint64_t values_seen_ = 0;
  std::uint64_t ignored_ = 0;
};

// Fills a grid.
class Summary final : public HashingSink {
 public:
  Summary(const Region& region, const Rules& rules, OnPoints on_points)
      : HashingSink(rules, std::move(on_points)), grid_(region, rules.tick) {}

  const Grid& grid() const { return grid_; }

 private:
  void OnValue(const Column& column, const Value& value, const Tally& tally) override;

  Grid grid_;
};

// Identifies a value: the field of a point.
struct ValueKey {
  std::uint64_t series = 0;
  std::int64_t time = 0;
  std::uint64_t field = 0;

  friend bool operator==(const ValueKey&, const ValueKey&) = default;
  friend auto operator<=>(const ValueKey&, const ValueKey&) = default;
};

struct HashOfKey {
  std::size_t operator()(const ValueKey& key) const {
    return Mix(PointHash(key.series, key.time) ^ key.field);
  }
};

struct NamedValue {
  std::string field;
  Form form = Form::kExact;
  std::vector<KeptValue> values;  // Usually one.
};

// Keeps the values of a region, or some of them by their keys.
class Collector final : public HashingSink {
 public:
  static constexpr std::size_t kValuesMax = 200'000;

  Collector(const Region& region, const Rules& rules, OnPoints on_points);

  // Keeps only these from here on; the limit does not apply.
  void KeepOnly(const std::unordered_set<ValueKey, HashOfKey>* keys) { only_ = keys; }

  void Series(const std::vector<Tag>& tags, const std::vector<std::string>& fields) override;

  // Returns whether there were more values than it keeps; then it keeps none, and the grid says
  // where to look again.
  bool overflowed() const { return overflowed_; }
  const Grid& grid() const { return grid_; }

  const std::unordered_map<ValueKey, NamedValue, HashOfKey>& values() const { return values_; }
  // Returns "host=a,core=1", with the tags in order.
  std::string TagsOf(std::uint64_t series) const;
  // Returns whether the region has the point, with whichever value.
  bool HasPoint(std::uint64_t series, std::int64_t time) const;

 private:
  void OnValue(const Column& column, const Value& value, const Tally& tally) override;
  void KeepTags(std::uint64_t series);
  void Overflow();

  const Region region_;
  Grid grid_;
  const std::unordered_set<ValueKey, HashOfKey>* only_ = nullptr;
  bool overflowed_ = false;
  std::vector<Tag> tags_;
  std::unordered_map<ValueKey, NamedValue, HashOfKey> values_;
  std::unordered_map<std::uint64_t, std::string> series_tags_;
  std::unordered_set<ValueKey, HashOfKey> points_seen_;  // Their `field` is 0.
};

}  // namespace relay
