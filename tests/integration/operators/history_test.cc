// The history on disk, the report that is made of it, pauses that end by themselves, and drills.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/two_servers.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_history_test {
namespace {

using nlohmann::json;

std::vector<std::string> Command(const RelayProcess& relay, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), RelayBinary());
  arguments.insert(arguments.end(), {"--config", relay.config_path()});
  return arguments;
}

RunResult RunOn(const RelayProcess& relay, std::vector<std::string> arguments) {
  return Run(Command(relay, std::move(arguments)));
}

json ReportOf(const RelayProcess& relay) {
  const RunResult run = RunOn(relay, {"report", "--from", "1h", "--format", "json"});
  INFO(run.output);
  REQUIRE_EQ(run.exit_code, 0);
  return json::parse(run.output);
}

json OutagesOf(const RelayProcess& relay, const std::string& backend) {
  return ReportOf(relay).at("backends").at(backend).at("outages");
}

// Waits until the relay has noticed that the backend is away, or has recovered.
bool WaitForOutage(const RelayProcess& relay, const std::string& backend, bool recovered) {
  return Eventually(kPatience, [&] {
    const json outages = OutagesOf(relay, backend);
    return !outages.empty() && outages.back().at("recovered").is_null() != recovered;
  });
}

struct TwoFakes {
  TempDir directory;
  FakeBackend a;
  FakeBackend b;
  RelayProcess relay;

  explicit TwoFakes(std::vector<std::string> log = {})
      : relay(directory.path(),
              {.backends = {{"a", a.Url()}, {"b", b.Url()}}, .log = std::move(log)}) {}

  void Write(int n) const {
    REQUIRE_EQ(relay.Write("metrics", fmt::format("cpu v={} {}", n, n)).status, 204);
  }
};

TEST_CASE(
    "history: an outage over a kill of the relay is one, with its length and the worst of it") {
  TwoFakes fakes;
  const Stopwatch since;
  fakes.b.Refuse();
  for (int n = 1; n <= 3; ++n) fakes.Write(n);
  REQUIRE(WaitForOutage(fakes.relay, "b", false));
  json outage = OutagesOf(fakes.relay, "b").back();
  CHECK(outage.at("back").is_null());
  CHECK_EQ(outage.at("states"), json::array({"retrying"}));
  CHECK_EQ(outage.at("points_owed_at_worst"), 3);

  fakes.relay.Kill();
  fakes.relay.Start();
  fakes.Write(4);
  REQUIRE(WaitForState(fakes.relay, "b", "retrying"));
  fakes.b.Listen();
  REQUIRE(fakes.relay.WaitDrained());
  REQUIRE(WaitForOutage(fakes.relay, "b", true));
  const double longest = static_cast<double>(since.elapsed().count()) / 1000;

  const json report = ReportOf(fakes.relay);
  const json& b = report.at("backends").at("b");
  REQUIRE_EQ(b.at("outages").size(), 1);
  outage = b.at("outages").back();
  // The relay looks once a second: the fourth may be delivered before it is seen.
  CHECK_GE(outage.at("points_owed_at_worst"), 3);
  CHECK_LE(outage.at("points_owed_at_worst"), 4);
  CHECK_GT(outage.at("down_seconds"), 0.0);
  CHECK_LE(outage.at("down_seconds"), longest);
  CHECK_GE(outage.at("total_seconds"), outage.at("down_seconds"));
  CHECK_LE(outage.at("total_seconds"), longest + 1);
  CHECK_EQ(b.at("outage_goes_on"), false);
  CHECK_EQ(report.at("backends").at("a").at("outages").size(), 0);
  REQUIRE_EQ(report.at("restarts").size(), 2);
  CHECK_EQ(report.at("restarts")[0].at("stop_before"), "first");
  CHECK_EQ(report.at("restarts")[1].at("stop_before"), "unclean");

  fakes.relay.Stop();
  const json offline = ReportOf(fakes.relay);
  CHECK_EQ(offline.at("backends").at("b").at("outages"), b.at("outages"));
  CHECK_EQ(offline.at("backends").at("b").at("points_accepted"), 4);
  CHECK_EQ(offline.at("backends").at("b").at("points_delivered"), 4);
  fakes.relay.Start();
  CHECK_EQ(ReportOf(fakes.relay).at("restarts")[2].at("stop_before"), "clean");
}

