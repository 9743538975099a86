// A clean stop: quick, and nothing forgotten or done again.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/load_clients.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_stop_test {
namespace {

constexpr milliseconds kStopMax{10'000};
constexpr int kStops = 10;
constexpr unsigned kRunningMax = 200;  // Milliseconds between two stops, under load.

struct Stoppable {
  TempDir directory;
  FakeBackend backend;
  RelayProcess relay{directory.path(), {.backends = {{"a", backend.Url()}}}};

  void StopCleanly() {
    const RelayProcess::Stopped stopped = relay.Stop();
    CHECK_EQ(stopped.exit_code, 0);
    CHECK_LT(stopped.took, kStopMax);
  }
};

// Returns "load,writer=0 v=7i 1700" as the backend would store it, the last of a point.
std::vector<StoredPoint> PointsIn(const std::string& bodies) {
  std::vector<StoredPoint> points;
  std::istringstream lines(bodies);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t fields = line.find(' ');
    const std::size_t time = line.rfind(' ');
    points.push_back({std::stoll(line.substr(time)), line.substr(5, fields - 5),
                      line.substr(fields + 1, time - fields - 2)});
  }
  return points;
}

std::multiset<std::string> LinesOf(const std::vector<FakeRequest>& requests) {
  std::multiset<std::string> all;
  for (const FakeRequest& request : requests) {
    std::istringstream lines(request.body);
    for (std::string line; std::getline(lines, line);) all.insert(line);
  }
  return all;
}

TEST_CASE("stop: under load, the relay stops in time and has all that was acknowledged later") {
  const std::uint64_t seed = PrintedSeed();
  std::mt19937_64 random(seed);
  Stoppable stoppable;
  Writers writers({.relay = stoppable.relay.endpoint(), .seed = seed});
  for (int stop = 0; stop < kStops; ++stop) {
    REQUIRE(writers.WaitForMore(1));
    const milliseconds moment{static_cast<int>(random() % kRunningMax)};
    REQUIRE_FALSE(stoppable.relay.process().WaitFor(moment));
    stoppable.StopCleanly();
    stoppable.relay.Start();
  }
  writers.Stop();
  REQUIRE(stoppable.relay.WaitDrained());
  CHECK_EQ(writers.Differences(PointsIn(stoppable.backend.Bodies())), "");
  const QueueStats figures = StatusOf(stoppable.relay, "a").figures;
  CHECK_EQ(figures.delivered, figures.accepted.points);
  CHECK_EQ(figures.unaccounted(), 0);
}

TEST_CASE("stop: while nothing can be delivered, all that was acknowledged is there later") {
  Stoppable stoppable;
  stoppable.backend.Refuse();
  Writers writers({.relay = stoppable.relay.endpoint()});
  REQUIRE(writers.WaitForMore(100));
  stoppable.StopCleanly();
  writers.Stop();
  stoppable.backend.Listen();
  stoppable.relay.Start();
  REQUIRE(stoppable.relay.WaitDrained());
  CHECK_EQ(writers.Differences(PointsIn(stoppable.backend.Bodies())), "");
}

TEST_CASE("stop: a restart sends nothing again that was delivered") {
  Stoppable stoppable;
  for (int i = 1; i <= 100; ++i) {
    REQUIRE_EQ(stoppable.relay.Write("metrics", fmt::format("m v={} {}\n", i, i)).status, 204);
  }
  REQUIRE(stoppable.relay.WaitDrained());
  stoppable.StopCleanly();
  stoppable.backend.Forget();
  stoppable.relay.Start();
  REQUIRE_EQ(stoppable.relay.Write("metrics", "m v=101 101\n").status, 204);
  REQUIRE(stoppable.relay.WaitDrained());
  CHECK_EQ(stoppable.backend.Bodies(), "m v=101 101\n");
}

// The request under way may have been taken: only that one is sent again.
TEST_CASE("stop: a restart under load sends at most the last request again") {
  Stoppable stoppable;
  Writers writers({.relay = stoppable.relay.endpoint()});
  REQUIRE(writers.WaitForMore(200));
  stoppable.StopCleanly();
  writers.Stop();
  std::vector<FakeRequest> requests = stoppable.backend.Requests();
  REQUIRE_FALSE(requests.empty());
  requests.pop_back();
  const std::multiset<std::string> before = LinesOf(requests);
  stoppable.backend.Forget();

  stoppable.relay.Start();
  REQUIRE_EQ(stoppable.relay.Write("metrics", "m v=1 1\n").status, 204);
  REQUIRE(stoppable.relay.WaitDrained());
  for (const std::string& line : LinesOf(stoppable.backend.Requests())) {
    CHECK_EQ(before.count(line), 0);
  }
}

TEST_CASE("stop: neither a backend that never answers nor a client that stalls delays it") {
  Stoppable stoppable;
  stoppable.backend.Follow([](const FakeRequest&) { return NeverAnswering(); });
  REQUIRE_EQ(stoppable.relay.Write("metrics", "m v=1 1\n").status, 204);
  REQUIRE(stoppable.backend.WaitForRequests(1));
  const RawConnection idle(stoppable.relay.endpoint());
  RawConnection stalled(stoppable.relay.endpoint());
  REQUIRE(stalled.Send("POST /write?db=metrics HTTP/1.1\r\nContent-Length: 100\r\n\r\nm v="));
  stoppable.StopCleanly();

  stoppable.backend.Follow({});
  stoppable.relay.Start();
  REQUIRE(stoppable.relay.WaitDrained());
  CHECK_EQ(stoppable.backend.Requests().back().body, "m v=1 1\n");
}

}  // namespace
}  // namespace relay::test::integration_delivery_stop_test
