// Two relays share a log by way of three NATS servers, behind HAProxy and before two InfluxDB:
// each of them is killed, frozen or emptied while clients overwrite points through both relays.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/shared_site.h"

namespace relay::test::integration_cluster_relays_test {
namespace {

constexpr milliseconds kLong = kSitePatience;

std::string Text(const HostPort& endpoint) {
  return fmt::format("{}:{}", endpoint.host, endpoint.port);
}

TEST_CASE(
    "shared log: while each relay and each server is killed or frozen, both databases get the "
    "same points") {
  SharedSite site;
  const SiteBalancer balancer(site);
  OverwritingClients writers(balancer.endpoint);
  writers.WaitForMore();
  site.WaitUntilInSync(0);

  const auto other_takes_over = [&](std::size_t owner, const std::string& how) {
    const Stopwatch watch;
    REQUIRE(Eventually(kLong, [&] { return site.Delivers(1 - owner, "influx-a"); }));
    MESSAGE(how << ": taken over after " << watch.elapsed().count() << " ms");
    CHECK_LT(watch.elapsed(), milliseconds{20'000});
    writers.WaitForMore();
  };

  std::size_t owner = site.OwnerOf("influx-a");
  site.relays[owner]->Kill();
  other_takes_over(owner, "kill -9 of the relay that delivers");
  site.relays[owner]->Start();
  site.WaitUntilInSync(owner);

  owner = site.OwnerOf("influx-a");
  site.relays[owner]->process().Freeze();
  other_takes_over(owner, "SIGSTOP of the relay that delivers");
  site.relays[owner]->process().Thaw();
  site.WaitUntilInSync(owner);

  owner = site.OwnerOf("influx-a");
  site.relays[owner]->Stop();
  other_takes_over(owner, "SIGTERM of the relay that delivers");
  // Its disk is gone.
  std::filesystem::remove_all(site.relays[owner]->log_path());
  site.relays[owner]->Start();
  site.WaitUntilInSync(owner);

  std::size_t leader = site.nats.LeaderOf("RELAY_main");
  site.nats.Kill(leader);
  writers.WaitForMore();
  site.nats.Start(leader);
  site.nats.WaitUntilReady();

  owner = site.OwnerOf("influx-a");
  leader = site.nats.LeaderOf("RELAY_main");
  site.nats.Kill(leader);
  site.relays[owner]->Kill();
  other_takes_over(owner, "kill -9 of the leader and the relay that delivers");
  site.nats.Start(leader);
  site.nats.WaitUntilReady();
  site.relays[owner]->Start();

  for (std::size_t i = 0; i < site.nats.size(); ++i) site.nats.Kill(i);
  for (std::size_t i = 0; i < site.nats.size(); ++i) site.nats.Start(i);
  site.nats.WaitUntilReady();
  writers.WaitForMore();

  writers.Stop();
  MESSAGE(writers.acknowledged() << " writes acknowledged");
  CHECK_EQ(site.Differences(OverwritingClients::kPoints), "");
}

TEST_CASE("shared log: a command is carried out by the relay that delivers, wherever it is given") {
  SharedSite site;
  const std::size_t owner = site.OwnerOf("influx-a");
  REQUIRE(site.relays[1 - owner]->Write("d", "m v=1 1").status == 204);
  REQUIRE(site.relays[owner]->WaitDrained());
  const RunResult paused = Run({RelayBinary(), "pause", "--backend", "influx-a", "--config",
                                site.relays[1 - owner]->config_path()});
  CAPTURE(paused.output);
  CHECK_EQ(paused.exit_code, 0);
  CHECK(WaitForState(*site.relays[owner], "influx-a", "paused"));
  const HttpAnswer sent = Post(site.relays[1 - owner]->admin(), "/api/v1/backends/influx-a/resume",
                               "{}", {.headers = {{"content-type", "application/json"}}});
  CHECK_EQ(sent.status, 307);
  CHECK_EQ(sent.Header("location"),
           "http://" + Text(site.relays[owner]->admin()) + "/api/v1/backends/influx-a/resume");
}

TEST_CASE(
    "shared log: after all servers have lost their data, `found` and `join` make it whole again") {
  SharedSite site;
  site.WaitUntilInSync(0);
  for (int n = 1; n <= 20; ++n) {
    REQUIRE_EQ(site.relays[0]->Write("d", fmt::format("m,writer=0 v={}i {}", n, n)).status, 204);
  }
  REQUIRE(site.relays[0]->WaitDrained());
  site.relays[1]->Kill();
  REQUIRE_EQ(site.relays[0]->Write("d", "m,writer=0 v=21i 21").status, 204);
  for (std::size_t i = 0; i < site.nats.size(); ++i) site.nats.Kill(i);
  site.nats.DeleteData();
  for (std::size_t i = 0; i < site.nats.size(); ++i) site.nats.Start(i);
  site.nats.WaitUntilReady();
  REQUIRE(Eventually(kLong, [&] {
    return Get(site.relays[0]->admin(), "/readyz").body.find("influxdb-relay found") !=
           std::string::npos;
  }));
  CHECK_EQ(site.relays[0]->Write("d", "m,writer=0 v=22i 22").status, 503);

  const RunResult found =
      Run({RelayBinary(), "found", "--yes", "--config", site.relays[0]->config_path()});
  CAPTURE(found.output);
  CHECK_EQ(found.exit_code, 0);
  REQUIRE(Eventually(
      kLong, [&] { return site.relays[0]->Write("d", "m,writer=0 v=22i 22").status == 204; }));

  // The other one's log ends earlier: it says what to do, and does not start on half a log.
  const std::string url = "http://" + Text(site.relays[0]->admin());
  const std::string config = site.relays[1]->config_path();
  const RunResult refused = Run({RelayBinary(), "join", url, "--config", config});
  CAPTURE(refused.output);
  CHECK_EQ(refused.exit_code, 1);
  CHECK(refused.output.find("--replace sets it aside") != std::string::npos);
  const RunResult joined = Run({RelayBinary(), "join", url, "--replace", "--config", config});
  CAPTURE(joined.output);
  REQUIRE_EQ(joined.exit_code, 0);
  site.relays[1]->Start();
  site.WaitUntilInSync(1);
  const RunResult again = Run({RelayBinary(), "join", url, "--replace", "--config", config});
  CHECK(again.output.find("use") != std::string::npos);
  CHECK_EQ(again.exit_code, 1);

  site.relays[0]->Kill();
  REQUIRE(Eventually(
      kLong, [&] { return site.relays[1]->Write("d", "m,writer=0 v=23i 23").status == 204; }));
  REQUIRE(site.relays[1]->WaitDrained(kLong));
  const std::vector<StoredPoint> in_a = site.a.ReadPoints("d", "m");
  CHECK_EQ(in_a.size(), 23);
  CHECK(in_a == site.b.ReadPoints("d", "m"));
  const RunResult verified = Run({RelayBinary(), "verify", "--config", config});
  CAPTURE(verified.output);
  CHECK_EQ(verified.exit_code, 0);
}

TEST_CASE("shared log: strictly, writes are refused while too few relays are in sync") {
  SharedSite site;
  site.strict = true;
  site.relays[0]->Configure(site.SettingsOf(0));
  site.relays[0]->Stop();
  site.relays[0]->Start();
  site.WaitUntilInSync(0);
  CHECK_EQ(site.relays[0]->Write("d", "m v=1 1").status, 204);
  site.relays[1]->Kill();
  HttpAnswer refused;
  REQUIRE(Eventually(kPatience, [&] {
    refused = site.relays[0]->Write("d", "m v=2 2");
    return refused.body.find("1 of 2 relays are in sync") != std::string::npos;
  }));
  CAPTURE(refused.body);
  CHECK_EQ(refused.status, 503);
  CHECK_EQ(Get(site.relays[0]->admin(), "/readyz").status, 503);
  site.relays[1]->Start();
  CHECK(Eventually(kPatience, [&] { return site.relays[0]->Write("d", "m v=3 3").status == 204; }));
}

TEST_CASE("shared log: with one of two relays away, writes are taken and /readyz says degraded") {
  SharedSite site;
  site.WaitUntilInSync(0);
  CHECK_EQ(Get(site.relays[0]->admin(), "/readyz").body,
           "{\"status\":\"ready\",\"reason\":\"\"}\n");
  site.relays[1]->Kill();
  CHECK_EQ(site.relays[0]->Write("d", "m v=1 1").status, 204);
  const HttpAnswer ready = Get(site.relays[0]->admin(), "/readyz");
  CHECK_EQ(ready.status, 200);
  CHECK(ready.body.find("\"reason\":\"copies 1 of 2: start the relays that are away\"") !=
        std::string::npos);
  const std::string metrics = Get(site.relays[0]->admin(), "/metrics").body;
  CHECK(metrics.find("\ninfluxdb_relay_log_copies 1\n") != std::string::npos);
  CHECK(metrics.find("\ninfluxdb_relay_log_copies_wanted 2\n") != std::string::npos);
  const RunResult status =
      Run({RelayBinary(), "status", "--config", site.relays[0]->config_path()});
  CAPTURE(status.output);
  CHECK(status.output.find("copies 1 of 2; relay-1 not in sync") != std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_cluster_relays_test
