// A real Prometheus as a client: its samples arrive at real servers, as they came and as lines,
// through the death of the relay and the outage of a backend.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/victoria_metrics.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_remote_write_test {
namespace {

using Json = nlohmann::json;

// The values of one metric of one series, by time in milliseconds.
using Samples = std::map<std::int64_t, double>;

constexpr std::int64_t kNanosInMilli = 1'000'000;
const std::vector<std::string> kMetrics = {"up", "scrape_duration_seconds",
                                           "process_resident_memory_bytes"};

// Scrapes itself and sends to the relay; or takes what the relay sends.
class Prometheus {
 public:
  static Prometheus SendingTo(const HostPort& relay, const std::string& directory) {
    return {directory, fmt::format("global: {{ scrape_interval: 250ms }}\n"
                                   "scrape_configs:\n"
                                   "  - job_name: self\n"
                                   "    static_configs: [{{ targets: [\"127.0.0.1:PORT\"] }}]\n"
                                   "remote_write:\n"
                                   "  - url: http://127.0.0.1:{}/api/v1/write\n"
                                   "    remote_timeout: 5s\n"
                                   "    queue_config: {{ batch_send_deadline: 300ms, min_backoff: "
                                   "30ms, max_backoff: 200ms }}\n",
                                   relay.port)};
  }

  // Samples that are older than its newest one of the series are taken too: what is sent again
  // after an outage.
  static Prometheus Receiving(const std::string& directory) {
    return {directory,
            "storage: { tsdb: { out_of_order_time_window: 1h } }\n",
            {"--web.enable-remote-write-receiver"}};
  }

  std::string Url() const { return "http://127.0.0.1:" + std::to_string(at_.port); }

