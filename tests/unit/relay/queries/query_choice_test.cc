#include "relay/queries/query_choice.h"

#include <doctest/doctest.h>

namespace relay::test::relay_queries_query_choice_test {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow(1000s);
using Names = std::vector<std::string>;

BackendStatus UpToDate(std::string name) {
  BackendStatus status;
  status.name = std::move(name);
  status.state = "caught up";
  status.takes_writes = true;
  return status;
}

BackendStatus Owed(std::string name, std::chrono::milliseconds age) {
  BackendStatus status = UpToDate(std::move(name));
  status.state = "delivering";
  status.figures.owed.points = 5;
  status.figures.oldest_owed = kNow - age;
  return status;
}

BackendStatus Holding(std::string name, std::string database, std::chrono::milliseconds age) {
  BackendStatus status = UpToDate(std::move(name));
  status.lanes = {
      {.held = {.lane = {std::move(database), ""}, .size = {3, 300_B, 0_B}, .oldest = kNow - age},
       .why = "database not found"}};
  return status;
}

const std::vector<QueryBackend> kBoth = {{.name = "west"}, {.name = "east"}};
const QueryTerms kTenSeconds{.max_lag = 10s, .databases = {"d"}};

QueryChoice Chosen(const std::vector<BackendStatus>& statuses,
                   const QueryTerms& terms = kTenSeconds) {
  return ChooseForQuery(kBoth, statuses, kNow, terms);
}

TEST_CASE("query choice: backends come in the preferred order") {
  CHECK_EQ(Chosen({UpToDate("east"), UpToDate("west")}).candidates, Names{"west", "east"});
}

TEST_CASE("query choice: a backend that lacks a point older than the lag is not asked") {
  CHECK_EQ(Chosen({Owed("west", 10'000ms), UpToDate("east")}).candidates, Names{"west", "east"});
  const QueryChoice late = Chosen({Owed("west", 10'001ms), UpToDate("east")});
  CHECK_EQ(late.candidates, Names{"east"});
  REQUIRE_EQ(late.others.size(), 1);
  CHECK_EQ(late.others[0].name, "west");
  CHECK_EQ(late.others[0].why, "10.0s behind, more than 10.0s");
}

TEST_CASE("query choice: a backend that lost what it had is not asked") {
  BackendStatus west = UpToDate("west");
  west.watermarks = WatermarkReport{
      .watched = true,
      .diverged = DivergenceReport{.kind = "emptied", .since = kNow, .reason = "d is empty"}};
  const QueryChoice choice = Chosen({west, UpToDate("east")});
  CHECK_EQ(choice.candidates, Names{"east"});
  REQUIRE_EQ(choice.others.size(), 1);
  CHECK_EQ(choice.others[0].why, "diverged: d is empty");
}

TEST_CASE("query choice: a paused backend is asked as long as it lacks nothing old") {
  BackendStatus west = UpToDate("west");
  west.state = "paused";
  west.takes_writes = false;
  CHECK_EQ(Chosen({west, UpToDate("east")}).candidates, Names{"east", "west"});
  west.figures.oldest_owed = kNow - 1min;
  CHECK_EQ(Chosen({west, UpToDate("east")}).candidates, Names{"east"});
}

TEST_CASE("query choice: points on hold count for the query's databases only") {
  const std::vector<BackendStatus> statuses = {Holding("west", "d", 11s), UpToDate("east")};
  CHECK_EQ(Chosen(statuses).candidates, Names{"east"});
  REQUIRE_EQ(Chosen(statuses).others.size(), 1);
  CHECK_EQ(Chosen(statuses).others[0].why, "d is on hold, with 3 points: database not found");
  CHECK_EQ(Chosen(statuses, {.max_lag = 10s, .databases = {"e"}}).candidates,
           Names{"west", "east"});
  CHECK_EQ(Chosen(statuses, {.max_lag = 10s, .databases = {"e", "d"}}).candidates, Names{"east"});
  CHECK_EQ(Chosen({Holding("west", "d", 9s), UpToDate("east")}).candidates, Names{"west", "east"});
}

TEST_CASE("query choice: of a query whose databases are not known, any hold counts") {
  const std::vector<BackendStatus> statuses = {Holding("west", "d", 11s), UpToDate("east")};
  CHECK_EQ(Chosen(statuses, {.max_lag = 10s}).candidates, Names{"east"});
  CHECK_EQ(Chosen(statuses, {.max_lag = 10s, .reads_points = false}).candidates,
           Names{"west", "east"});
}

TEST_CASE("query choice: what is unfit by configuration, or not known, is named") {
  const QueryChoice choice =
      ChooseForQuery({{"west", "it has queries: false"}, {"east", ""}}, {}, kNow, kTenSeconds);
  CHECK(choice.candidates.empty());
  CHECK_EQ(ShownReasons(choice.others), "west: it has queries: false; east: its lag is not known");
}

}  // namespace
}  // namespace relay::test::relay_queries_query_choice_test