TEST_CASE("history: a report in words and in Markdown names gaps and actions") {
  TwoFakes fakes;
  fakes.b.Refuse();
  fakes.Write(1);
  REQUIRE(WaitForOutage(fakes.relay, "b", false));
  REQUIRE_EQ(
      RunOn(fakes.relay, {"skip", "b", "--to", "head", "--note", "bad | data", "--yes"}).exit_code,
      0);
  const RunResult text = RunOn(fakes.relay, {"report"});
  CHECK_EQ(text.exit_code, 0);
  for (const char* said : {"RTO", "Outages", "skipped", "bad | data", "None was made"}) {
    CHECK_NE(text.output.find(said), std::string::npos);
  }
  const RunResult markdown = RunOn(fakes.relay, {"report", "--format", "markdown"});
  CHECK(markdown.output.starts_with("# InfluxDB Relay: report from "));
  CHECK_NE(markdown.output.find("bad \\| data"), std::string::npos);
}

TEST_CASE("history: a wrong window is a clear error, from the relay and from the directory alike") {
  TwoFakes fakes;
  const auto check = [&fakes] {
    const auto refused = [&fakes](std::vector<std::string> window) {
      window.insert(window.begin(), "report");
      return RunOn(fakes.relay, window);
    };
    const RunResult reversed = refused({"--from", "1h", "--to", "2h"});
    CHECK_EQ(reversed.exit_code, 2);
    CHECK_NE(reversed.output.find("must be before to"), std::string::npos);
    const RunResult unreadable = refused({"--from", "tuesday"});
    CHECK_EQ(unreadable.exit_code, 2);
    CHECK_NE(unreadable.output.find("--from: 'tuesday' is not a time: expected 2026"),
             std::string::npos);
    CHECK_EQ(refused({"--to", "12"}).exit_code, 2);
    const RunResult none =
        refused({"--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"});
    CHECK_EQ(none.exit_code, 1);
    CHECK_NE(none.output.find("report: no history from 2020-01-01T00:00:00Z"), std::string::npos);
    CHECK_EQ(refused({"--format", "pdf"}).exit_code, 2);
  };
  check();
  CHECK_EQ(Get(fakes.relay.admin(), "/api/v1/report").status, 400);
  CHECK_EQ(Get(fakes.relay.admin(), "/api/v1/history?from=soon").status, 400);
  CHECK_EQ(Get(fakes.relay.admin(), "/api/v1/history?from=1h&step=1s").status, 400);
  fakes.relay.Stop();
  check();
}

TEST_CASE("history: a damaged history is told, and stops neither the relay nor the report") {
  TwoFakes fakes;
  fakes.relay.Stop();
  const std::string history = fakes.relay.log_path() + "/history";
  for (const auto& file : std::filesystem::directory_iterator(history)) {
    WriteFile(file.path(), "0 garbage\n" + ReadFile(file.path()));
  }
  fakes.relay.Start();
  const json report = ReportOf(fakes.relay);
  CHECK_EQ(report.at("damaged_lines"), 2);
  CHECK_EQ(report.at("restarts").size(), 2);
  CHECK_NE(RunOn(fakes.relay, {"report"}).output.find("2 lines of the history cannot be read"),
           std::string::npos);
}

TEST_CASE("history: a pause with a length ends by itself, also if the relay is killed meanwhile") {
  TwoFakes fakes;
  const RunResult paused = RunOn(fakes.relay, {"pause", "b", "--for", "2s", "--note", "test"});
  CHECK_EQ(paused.output, "paused the delivery to b for 2.0s: then it is resumed\n");
  CHECK_EQ(paused.exit_code, 0);
  fakes.relay.Kill();
  fakes.relay.Start();
  fakes.Write(1);
  CHECK(fakes.relay.WaitDrained());
  const RunResult audit = RunOn(fakes.relay, {"audit"});
  CHECK_NE(audit.output.find("the pause is over"), std::string::npos);
  CHECK_EQ(RunOn(fakes.relay, {"pause", "b", "--for", "soon"}).exit_code, 2);
}