  Samples SamplesOf(const std::string& metric) const {
    const std::string query = PercentEncode(metric + "{job=\"self\"}[1h]");
    const Json answer = Json::parse(Get(at_, "/api/v1/query?query=" + query).body, nullptr, false);
    Samples samples;
    const auto status = answer.find("status");
    if (status == answer.end() || *status != "success") return samples;
    for (const Json& series : answer.at("data").at("result")) {
      for (const Json& pair : series.at("values")) {
        const double seconds = pair.at(0).get<double>();
        samples[std::llround(seconds * 1'000)] = std::stod(pair.at(1).get<std::string>());
      }
    }
    return samples;
  }

  // It sends what it has on its way out.
  void Stop() {
    process_->Kill(SIGTERM);
    CHECK(process_->WaitFor(milliseconds{60'000}));
  }

  // Ends it; it keeps what it was sent.
  void Kill() {
    process_->Kill(SIGKILL);
    process_->WaitFor(kPatience);
  }

  void Start() {
    std::vector<std::string> argv = {"prometheus",
                                     "--config.file=" + directory_ + "/prometheus.yml",
                                     "--storage.tsdb.path=" + directory_ + "/data",
                                     fmt::format("--web.listen-address=127.0.0.1:{}", at_.port)};
    argv.insert(argv.end(), options_.begin(), options_.end());
    process_ = std::make_unique<Process>(
        Program{.argv = std::move(argv), .output_path = directory_ + "/prometheus.log"});
  }

 private:
  Prometheus(std::string directory, std::string config, std::vector<std::string> options = {})
      : directory_(std::move(directory)), options_(std::move(options)) {
    const std::size_t port = config.find("PORT");
    if (port != std::string::npos) config.replace(port, 4, std::to_string(at_.port));
    WriteFile(directory_ + "/prometheus.yml", config);
    Start();
  }

  std::string directory_;
  std::vector<std::string> options_;
  HostPort at_{.host = "127.0.0.1", .port = FreePort()};
  std::unique_ptr<Process> process_;
};

Samples SamplesIn(const Influxd& influxd, const std::string& database, const std::string& metric) {
  Samples samples;
  for (const StoredPoint& point : influxd.ReadPoints(database, metric)) {
    CHECK_NE(point.tags.find("__name__=" + metric), std::string::npos);
    CHECK_NE(point.tags.find("job=self"), std::string::npos);
    REQUIRE(point.fields.starts_with("value="));
    samples[point.time_ns / kNanosInMilli] = std::stod(point.fields.substr(6));
  }
  return samples;
}

Samples SamplesIn(const VictoriaMetrics& server, const std::string& metric) {
  Get(server.endpoint(), "/internal/force_flush");
  const HttpAnswer answer =
      Get(server.endpoint(), "/api/v1/export?start=0&match[]=" + PercentEncode(metric));
  Samples samples;
  std::size_t at = 0;
  while (at < answer.body.size()) {
    const std::size_t end = std::min(answer.body.find('\n', at), answer.body.size());
    const Json series = Json::parse(answer.body.substr(at, end - at));
    const Json& values = series.at("values");
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i].is_null()) continue;  // A marker of staleness.
      samples[series.at("timestamps").at(i).get<std::int64_t>()] = values[i].get<double>();
    }
    at = end + 1;
  }
  return samples;
}

// Says how `got` differs from samples that it should have; "": it has all of them.
std::string Missing(const Samples& wanted, const Samples& got) {
  for (const auto& [time, value] : wanted) {
    const auto found = got.find(time);
    if (found == got.end()) return fmt::format("no sample of {} among {}", time, got.size());
    if (found->second != value) {
      return fmt::format("{}: {} instead of {}", time, found->second, value);
    }
  }
  return "";
}

// An InfluxDB that gets lines in one database and, as another backend, remote write in a second
// one; and a VictoriaMetrics that gets remote write.
struct Servers {
  TempDir influx_directory;
  TempDir victoria_directory;
  TempDir relay_directory;
  TempDir prometheus_directory;
  Influxd influx{influx_directory.path()};
  VictoriaMetrics victoria{victoria_directory.path()};
  RelayProcess relay{
      relay_directory.path(),
      {.backends = {{"lines", influx.Url()},
                    {"native",
                     influx.Url(),
                     {"api: prometheus", "write_path: /api/v1/prom/write", "create_databases: true",
                      "rename: [{from: prometheus, to: native}]"}},
                    {"victoria", victoria.Url(), {"api: prometheus"}}}}};

  Servers() { influx.CreateDatabase("prometheus"); }
};

TEST_CASE("remote write: a Prometheus's samples arrive everywhere, through crash and outage") {
  Servers servers;
  Prometheus prometheus =
      Prometheus::SendingTo(servers.relay.endpoint(), servers.prometheus_directory.path());
  const auto count_in_victoria = [&servers] { return SamplesIn(servers.victoria, "up").size(); };
  REQUIRE(Eventually(kPatience, [&] { return count_in_victoria() >= 5; }));

  servers.influx.Kill();
  REQUIRE(Eventually(kPatience,
                     [&] { return StatusOf(servers.relay, "lines").figures.owed.points > 500; }));
  for (int kill = 0; kill < 3; ++kill) {
    servers.relay.Kill();
    servers.relay.Start();
    const std::size_t before = count_in_victoria();
    REQUIRE(Eventually(kPatience, [&] { return count_in_victoria() >= before + 4; }));
  }
  servers.influx.Start();

  std::map<std::string, Samples> wanted;
  for (const std::string& metric : kMetrics) wanted[metric] = prometheus.SamplesOf(metric);
  // When it is stopped, it may not have read all of its own log.
  for (const std::string& metric : kMetrics) {
    Eventually(kPatience, [&] {
      return Missing(wanted[metric], SamplesIn(servers.victoria, metric)).empty();
    });
  }
  prometheus.Stop();
  REQUIRE(servers.relay.WaitDrained(milliseconds{60'000}));
  for (const std::string& metric : kMetrics) {
    CAPTURE(metric);
    CHECK_GT(wanted[metric].size(), 15);
    const Samples lines = SamplesIn(servers.influx, "prometheus", metric);
    CHECK_EQ(Missing(wanted[metric], lines), "");
    CHECK(SamplesIn(servers.influx, "native", metric) == lines);
    // It shows what it was sent after a while.
    Eventually(kPatience, [&] { return SamplesIn(servers.victoria, metric) == lines; });
    const Samples victoria = SamplesIn(servers.victoria, metric);
    CHECK_EQ(Missing(lines, victoria), "");
    CHECK_EQ(victoria.size(), lines.size());
  }
  for (const std::string backend : {"lines", "native", "victoria"}) {
    CAPTURE(backend);
    const BackendStatus status = StatusOf(servers.relay, backend);
    CHECK_EQ(status.figures.dead, 0);
    CHECK_EQ(status.figures.dropped, 0);
    CHECK_EQ(status.figures.unaccounted(), 0);
    CHECK_EQ(status.figures.delivered, status.figures.accepted.points);
  }
}

TEST_CASE(
    "remote write: a Prometheus that takes it has the same samples, through crash and outage") {
  TempDir source_directory;
  TempDir target_directory;
  TempDir relay_directory;
  Prometheus target = Prometheus::Receiving(target_directory.path());
  RelayProcess relay(relay_directory.path(),
                     {.backends = {{"prometheus", target.Url(), {"api: prometheus"}}}});
  Prometheus source = Prometheus::SendingTo(relay.endpoint(), source_directory.path());
  const auto count = [&target] { return target.SamplesOf("up").size(); };
  REQUIRE(Eventually(kPatience, [&] { return count() >= 5; }));
  for (int outage = 0; outage < 2; ++outage) {
    target.Kill();
    REQUIRE(Eventually(kPatience,
                       [&] { return StatusOf(relay, "prometheus").figures.owed.points > 500; }));
    relay.Kill();
    relay.Start();
    target.Start();
    REQUIRE(Eventually(kPatience, [&] { return count() > 0; }));
    const std::size_t before = count();
    REQUIRE(Eventually(kPatience, [&] { return count() >= before + 4; }));
    relay.Kill();
    relay.Start();
  }
  std::map<std::string, Samples> wanted;
  for (const std::string& metric : kMetrics) wanted[metric] = source.SamplesOf(metric);
  // When it is stopped, it may not have read all of its own log.
  for (const std::string& metric : kMetrics) {
    Eventually(kPatience,
               [&] { return Missing(wanted[metric], target.SamplesOf(metric)).empty(); });
  }
  source.Stop();
  REQUIRE(relay.WaitDrained(milliseconds{60'000}));
  for (const std::string& metric : kMetrics) {
    CAPTURE(metric);
    CHECK_GT(wanted[metric].size(), 8);
    CHECK_EQ(Missing(wanted[metric], target.SamplesOf(metric)), "");
  }
  const BackendStatus status = StatusOf(relay, "prometheus");
  CHECK_EQ(status.figures.dead, 0);
  CHECK_EQ(status.figures.dropped, 0);
  CHECK_EQ(status.figures.unaccounted(), 0);
}

}  // namespace
}  // namespace relay::test::integration_ingest_remote_write_test
