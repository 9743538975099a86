// One client must not harm all: it sends points of a wrong type by the ten thousand, or invents
// database names by the thousand; another one's points go on being accepted and delivered.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <random>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_one_client_test {
namespace {

using nlohmann::json;

constexpr milliseconds kDrain{240'000};

struct OneServer {
  explicit OneServer(const std::vector<std::string>& log)
      : relay(relay_directory.path(), {.backends = {{"a", server.Url()}}, .log = log}) {
    server.CreateDatabase("good");
    server.CreateDatabase("metrics");
  }

  void Write(const std::string& database, const std::string& lines) const {
    REQUIRE_EQ(relay.Write(database, lines).status, 204);
  }
  QueueStats Now() const { return StatusOf(relay, "a").figures; }
  bool HasDelivered(const std::string& database, std::uint64_t points) const {
    return Eventually(kDrain, [&] { return server.CountPoints(database, "m", "v") == points; });
  }
  RunResult Command(std::vector<std::string> argv) const {
    argv.insert(argv.begin(), RelayBinary());
    argv.insert(argv.end(), {"--config", relay.config_path()});
    return Run(argv);
  }

  TempDir server_directory;
  TempDir relay_directory;
  Influxd server{server_directory.path()};
  RelayProcess relay;
};

std::string Noise(std::size_t size) {
  static std::mt19937_64 random(7);
  std::string text;
  while (text.size() < size) text += fmt::format("{:016x}", random());
  return text;
}

// Points of a wrong type, 500 KiB in one write.
std::string WrongPoints(int first, int count) {
  std::string lines;
  for (int i = first; i < first + count; ++i) {
    lines += fmt::format("m v=\"{}\" {}\n", Noise(10'000), 1'000 + i);
  }
  return lines;
}

// Returns the points of all letters, or of all gaps.
PointCount PointsIn(const OneServer& one, const std::string& command, const std::string& key) {
  const RunResult run =
      command == "gaps"
          ? one.Command({"gaps", "--backend", "a", "--json", "--limit", "1000"})
          : one.Command({"dead", "list", "--backend", "a", "--json", "--limit", "100000"});
  REQUIRE_EQ(run.exit_code, 0);
  const json output = json::parse(run.output);
  PointCount points = 0;
  for (const json& entry : output.at(key)) points += entry.at("points").get<PointCount>();
  return points;
}

TEST_CASE("one client: points of a wrong type fill their budget, and nothing else") {
  OneServer one({"dead_letters: { up_to: 8MiB }"});
  one.Write("metrics", "m v=1 1\n");
  REQUIRE(one.relay.WaitDrained());
  constexpr int kWrites = 80;
  constexpr int kEach = 50;  // 40 MB of wrong points.
  for (int i = 0; i < kWrites; ++i) {
    one.Write("metrics", WrongPoints(i * kEach, kEach));
    one.Write("good", fmt::format("m v={} {}\n", i, i));
  }
  REQUIRE(one.relay.WaitDrained(kDrain));
  CHECK(one.HasDelivered("good", kWrites));
  REQUIRE(Eventually(kPatience, [&] { return one.Now().dead_bytes <= 8_MiB; }));

  const QueueStats now = one.Now();
  CHECK_EQ(now.dead, kWrites * kEach);
  CHECK_EQ(now.unaccounted(), 0);
  CHECK_GT(now.dead_removed, kWrites * kEach / 2);
  const PointCount kept = PointsIn(one, "dead", "letters");
  const PointCount removed = PointsIn(one, "gaps", "gaps");
  CHECK_EQ(removed, now.dead_removed);
  CHECK_EQ(now.accepted.points, now.delivered + kept + removed);
  CHECK(Eventually(kPatience, [&] {
    return one.relay.Output().find("dead letters removed") != std::string::npos;
  }));
  CHECK_NE(one.Command({"status"}).output.find("removed so far"), std::string::npos);

  // A removed letter cannot be redriven, a stored one can.
  const std::uint64_t gone = now.dead_letters_removed;
  CHECK_NE(
      one.Command({"dead", "redrive", "--backend", "a", "--yes", std::to_string(gone)}).exit_code,
      0);
  one.relay.Kill();
  one.relay.Start();
  CHECK_EQ(one.Now().dead_letters, now.dead_letters);
  CHECK_EQ(one.Now().dead_removed, now.dead_removed);
  one.relay.Stop();
  CHECK_EQ(one.Command({"verify"}).exit_code, 0);
}

TEST_CASE("one client: made-up database names by the thousand keep nobody else waiting") {
  OneServer one({});
  constexpr int kNames = 1'300;
  for (int i = 0; i < kNames; ++i) {
    one.Write(fmt::format("made_up_{}", i), "m v=1 1\n");
    if (i % 100 == 0) one.Write("good", fmt::format("m v={} {}\n", i, i));
  }
  CHECK(one.HasDelivered("good", kNames / 100));
  REQUIRE(Eventually(kDrain, [&] { return one.Now().marks.lag() == 0; }));
  CHECK_EQ(one.Now().held.points, kNames);
  CHECK_EQ(StatusOf(one.relay, "a").lanes.size(), Log::kHeldLanesMax + 1);

  one.relay.Kill();
  one.relay.Start();
  for (int i = 0; i < kNames; i += 100) one.Write(fmt::format("made_up_{}", i), "m v=2 1\n");
  one.Write("good", "m v=0 1000000\n");
  CHECK(one.HasDelivered("good", kNames / 100 + 1));
  for (int i = 0; i < kNames; ++i) one.server.CreateDatabase(fmt::format("made_up_{}", i));
  REQUIRE(one.relay.WaitDrained(kDrain));
  for (int i = 0; i < kNames; i += 100) {
    const auto points = one.server.ReadPoints(fmt::format("made_up_{}", i), "m");
    REQUIRE_EQ(points.size(), 1);
    CHECK_EQ(points[0].fields, "v=2");  // The newer value came last.
  }
  CHECK_EQ(one.Now().unaccounted(), 0);
}

}  // namespace
}  // namespace relay::test::integration_delivery_one_client_test