TEST_CASE("history: a drill proves that a backend catches up and is equal") {
  TwoServers both;
  REQUIRE_EQ(both.relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(both.relay.WaitDrained());
  REQUIRE(Eventually(kPatience, [&] { return StatusOf(both.relay, "b").flow.has_value(); }));
  Process drill(
      {.argv = Command(both.relay, {"drill", "--backend", "b", "--for", "3s", "--format", "json"}),
       .output_path = both.relay.log_path() + "/../drill.txt"});
  REQUIRE(Eventually(kPatience, [&] { return StatusOf(both.relay, "b").figures.paused; }));
  for (int n = 2; n <= 6; ++n) {
    CHECK_EQ(both.relay.Write("metrics", fmt::format("cpu v={0} {0}", n)).status, 204);
  }
  REQUIRE(drill.WaitFor(kPatience));
  INFO(drill.Output());
  CHECK_EQ(drill.WaitFor(kPatience), 0);
  const json report = json::parse(drill.Output());
  const json& b = report.at("backends").at("b");
  REQUIRE_EQ(b.at("outages").size(), 1);
  CHECK_EQ(b.at("outages")[0].at("states"), json::array({"paused"}));
  CHECK_EQ(b.at("outages")[0].at("points_owed_at_worst"), 5);
  CHECK_FALSE(b.at("outages")[0].at("recovered").is_null());
  CHECK_EQ(report.at("last_compare").at("state"), "equal");
  CHECK_NE(report.at("last_compare").at("text").get<std::string>().find("6 points"),
           std::string::npos);
  CHECK_EQ(report.at("drills").size(), 2);
}

TEST_CASE("history: a comparison by hand is kept") {
  TwoServers both;
  REQUIRE_EQ(both.relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(both.relay.WaitDrained());
  REQUIRE_EQ(Post(both.b.endpoint(), "/write?db=metrics", "cpu v=2 2").status, 204);
  CHECK_EQ(RunOn(both.relay, {"compare", "a", "b", "--no-fence"}).exit_code, 1);
  const json last = ReportOf(both.relay).at("last_compare");
  CHECK_EQ(last.at("state"), "different");
  CHECK(last.at("text").get<std::string>().starts_with("different: a and b in 1 points of "));
}

TEST_CASE("history: a drill that is interrupted or killed leaves no backend paused") {
  TwoFakes fakes;
  REQUIRE(Eventually(kPatience, [&] { return StatusOf(fakes.relay, "b").flow.has_value(); }));
  for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
    CAPTURE(signal);
    const std::string output = fakes.directory.File(fmt::format("drill-{}", signal));
    const std::string length = signal == SIGKILL ? "1s" : "1h";
    Process drill(
        {.argv = Command(fakes.relay, {"drill", "--backend", "b", "--for", length, "--no-compare"}),
         .output_path = output});
    REQUIRE(Eventually(kPatience, [&] { return StatusOf(fakes.relay, "b").figures.paused; }));
    drill.Kill(signal);
    CHECK_EQ(drill.WaitFor(kPatience), signal == SIGKILL ? 128 + SIGKILL : 1);
    INFO(drill.Output());
    CHECK(Eventually(kPatience, [&] { return !StatusOf(fakes.relay, "b").figures.paused; }));
    if (signal == SIGKILL) continue;
    CHECK_NE(drill.Output().find("interrupted"), std::string::npos);
  }
}

TEST_CASE("history: a drill does not begin where it would do harm, or proves nothing") {
  TwoFakes fakes({"max_size: 1GiB"});
  fakes.Write(1);
  REQUIRE(Eventually(kPatience, [&] {
    const auto flow = StatusOf(fakes.relay, "b").flow;
    return flow && flow->stored_in > 0;
  }));
  const auto refused = [&fakes](const std::string& backend, const std::string& length = "5m") {
    const RunResult run =
        RunOn(fakes.relay, {"drill", "--backend", backend, "--for", length, "--no-compare"});
    CHECK_EQ(run.exit_code, 2);
    return run.output;
  };
  const RunResult dry =
      RunOn(fakes.relay, {"drill", "--backend", "b", "--for", "10s", "--with", "a", "--dry-run"});
  INFO(dry.output);
  CHECK_EQ(dry.exit_code, 0);
  CHECK_EQ(dry.output,
           "would pause b for 10.0s, resume it, wait until it has caught up, and compare it with "
           "a\n");
  CHECK_NE(refused("c").find("no backend c is configured"), std::string::npos);
  CHECK_NE(refused("b", "tomorrow").find("--for: "), std::string::npos);
  CHECK_EQ(RunOn(fakes.relay, {"drill", "--backend", "b", "--with", "b"}).exit_code, 2);
  std::string lines;  // Do not compress well.
  std::uint64_t value = 1;
  for (int n = 2; n < 20'000; ++n) {
    value = value * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    lines += fmt::format("cpu v={}i {}\n", value >> 1U, n);
  }
  REQUIRE_EQ(fakes.relay.Write("metrics", lines).status, 204);
  REQUIRE(fakes.relay.WaitDrained());
  REQUIRE(
      Eventually(kPatience, [&] { return StatusOf(fakes.relay, "b").flow->stored_in > 1'100; }));
  CHECK_NE(refused("b", "144h").find("the room on disk does not suffice"), std::string::npos);
  REQUIRE_EQ(RunOn(fakes.relay, {"pause", "b"}).exit_code, 0);
  CHECK_NE(refused("b").find("b is paused already"), std::string::npos);
  REQUIRE_EQ(RunOn(fakes.relay, {"resume", "b"}).exit_code, 0);
  fakes.b.Refuse();
  fakes.Write(20'000);
  REQUIRE(WaitForState(fakes.relay, "b", "retrying"));
  CHECK_NE(refused("b").find("b is behind already: "), std::string::npos);
  fakes.relay.Stop();
  CHECK_NE(refused("a").find("no relay answers"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_operators_history_test
