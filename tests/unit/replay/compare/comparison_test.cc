#include "replay/compare/comparison.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_source.h"
#include "tests/support/seed.h"

namespace relay::test::unit_replay_compare_comparison_test {
namespace {

using Kind = PointDifference::Kind;

constexpr std::int64_t kSecond = 1'000'000'000;

// A relay whose backends are always up to date. `busy`: each position is another one.
struct FakeFence final : Fence {
  bool busy = false;
  std::uint64_t position = 7;
  std::function<void()> on_pass = {};

  Result<Mark> Here() override {
    if (busy) ++position;
    return Mark{.a = position, .b = position, .time = WallTime(std::chrono::hours(400'000))};
  }
  Status WaitPassed(const Mark& /*mark*/) override {
    if (on_pass) on_pass();
    return Ok();
  }
};

struct Servers {
  MemorySource a{"a"};
  MemorySource b{"b"};
  FakeFence fence;
  FakeClock clock;

  // Writes the same to both.
  void Write(const std::string& measurement, const MemorySource::PointKey& key,
             const MemorySource::Fields& fields) {
    a.PointsOf(measurement)[key] = fields;
    b.PointsOf(measurement)[key] = fields;
  }
  // Writes `hosts` series of `times` points in steps of 10 s, with two fields.
  void Fill(const std::string& measurement, int hosts, int times) {
    for (int host = 0; host < hosts; ++host) {
      for (int time = 0; time < times; ++time) {
        Write(measurement, {fmt::format("h{}", host), time * 10 * kSecond},
              {{"f", FloatValue(host + time / 8.0)}, {"i", IntegerValue(time)}});
      }
    }
  }
  Result<Outcome> Compare(ComparisonOptions options = {}) {
    Pair pair(a, b, fence, clock, {});
    return Comparison(pair, std::move(options)).Run();
  }
};

// Returns what was found as "kind measurement tags time".
std::multiset<std::string> Found(const Outcome& outcome) {
  std::multiset<std::string> found;
  for (const PointDifference& point : outcome.differences) {
    found.insert(fmt::format("{} {} {} {}", static_cast<int>(point.kind), point.place.measurement,
                             point.tags, point.time));
  }
  return found;
}

TEST_CASE(
    "compare: two servers with the same points are equal, whatever the order they tell them") {
  Servers servers;
  servers.Fill("cpu", 10, 100);
  servers.Fill("mem", 3, 10);
  const Outcome outcome = servers.Compare().value();
  CHECK_EQ(outcome.equality(), Equality::kEqual);
  CHECK_EQ(outcome.places.size(), 2);
  CHECK_EQ(outcome.places[0].points_a, 1000);
  CHECK_EQ(outcome.places[0].points_b, 1000);
  CHECK(outcome.differences.empty());
}

TEST_CASE("compare: exactly the planted differences are found, of whichever kind") {
  std::mt19937_64 random(PrintedSeed());
  for (int run = 0; run < 50; ++run) {
    Servers servers;
    servers.fence.busy = run % 2 == 1;
    servers.Fill("cpu", 20, 200);
    servers.Fill("mem", 2, 50);
    std::multiset<std::string> planted;
    const auto plant = [&](Kind kind, const std::string& measurement, const std::string& host,
                           std::int64_t time) {
      planted.insert(
          fmt::format("{} {} host={} {}", static_cast<int>(kind), measurement, host, time));
    };
    std::set<MemorySource::PointKey> used;
    for (int i = 0; i < 1 + run % 7; ++i) {
      const MemorySource::PointKey key = {fmt::format("h{}", random() % 20),
                                          static_cast<std::int64_t>(random() % 200) * 10 * kSecond};
      if (!used.insert(key).second) continue;
      switch (random() % 5) {
        case 0:
          servers.b.PointsOf("cpu").erase(key);
          plant(Kind::kOnlyA, "cpu", key.first, key.second);
          break;
        case 1:
          servers.a.PointsOf("cpu").erase(key);
          plant(Kind::kOnlyB, "cpu", key.first, key.second);
          break;
        case 2:
          servers.b.PointsOf("cpu")[key]["f"] = FloatValue(-1);
          plant(Kind::kOtherValues, "cpu", key.first, key.second);
          break;
        case 3:
          servers.a.PointsOf("cpu")[key].erase("i");
          plant(Kind::kOtherValues, "cpu", key.first, key.second);
          break;
        default:
          servers.b.PointsOf("mem")[{"new-" + key.first, key.second + 1}] = {{"f", FloatValue(1)}};
          plant(Kind::kOnlyB, "mem", "new-" + key.first, key.second + 1);
      }
    }
    const Outcome outcome = servers.Compare().value();
    INFO("run ", run);
    CHECK(Found(outcome) == planted);
    CHECK_EQ(outcome.equality(), Equality::kDifferent);
  }
}

TEST_CASE("compare: what is equal is read once, and what differs again only in its part") {
  Servers servers;
  servers.Fill("cpu", 100, 1'000);
  servers.b.PointsOf("cpu").erase({"h5", 770 * kSecond});
  CHECK_EQ(servers.Compare().value().places[0].only_a, 1);
  CHECK_LT(servers.a.points_read(), 105'000);
}

TEST_CASE("compare: a value that differs is shown with both values") {
  Servers servers;
  servers.Fill("cpu", 1, 3);
  servers.b.PointsOf("cpu")[{"h0", 10 * kSecond}] = {
      {"f", FloatValue(0.5)}, {"i", IntegerValue(1)}, {"s", {FieldType::kString, 0, "x"}}};
  const Outcome outcome = servers.Compare().value();
  REQUIRE_EQ(outcome.differences.size(), 1);
  const PointDifference& point = outcome.differences[0];
  CHECK_EQ(point.kind, Kind::kOtherValues);
  REQUIRE_EQ(point.values.size(), 2);
  CHECK_EQ(point.values[0].field, "f");
  CHECK_EQ(point.values[0].a.value(), "0.125");
  CHECK_EQ(point.values[0].b.value(), "0.5");
  CHECK_EQ(point.values[1].field, "s");
  CHECK_FALSE(point.values[1].a.has_value());
  CHECK_EQ(point.values[1].b.value(), "\"x\"");
}

TEST_CASE("compare: a region with more values than are kept is cut, and all are counted") {
  Servers servers;
  constexpr int kPoints = 150'000;  // Two values each, at one moment.
  for (int i = 0; i < kPoints; ++i) {
    servers.a.PointsOf("cpu")[{fmt::format("h{}", i), 5}] = {{"f", FloatValue(i)},
                                                             {"g", FloatValue(i)}};
  }
  servers.b.PointsOf("cpu")[{"h77", 5}] = {{"f", FloatValue(77)}, {"g", FloatValue(77)}};
  const Outcome outcome = servers.Compare({.listed_max = 3}).value();
  CHECK_EQ(outcome.places[0].only_a, kPoints - 1);
  CHECK_EQ(outcome.places[0].only_b, 0);
  CHECK_EQ(outcome.differences.size(), 3);
}

TEST_CASE("compare: a write on its way is no difference") {
  Servers servers;
  servers.fence.busy = true;
  servers.Fill("cpu", 4, 50);
  const MemorySource::PointKey late{"h1", 100 * kSecond};
  const MemorySource::PointKey fresh{"h9", 5};
  servers.a.PointsOf("cpu")[late]["f"] = FloatValue(99);
  servers.a.PointsOf("cpu")[fresh]["f"] = FloatValue(1);
  int passes = 0;
  servers.fence.on_pass = [&] {  // The position that is passed second is behind those writes.
    if (++passes != 2) return;
    servers.b.PointsOf("cpu")[late]["f"] = FloatValue(99);
    servers.b.PointsOf("cpu")[fresh]["f"] = FloatValue(1);
  };
  CHECK_EQ(servers.Compare().value().equality(), Equality::kEqual);
}

TEST_CASE("compare: values that are overwritten while they are read are equal in the end") {
  std::mt19937_64 random(PrintedSeed());
  for (int run = 0; run < 20; ++run) {
    Servers servers;
    servers.fence.busy = true;
    servers.Fill("cpu", 4, 50);
    double next = 1000;
    std::map<MemorySource::PointKey, double> owed;
    const auto write = [&](MemorySource& first, MemorySource& second) {
      for (const auto& [key, value] : owed) second.PointsOf("cpu")[key]["f"] = FloatValue(value);
      owed.clear();
      for (int i = 0; i < 3; ++i) {
        const MemorySource::PointKey key{"h1",
                                         static_cast<std::int64_t>(random() % 5) * 10 * kSecond};
        first.PointsOf("cpu")[key]["f"] = FloatValue(++next);
        owed[key] = next;
      }
    };
    // Writes reach one server at one position and the other at the next.
    servers.fence.on_pass = [&] { write(servers.a, servers.b); };
    const Outcome outcome = servers.Compare().value();
    CHECK_EQ(outcome.differences.size(), 0);
    CHECK_NE(outcome.equality(), Equality::kDifferent);
  }
}

TEST_CASE("compare: a value that two writers toggle is not taken for a difference") {
  std::mt19937_64 random(PrintedSeed());
  for (int run = 0; run < 50; ++run) {
    Servers servers;
    servers.fence.busy = true;
    servers.Fill("cpu", 1, 3);
    const MemorySource::PointKey key{"h0", 0};
    // One server has what the other has, or what it had before.
    std::uint64_t pass = 0;
    servers.fence.on_pass = [&] {
      const std::uint64_t behind = random() % 2;
      ++pass;
      servers.a.PointsOf("cpu")[key]["f"] = FloatValue(static_cast<double>(pass % 2));
      servers.b.PointsOf("cpu")[key]["f"] = FloatValue(static_cast<double>((pass + behind) % 2));
    };
    CHECK_NE(servers.Compare().value().equality(), Equality::kDifferent);
  }
}

TEST_CASE("compare: of values that never settle nobody says that they are equal") {
  Servers servers;
  servers.fence.busy = true;
  servers.Fill("cpu", 1, 3);
  const MemorySource::PointKey key{"h0", 0};
  double pass = 0;
  servers.fence.on_pass = [&] {  // One server is always a write behind.
    servers.b.PointsOf("cpu")[key]["f"] = FloatValue(pass++);
    servers.a.PointsOf("cpu")[key]["f"] = FloatValue(pass);
  };
  CHECK_EQ(servers.Compare().value().equality(), Equality::kUnknown);
}

TEST_CASE("compare: a difference stays one while others write") {
  Servers servers;
  servers.fence.busy = true;
  servers.Fill("cpu", 4, 50);
  servers.b.PointsOf("cpu").erase({"h2", 20 * kSecond});
  double next = 0;
  servers.fence.on_pass = [&] {
    for (MemorySource* server : {&servers.a, &servers.b}) {
      server->PointsOf("cpu")[{"h2", 30 * kSecond}]["f"] = FloatValue(next);
    }
    ++next;
  };
  const Outcome outcome = servers.Compare().value();
  CHECK(Found(outcome) ==
        std::multiset<std::string>{fmt::format("0 cpu host=h2 {}", 20 * kSecond)});
}

TEST_CASE("compare: a server that goes away in the middle gives an error, and no result") {
  for (const std::size_t scan : {1U, 2U}) {
    Servers servers;
    servers.Fill("cpu", 4, 50);
    servers.b.PointsOf("cpu").erase({"h2", 20 * kSecond});
    servers.b.FailFrom(scan);
    const Result<Outcome> outcome = servers.Compare();
    REQUIRE_FALSE(outcome.ok());
    CHECK_EQ(outcome.error().code(), ErrorCode::kUnavailable);
    CHECK_EQ(outcome.error().message(), "b: the connection was reset");
  }
}

TEST_CASE("compare: a range of time has its beginning and not its end") {
  Servers servers;
  servers.a.PointsOf("cpu") = {{{"h", 9}, {{"f", FloatValue(1)}}},
                               {{"h", 10}, {{"f", FloatValue(1)}}},
                               {{"h", 19}, {{"f", FloatValue(1)}}},
                               {{"h", 20}, {{"f", FloatValue(1)}}}};
  servers.b.PointsOf("cpu") = {};
  const Outcome outcome = servers.Compare({.from = 10, .to = 20}).value();
  CHECK(Found(outcome) == std::multiset<std::string>{"0 cpu host=h 10", "0 cpu host=h 19"});
  CHECK_FALSE(servers.Compare({.from = 20, .to = 20}).ok());
}

TEST_CASE("compare: a database that one lacks is a difference if the other has points there") {
  Servers servers;
  servers.a.PointsOf("cpu")[{"h", 1}] = {{"f", FloatValue(1)}};
  servers.b.DropDatabase();
  const Outcome outcome = servers.Compare().value();
  CHECK_EQ(outcome.equality(), Equality::kDifferent);
  CHECK(outcome.missing == std::vector<std::string>{"database db is missing on b"});

  Servers empty;
  empty.b.DropDatabase();
  const Outcome nothing = empty.Compare().value();
  CHECK_EQ(nothing.equality(), Equality::kEqual);
  CHECK(nothing.notes ==
        std::vector<std::string>{"database db has no points, and is missing on b"});
}

TEST_CASE("compare: a name that neither has is an error") {
  Servers servers;
  servers.Fill("cpu", 1, 1);
  const Result<Outcome> outcome = servers.Compare({.measurement = "cpux"});
  REQUIRE_FALSE(outcome.ok());
  CHECK_EQ(outcome.error().message(), "neither a nor b has a measurement cpux");
}

TEST_CASE("compare: the default policies are compared with each other, other names are missing") {
  Servers servers;
  servers.Fill("cpu", 1, 1);
  servers.a.SetPolicies({{.name = "autogen", .is_default = true}, {.name = "week"}});
  servers.b.SetPolicies({{.name = "forever", .is_default = true}});
  const Outcome outcome = servers.Compare().value();
  CHECK(outcome.missing == std::vector<std::string>{"policy db.week is missing on b"});
  CHECK_EQ(outcome.places.size(), 1);
  CHECK_EQ(outcome.places[0].place.policy, "autogen");
}

TEST_CASE("compare: a field that is an integer here and a float there is compared by its numbers") {
  Servers servers;
  for (int i = 0; i < 1'000; ++i) {
    servers.a.PointsOf("cpu")[{"h", i}] = {{"n", IntegerValue(i)}};
    servers.b.PointsOf("cpu")[{"h", i}] = {{"n", FloatValue(i)}};
  }
  servers.b.PointsOf("cpu")[{"h", 500}] = {{"n", FloatValue(500.5)}};
  const Outcome outcome = servers.Compare().value();
  CHECK(Found(outcome) == std::multiset<std::string>{"2 cpu host=h 500"});
  REQUIRE_EQ(outcome.notes.size(), 1);
  CHECK_EQ(outcome.notes[0],
           "db.autogen.cpu: field n is integer on a and float on b; its numbers are compared");
}

TEST_CASE("compare: a field of several types is compared span by span, to the last one") {
  constexpr std::int64_t kSpan = 8 * MemorySource::kWeek;
  Servers servers;
  servers.Write("cpu", {"h0", 0}, {{"f", IntegerValue(1)}});
  servers.Write("cpu", {"h0", kSpan}, {{"f", FloatValue(1.5)}});
  servers.Write("cpu", {"h0", 2 * kSpan}, {{"f", IntegerValue(3)}});
  CHECK_EQ(servers.Compare().value().equality(), Equality::kEqual);
  servers.b.PointsOf("cpu").erase({"h0", 2 * kSpan});
  const Outcome outcome = servers.Compare().value();
  CHECK_EQ(outcome.equality(), Equality::kDifferent);
  CHECK_EQ(outcome.places.at(0).only_a, 1);
  CHECK_EQ(outcome.places.at(0).points_a, 3);
}

TEST_CASE("compare: points that one of the two soon deletes for their age are left out") {
  Servers servers;
  const std::int64_t now = servers.fence.Here().value().time.time_since_epoch().count();
  constexpr std::int64_t kHour = 3'600 * kSecond;
  servers.a.PointsOf("cpu") = {{{"h", now - 25 * kHour}, {{"f", FloatValue(1)}}},
                               {{"h", now - 22 * kHour}, {{"f", FloatValue(1)}}}};
  servers.b.PointsOf("cpu") = {};
  servers.b.SetPolicies({{.name = "autogen", .duration = std::chrono::hours(24)}});
  const Outcome outcome = servers.Compare().value();
  CHECK(Found(outcome) ==
        std::multiset<std::string>{fmt::format("0 cpu host=h {}", now - 22 * kHour)});
  CHECK_EQ(outcome.notes.size(), 1);
}

TEST_CASE("compare: a server of metrics has each field apart, at milliseconds, rounded") {
  constexpr std::int64_t kMillisecond = 1'000'000;
  Servers servers;
  servers.b.SetTraits({.tick = kMillisecond, .has_measurements = false});
  servers.b.PointsOf("cpu_f");
  servers.b.PointsOf("cpu_n");
  for (int i = 0; i < 1'000; ++i) {
    servers.a.PointsOf("cpu")[{"h", i * kMillisecond + i}] = {
        {"f", FloatValue(0.1 * i)}, {"n", IntegerValue(i)}, {"s", {FieldType::kString, 0, "x"}}};
    servers.b.PointsOf("cpu")[{"h", i * kMillisecond}] = {{"f", FloatValue(0.1 * i * (1 + 1e-15))},
                                                          {"n", FloatValue(i)}};
  }
  servers.b.PointsOf("cpu")[{"h", 5 * kMillisecond}]["n"] = FloatValue(7);
  const Outcome outcome = servers.Compare().value();
  REQUIRE_EQ(outcome.places.size(), 1);
  CHECK_EQ(outcome.places[0].points_a, 2'000);
  CHECK_EQ(outcome.places[0].points_b, 2'000);
  CHECK_EQ(outcome.places[0].ignored, 1'000);
  CHECK(Found(outcome) == std::multiset<std::string>{fmt::format("2 cpu host=h {}", 5'000'000)});
}

TEST_CASE("compare: the rate of reading is kept") {
  Servers servers;
  Pair pair(servers.a, servers.b, servers.fence, servers.clock, {.points_per_second = 5'000});
  const OnPoints pacer = pair.Pacer(Side::kB);
  for (int i = 0; i < 10; ++i) pacer(1'000);
  CHECK_EQ(servers.clock.Now().time_since_epoch(), std::chrono::seconds(2));
}

}  // namespace
}  // namespace relay::test::unit_replay_compare_comparison_test
