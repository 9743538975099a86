// Monitoring: metrics, rules and boards agree with the relay's own status,
// checked with a real Prometheus.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <regex>
#include <set>
#include <string>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/nats_servers.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_prometheus_test {
namespace {

using Json = nlohmann::json;

const std::string kDeploy = SourceRoot() + "/deploy";
const std::string kRules = kDeploy + "/prometheus/influxdb-relay.rules.yaml";

// A relay whose "here" has three records and whose "away" is owed them.
struct Owing {
  TempDir directory;
  FakeBackend here;
  FakeBackend away;
  RelayProcess relay{directory.path(), {.backends = {{"here", here.Url()}, {"away", away.Url()}}}};

  Owing() {
    away.Refuse();
    for (int i = 1; i <= 3; ++i) {
      REQUIRE_EQ(relay.Write("metrics", fmt::format("cpu v={} {}\ncpu v=0 0", i, i)).status, 204);
    }
    REQUIRE(WaitForState(relay, "away", "retrying"));
    REQUIRE(
        Eventually(kPatience, [this] { return StatusOf(relay, "here").figures.delivered == 6; }));
  }
  std::string Metrics() const { return Get(relay.admin(), "/metrics").body; }
};

// Returns the value of a sample such as `backend_pending_points{backend="away"}`.
double Sample(const std::string& metrics, const std::string& name) {
  const std::string begin = "\ninfluxdb_relay_" + name + " ";
  const std::size_t at = metrics.find(begin);
  REQUIRE_MESSAGE(at != std::string::npos, name);
  return std::stod(metrics.substr(at + begin.size()));
}

// Returns the names of metrics that a text mentions.
std::set<std::string> Named(const std::string& text) {
  static const std::regex kName("influxdb_relay_[a-z_]+");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), kName), end; it != end; ++it) {
    names.insert(it->str());
  }
  return names;
}

TEST_CASE("monitoring: each alerting rule fires when it should, and not before") {
  const RunResult checked = Run({"promtool", "check", "rules", kRules});
  CHECK_MESSAGE(checked.exit_code == 0, checked.output);
  const RunResult tested =
      Run({"promtool", "test", "rules", kDeploy + "/prometheus/influxdb-relay.rules.test.yaml"});
  CHECK_MESSAGE(tested.exit_code == 0, tested.output);
  const std::string tests = ReadFile(kDeploy + "/prometheus/influxdb-relay.rules.test.yaml");
  const std::string rules = ReadFile(kRules);
  static const std::regex kAlert("- alert: ([A-Za-z]+)");
  for (std::sregex_iterator it(rules.begin(), rules.end(), kAlert), end; it != end; ++it) {
    const std::string alert = (*it)[1].str();
    CHECK_MESSAGE(tests.find("alertname: " + alert + "\n") != std::string::npos, alert);
  }
}

TEST_CASE("monitoring: promtool finds nothing wrong with the metrics") {
  Owing owing;
  WriteFile(owing.directory.File("metrics"), owing.Metrics());
  const RunResult checked =
      Run({"sh", "-c", "promtool check metrics < " + owing.directory.File("metrics")});
  CHECK_MESSAGE(checked.exit_code == 0, checked.output);
  CHECK_EQ(checked.output, "");
}

// Returns the metrics of a relay whose log is shared.
std::string MetricsOfShared() {
  const TempDir directory;
  const TempDir of_nats;
  const FakeBackend backend;
  const NatsServers nats(of_nats.path(), 1);
  const RelayProcess relay(
      directory.path(),
      {.backends = {{"here", backend.Url()}},
       .log = {"engine: jetstream",
               fmt::format("jetstream: {{servers: [{}], replicas: 1, max_bytes: 64MiB}}",
                           nats.Urls().front())}});
  std::string metrics;
  const bool seen = Eventually(kPatience, [&] {
    metrics = Get(relay.admin(), "/metrics").body;
    return metrics.find("\ninfluxdb_relay_log_stream_bytes ") != std::string::npos;
  });
  CHECK(seen);
  return metrics;
}

TEST_CASE("monitoring: rules and board use only metrics that exist") {
  Owing owing;
  const std::set<std::string> known = Named(owing.Metrics() + MetricsOfShared());
  for (const std::string& file : {kRules, kDeploy + "/grafana/influxdb-relay.json"}) {
    const std::set<std::string> wanted = Named(ReadFile(file));
    CHECK_GT(wanted.size(), 5);
    for (const std::string& name : wanted) CHECK_MESSAGE(known.contains(name), file, ": ", name);
  }
  CHECK(Json::parse(ReadFile(kDeploy + "/grafana/influxdb-relay.json")).at("panels").size() > 10);
}

