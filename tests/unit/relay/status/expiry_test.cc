#include "relay/status/expiry.h"

#include <doctest/doctest.h>

#include "relay/status/health_check.h"
#include "relay/status/metrics.h"
#include "relay/status/relay_status.h"

namespace relay::test::unit_relay_status_expiry_test {
namespace {

using namespace std::chrono_literals;

WallTime At(std::chrono::nanoseconds time) {
  return WallTime(time);
}

RelayStatus Expiring() {
  RelayStatus status;
  status.running = true;
  status.now = At(24h * 7);
  BackendStatus& backend = status.backends.emplace_back();
  backend.name = "a";
  backend.state = "caught up";
  backend.takes_writes = true;
  backend.expiry = ExpiryReport{.watched = true, .asked_at = At(24h * 6)};
  backend.expiry->lanes = {
      {.lane = {"metrics", ""},
       .on_backend = {"metrics", "autogen"},
       .keeps = 24h * 7,
       .expired = 20,
       .expiring = 5000,
       .from = At(40min),
       .to = At(3h + 40min)},
      {.lane = {"logs", "short"}, .on_backend = {"logs", "short"}, .keeps = 1h, .expired = 1}};
  return status;
}

TEST_CASE("expiry: says how much expires when, and what can be done") {
  const RelayStatus status = Expiring();
  const ExpiryReport& report = *status.backends[0].expiry;
  const std::vector<std::string> sentences = DescribeExpiry(report, status.now);
  REQUIRE_EQ(sentences.size(), 3);
  CHECK_EQ(sentences[0],
           "3h00m of metrics.autogen (5000 points) will begin to expire in 40m00s; the policy "
           "keeps 7d00h");
  CHECK_EQ(sentences[1],
           "20 points of metrics.autogen are older than the 7d00h that the policy keeps");
  CHECK_EQ(sentences[2], "1 point of logs.short is older than the 1h00m that the policy keeps");
  CHECK_EQ(ExpiryRemedy(report, "a"),
           "let a take them in time, or keep its points longer: ALTER RETENTION POLICY "
           "\"autogen\" ON \"metrics\" DURATION INF, on a");
  CHECK_EQ(ExpiresIn(report, status.now), 40min);
  CHECK_EQ(ExpiresIn(report, status.now + 1h), 0min);
  CHECK_EQ(ExpiresIn({}, status.now), std::nullopt);
}

TEST_CASE("expiry: table, JSON, metrics and the health check have it") {
  RelayStatus status = Expiring();
  const std::string table = ToTable(status);
  CHECK_NE(table.find("\na: 3h00m of metrics.autogen (5000 points) will begin"), std::string::npos);
  CHECK_NE(table.find("\na: fix: let a take them"), std::string::npos);
  CHECK_NE(table.find("\nretention policies: 1 of 1 backend watched\n"), std::string::npos);
  const std::string json = ToJson(status);
  CHECK_NE(json.find("\"expiring_points\":5000,\"expires_in_seconds\":2400.0"), std::string::npos);
  const RelayStatus read = StatusFromJson(json).value();
  CHECK_EQ(ToJson(read), json);
  CHECK_EQ(ToTable(read), table);
  const HealthReport health = CheckHealth(status, 1h);
  CHECK(health.health == Health::kWarning);
  CHECK_NE(health.line.find("will begin to expire in 40m00s"), std::string::npos);
  const std::string metrics = ToMetrics(status, Counters());
  for (const std::string line :
       {"backend_expiring_points{backend=\"a\"} 5000", "backend_expired_points{backend=\"a\"} 21",
        "backend_expiring_seconds{backend=\"a\"} 2400",
        "backend_expiry_watched{backend=\"a\"} 1"}) {
    CHECK_NE(metrics.find("\ninfluxdb_relay_" + line + "\n"), std::string::npos);
  }
  status.backends[0].expiry = ExpiryReport{.why = "gets UDP packets and cannot be asked"};
  CHECK_NE(ToTable(status).find("retention policies: 0 of 1 backend watched; a is not: gets UDP"),
           std::string::npos);
  CHECK(CheckHealth(status, 1h).health == Health::kOk);
}

}  // namespace
}  // namespace relay::test::unit_relay_status_expiry_test
