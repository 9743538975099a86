#include "relay/base/database_flow.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "relay/base/counters.h"
#include "relay/status/metrics.h"

namespace relay::test::relay_base_database_flow_test {
namespace {

TEST_CASE("database flow: as many as the limit says are counted by name, the others together") {
  DatabaseFlow flow;
  flow.Accepted("before", 1, 1_B);
  CHECK(flow.Read().empty());
  flow.Limit(2);
  flow.Accepted("a", 1, 10_B);
  flow.Accepted("b", 2, 20_B);
  flow.Accepted("c", 3, 30_B);
  flow.Accepted("d", 4, 40_B);
  flow.Accepted("a", 5, 50_B);
  const auto figures = flow.Read();
  CHECK_EQ(figures.size(), 3);
  CHECK_EQ(figures.at("a").points, 6);
  CHECK_EQ(figures.at("a").bytes, 60_B);
  CHECK_EQ(figures.at("other").points, 7);
  CHECK_EQ(figures.at("other").bytes, 70_B);
}

TEST_CASE("database flow: a larger limit names those that come then; none shows nothing") {
  DatabaseFlow flow;
  flow.Limit(1);
  flow.Accepted("a", 1, 1_B);
  flow.Accepted("b", 1, 1_B);
  flow.Limit(2);
  flow.Accepted("b", 1, 1_B);
  CHECK_EQ(flow.Read().at("b").points, 1);
  CHECK_EQ(flow.Read().at("other").points, 1);
  flow.Limit(0);
  flow.Accepted("a", 1, 1_B);
  CHECK(flow.Read().empty());
}

TEST_CASE(
    "database flow: clients that name any number of databases at once stay within the limit") {
  DatabaseFlow flow;
  flow.Limit(10);
  constexpr int kEach = 1'000;
  {
    std::vector<std::jthread> clients;
    for (int client = 0; client < 4; ++client) {
      clients.emplace_back([&flow, client] {
        for (int i = 0; i < kEach; ++i) {
          flow.Accepted(std::to_string(client * kEach + i), 1, 1_B);
        }
      });
    }
  }
  CHECK_EQ(flow.Read().size(), 11);
  PointCount all = 0;
  for (const auto& [name, figures] : flow.Read()) all += figures.points;
  CHECK_EQ(all, 4 * kEach);
}

TEST_CASE("database flow: names are escaped in the exposition") {
  Counters counters;
  counters.databases().Limit(1);
  counters.databases().Accepted("a\"b\\c\nd", 3, 7_B);
  counters.databases().Accepted("e", 1, 2_B);
  const std::string page = ToMetrics(RelayStatus(), counters);
  const auto has = [&page](const std::string& line) { return page.find(line) != page.npos; };
  CHECK(has("database_accepted_points_total{database=\"a\\\"b\\\\c\\nd\"} 3\n"));
  CHECK(has("database_accepted_bytes_total{database=\"a\\\"b\\\\c\\nd\"} 7\n"));
  CHECK(has("database_accepted_points_total{database=\"other\"} 1\n"));
}

}  // namespace
}  // namespace relay::test::relay_base_database_flow_test