TEST_CASE("monitoring: a figure is the same in metrics, API, command and directory") {
  Owing owing;
  const std::string metrics = owing.Metrics();
  const Json api = Json::parse(owing.relay.Status());
  const Json command = Json::parse(
      Run({RelayBinary(), "status", "--json", "--config", owing.relay.config_path()}).output);
  CHECK_EQ(owing.relay.Stop().exit_code, 0);
  const Json offline = Json::parse(
      Run({RelayBinary(), "status", "--json", "--data", owing.relay.log_path()}).output);
  for (std::size_t i = 0; i < 2; ++i) {
    const Json& backend = api.at("backends").at(i);
    const std::string name = backend.at("name").get<std::string>();
    for (const auto& [field, metric] : std::vector<std::pair<std::string, std::string>>{
             {"cursor", "backend_cursor"},
             {"head", "backend_head"},
             {"pending_records", "backend_pending_records"},
             {"pending_points", "backend_pending_points"},
             {"pending_bytes", "backend_pending_bytes"},
             {"kept_stored_bytes", "backend_kept_bytes"},
             {"accepted_points", "backend_accepted_points_total"},
             {"delivered_points", "backend_delivered_points_total"},
             {"rewound_points", "backend_rewound_points_total"},
             {"dead_points", "backend_dead_points_total"},
             {"dead_letters", "backend_dead_letters"},
             {"dropped_points", "backend_dropped_points_total"},
             {"gaps", "backend_gaps"},
             {"held_points", "backend_held_points"},
             {"unaccounted_points", "backend_unaccounted_points"}}) {
      CAPTURE(name);
      CAPTURE(field);
      CHECK_EQ(Sample(metrics, fmt::format("{}{{backend=\"{}\"}}", metric, name)),
               backend.at(field).get<double>());
      CHECK_EQ(command.at("backends").at(i).at(field), backend.at(field));
      CHECK_EQ(offline.at("backends").at(i).at(field), backend.at(field));
    }
    for (const std::string field : {"cursor", "head", "trimmed", "oldest_pending_ns"}) {
      if (!backend.contains(field)) continue;
      CHECK_EQ(command.at("backends").at(i).at(field), backend.at(field));
      CHECK_EQ(offline.at("backends").at(i).at(field), backend.at(field));
    }
  }
}

// Returns the value of a query, "" while it has none.
std::string Asked(const HostPort& prometheus, const std::string& query) {
  const HttpAnswer answer = Get(prometheus, "/api/v1/query?query=" + PercentEncode(query));
  const Json json = Json::parse(answer.body, nullptr, false);
  if (!json.is_object() || json.value("status", "") != "success") return "";
  const Json& result = json.at("data").at("result");
  return result.empty() ? "" : result.at(0).at("value").at(1).get<std::string>();
}

TEST_CASE("monitoring: a real Prometheus scrapes the relay and evaluates the rules") {
  Owing owing;
  const TempDir directory;
  WriteFile(directory.File("prometheus.yml"),
            fmt::format("global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n"
                        "rule_files: [{}]\n"
                        "scrape_configs:\n"
                        "  - job_name: influxdb-relay\n"
                        "    static_configs: [{{ targets: [\"127.0.0.1:{}\"] }}]\n",
                        kRules, owing.relay.admin().port));
  const HostPort at{.host = "127.0.0.1", .port = FreePort()};
  const Process prometheus(
      {.argv = {"prometheus", "--config.file=" + directory.File("prometheus.yml"),
                "--storage.tsdb.path=" + directory.File("data"),
                fmt::format("--web.listen-address=127.0.0.1:{}", at.port)},
       .output_path = directory.File("prometheus.log")});
  CHECK(Eventually(kPatience, [&] { return Asked(at, "up{job=\"influxdb-relay\"}") == "1"; }));
  CHECK(Eventually(kPatience, [&] {
    return Asked(at, "influxdb_relay_backend_pending_points{backend=\"away\"}") == "6";
  }));
  CHECK(Eventually(kPatience, [&] {
    return Asked(at, "ALERTS{alertname=\"RelayBackendDown\",backend=\"away\"}") == "1";
  }));
  CHECK(Eventually(kPatience,
                   [&] { return Asked(at, "influxdb_relay_sync_seconds_count > 0") != ""; }));
  const Json groups = Json::parse(Get(at, "/api/v1/rules").body).at("data").at("groups");
  for (const Json& rule : groups.at(0).at("rules")) {
    CAPTURE(rule.dump());
    CHECK_NE(rule.at("health"), "err");
  }
}

}  // namespace
}  // namespace relay::test::integration_operators_prometheus_test
