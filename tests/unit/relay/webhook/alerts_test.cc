#include "relay/webhook/alerts.h"

#include <doctest/doctest.h>

namespace relay::test::unit_relay_webhook_alerts_test {
namespace {

using namespace std::chrono_literals;

BackendStatus Well(const std::string& name) {
  BackendStatus backend;
  backend.name = name;
  backend.state = "caught up";
  backend.takes_writes = true;
  return backend;
}

std::vector<std::string> KeysOf(const RelayStatus& status) {
  std::vector<std::string> keys;
  for (const auto& [key, alert] : AlertsOf(status)) keys.push_back(key);
  return keys;
}

using Keys = std::vector<std::string>;

TEST_CASE("alerts: a backend that fails is one, but not one that is paused or not configured") {
  RelayStatus status;
  status.backends = {Well("a"), Well("b"), Well("c")};
  CHECK_EQ(KeysOf(status), Keys{});
  status.backends[0].takes_writes = false;
  status.backends[0].why = "connection refused";
  status.backends[0].remedy = "start it";
  status.backends[1].takes_writes = false;
  status.backends[1].figures.paused = true;
  status.backends[2].takes_writes = false;
  status.backends[2].state = "not configured";
  CHECK_EQ(KeysOf(status), Keys{"backend_failing/a"});
  const Alert alert = AlertsOf(status).at("backend_failing/a");
  CHECK_EQ(alert.summary, "a accepts no writes: connection refused; 0 points wait");
  CHECK_EQ(alert.fix, "start it");
  CHECK(alert.is_critical);
}

TEST_CASE("alerts: stuck, diverged and dead letters are told apart") {
  RelayStatus status;
  status.backends = {Well("a")};
  status.backends[0].stuck = true;
  status.backends[0].figures.dead_letters = 3;
  status.backends[0].watermarks.emplace();
  status.backends[0].watermarks->diverged.emplace();
  CHECK_EQ(KeysOf(status), Keys{"backend_diverged/a", "backend_stuck/a", "dead_letters/a"});
}

TEST_CASE("alerts: points that will expire are one") {
  RelayStatus status;
  status.backends = {Well("a")};
  status.backends[0].expiry.emplace();
  CHECK_EQ(KeysOf(status), Keys{});
  status.backends[0].expiry->lanes = {
      {.on_backend = {"metrics", "autogen"}, .keeps = std::chrono::hours(1), .expired = 7}};
  CHECK_EQ(KeysOf(status), Keys{"points_expire/a"});
  const Alert alert = AlertsOf(status).at("points_expire/a");
  CHECK_EQ(alert.summary,
           "a: 7 points of metrics.autogen are older than the 1h00m that the policy keeps");
  CHECK_NE(alert.fix.find("ALTER RETENTION POLICY"), std::string::npos);
}

TEST_CASE("alerts: a log that fills passes one mark after the other, then fails") {
  RelayStatus status;
  status.disk = {.used = 790_MiB, .max = 1000_MiB, .free = 100_GiB};
  CHECK_EQ(KeysOf(status), Keys{});
  status.disk.used = 800_MiB;
  CHECK_EQ(KeysOf(status), Keys{"disk_80/"});
  status.disk.used = 951_MiB;
  CHECK_EQ(KeysOf(status), Keys{"disk_80/", "disk_90/", "disk_95/"});
  status.log_failure = "the log is full";
  CHECK_EQ(KeysOf(status), Keys{"disk_80/", "disk_90/", "disk_95/", "log_failing/"});
}

// A watch whose time a test sets.
struct Bench {
  AlertWatch watch;
  AlertWatch::Pace pace{.after = 10s, .min_interval = 60s};
  Alerts alerts;
  Clock::TimePoint now{1h};

  // Returns what is told `later`: "+KEY" or "-KEY".
  Keys At(std::chrono::milliseconds later) {
    now += later;
    Keys told;
    for (const AlertEvent& event :
         watch.Note(alerts, pace, {now, WallTime(now.time_since_epoch())})) {
      told.push_back((event.is_over ? "-" : "+") + event.key);
    }
    return told;
  }
};

TEST_CASE("alerts: a state is told once it has lasted, and again when it is over") {
  Bench bench;
  bench.alerts["x/"] = {"x", "", true, "x", ""};
  CHECK_EQ(bench.At(0ms), Keys{});
  CHECK_EQ(bench.At(9'999ms), Keys{});
  CHECK_EQ(bench.At(1ms), Keys{"+x/"});
  CHECK_EQ(bench.At(1h), Keys{});
  bench.alerts.clear();
  CHECK_EQ(bench.At(1s), Keys{});
  CHECK_EQ(bench.At(9'999ms), Keys{});
  CHECK_EQ(bench.At(1ms), Keys{"-x/"});
  CHECK_EQ(bench.At(1h), Keys{});
}

TEST_CASE("alerts: what comes and goes within that time is not told") {
  Bench bench;
  const Alerts some{{"x/", {"x", "", true, "x", ""}}};
  for (int i = 0; i < 100; ++i) {
    bench.alerts = i % 2 == 0 ? some : Alerts{};
    CHECK_EQ(bench.At(9s), Keys{});
  }
}

TEST_CASE("alerts: about one state something is told at most once in the interval") {
  Bench bench;
  bench.pace.after = 0s;
  const Alerts some{{"x/", {"x", "", true, "x", ""}}};
  bench.alerts = some;
  CHECK_EQ(bench.At(0ms), Keys{"+x/"});
  bench.alerts.clear();
  CHECK_EQ(bench.At(1s), Keys{});
  bench.alerts = some;
  CHECK_EQ(bench.At(1s), Keys{});  // Told already: it is as it was.
  bench.alerts.clear();
  CHECK_EQ(bench.At(57'999ms), Keys{});
  CHECK_EQ(bench.At(1ms), Keys{"-x/"});
}

}  // namespace
}  // namespace relay::test::unit_relay_webhook_alerts_test
