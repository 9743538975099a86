// Relays whose backends lead back to them, by themselves or by way of another relay.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_loop_test {
namespace {

std::string UrlOf(const RelayProcess& relay) {
  return fmt::format("http://127.0.0.1:{}", relay.endpoint().port);
}

// A relay, at first with one backend that takes everything.
struct Site {
  explicit Site(const std::string& backend = "")
      : relay(directory.path(), {.backends = {{"next", backend.empty() ? end.Url() : backend}}}) {}

  void SendTo(const std::string& url) {
    relay.Stop();
    relay.Configure({.backends = {{"next", url}}});
    relay.Start();
  }
  PointCount Accepted() const { return StatusOf(relay, "next").figures.accepted.points; }
  std::string Metrics() const { return Get(relay.admin(), "/metrics").body; }

  TempDir directory;
  FakeBackend end;
  RelayProcess relay;
};

void CheckOnHold(const Site& site) {
  REQUIRE(WaitForState(site.relay, "next", "held"));
  const BackendStatus status = StatusOf(site.relay, "next");
  CHECK_NE(status.why.find("a loop"), std::string::npos);
  CHECK_NE(status.last_answer.find("508"), std::string::npos);
  CHECK_NE(status.remedy.find("correct the url of next"), std::string::npos);
  CHECK_EQ(status.figures.owed.points, 1);
  CHECK_EQ(status.figures.dead, 0);
}

TEST_CASE("loop: a relay that is its own backend takes a write once, and says why it waits") {
  Site site;
  site.SendTo(UrlOf(site.relay));
  REQUIRE_EQ(site.relay.Write("d", "m v=1 1\n").status, 204);
  CheckOnHold(site);
  CHECK_EQ(site.Accepted(), 1);
  CHECK_EQ(site.Metrics().find("influxdb_relay_looped_requests_total 0\n"), std::string::npos);
}

TEST_CASE("loop: by way of another relay, a write is taken once by each, after restarts too") {
  Site first;
  Site second(UrlOf(first.relay));
  REQUIRE_EQ(second.relay.Write("d", "m v=1 1\n").status, 204);  // This one goes one way.
  REQUIRE(Eventually(kPatience, [&] { return first.end.Requests().size() == 1; }));
  first.SendTo(UrlOf(second.relay));
  REQUIRE_EQ(first.relay.Write("d", "m v=2 2\n").status, 204);
  CheckOnHold(second);
  second.relay.Kill();
  second.relay.Start();
  CheckOnHold(second);
  CHECK_EQ(first.Accepted(), 2);
  CHECK_EQ(second.Accepted(), 2);
}

TEST_CASE("loop: relays in a row pass on what they get") {
  Site last;
  Site middle(UrlOf(last.relay));
  Site first(UrlOf(middle.relay));
  REQUIRE_EQ(first.relay.Write("d", "m v=1 1\n").status, 204);
  REQUIRE_EQ(middle.relay.Write("d", "m v=2 2\n").status, 204);
  REQUIRE(Eventually(kPatience, [&] { return last.end.Requests().size() == 2; }));
  for (Site* site : {&first, &middle, &last}) REQUIRE(site->relay.WaitDrained());
}

}  // namespace
}  // namespace relay::test::integration_delivery_loop_test
