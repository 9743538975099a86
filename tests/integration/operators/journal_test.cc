// The journal, and the figures that monitoring gets of the service itself.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <string>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/tls_front.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_journal_test {
namespace {

std::string StreamOf(const std::string& path) {
  std::ofstream(path, std::ios::app).flush();
  struct stat file {};
  REQUIRE_EQ(stat(path.c_str(), &file), 0);
  return fmt::format("JOURNAL_STREAM={}:{}", file.st_dev, file.st_ino);
}

// Returns the sample of a metric; -1: there is none.
double Sample(const RelayProcess& relay, const std::string& name) {
  const std::string page = "\n" + Get(relay.admin(), "/metrics").body;
  const std::size_t at = page.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(page.substr(at + name.size() + 2));
}

TEST_CASE("journal: where standard error is the journal, lines have their priority") {
  const TempDir directory;
  FakeBackend backend;
  backend.Refuse();
  const std::string stream = StreamOf(directory.File("relay.out"));
  RelayProcess relay(directory.path(),
                     {.backends = {{"a", backend.Url()}}, .environment = {stream}});
  REQUIRE_EQ(relay.Write("d", "m v=1 1\n").status, 204);
  REQUIRE(Eventually(kPatience, [&] {
    return relay.Output().find("<4>level=warning event=\"backend failing\"") != std::string::npos;
  }));
  CHECK_NE(relay.Output().find("<6>level=info event=\"serving\""), std::string::npos);
}

TEST_CASE("journal: elsewhere, lines begin as ever") {
  const TempDir directory;
  FakeBackend backend;
  const std::string stream = StreamOf(directory.File("another"));
  const RelayProcess relay(directory.path(),
                           {.backends = {{"a", backend.Url()}}, .environment = {stream}});
  CHECK_EQ(relay.Output().find("<6>"), std::string::npos);
}

TEST_CASE("journal: a recovery says after how long, and how many points waited") {
  const TempDir directory;
  FakeBackend backend;
  RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}}});
  backend.Refuse();
  REQUIRE_EQ(relay.Write("d", "m v=1 1\nm v=2 2\n").status, 204);
  REQUIRE(WaitForState(relay, "a", "retrying"));
  REQUIRE_EQ(relay.Write("d", "m v=3 3\n").status, 204);
  backend.Listen();
  REQUIRE(relay.WaitDrained());
  REQUIRE(Eventually(kPatience, [&] {
    return relay.Output().find("event=\"backend recovered\" backend=\"a\" after=\"") !=
           std::string::npos;
  }));
  CHECK_NE(relay.Output().find(" points=\"3\""), std::string::npos);
}

TEST_CASE("metrics: the process, the configuration, checkpoints and certificates") {
  const TempDir directory;
  FakeBackend backend;
  TestCa ca;
  const Certificate certificate = ca.Issue("IP:127.0.0.1");
  RelayProcess relay(
      directory.path(),
      {.backends = {{"a", backend.Url()}},
       .http = {fmt::format("tls: {{ cert: {}, key: {} }}", certificate.cert, certificate.key)}});
  CHECK_GT(Sample(relay, "process_cpu_seconds_total"), 0);
  CHECK_GT(Sample(relay, "process_resident_memory_bytes"), 1e6);
  CHECK_GT(Sample(relay, "process_open_fds"), 5);
  CHECK_GE(Sample(relay, "process_max_fds"), Sample(relay, "process_open_fds"));
  const double now = static_cast<double>(std::time(nullptr));
  CHECK_GT(Sample(relay, "process_start_time_seconds"), now - 3'600);
  CHECK_LT(Sample(relay, "process_start_time_seconds"), now + 5);
  CHECK_EQ(Sample(relay, "influxdb_relay_config_last_reload_successful"), 1);
  CHECK_GT(Sample(relay, "influxdb_relay_config_last_reload_success_timestamp_seconds"), now - 600);
  CHECK_EQ(Sample(relay, "influxdb_relay_checkpoint_age_seconds"), -1);
  const std::string expiry =
      fmt::format("influxdb_relay_certificate_expiry_timestamp_seconds{{address=\"127.0.0.1:{}\"}}",
                  relay.endpoint().port);
  CHECK_GT(Sample(relay, expiry), now + 3'600);
  CHECK_LT(Sample(relay, expiry), now + 10 * 86'400.0);

  REQUIRE_EQ(Run({RelayBinary(), "checkpoint", "one", "--config", relay.config_path()}).exit_code,
             0);
  CHECK_GE(Sample(relay, "influxdb_relay_checkpoint_age_seconds"), 0);
  CHECK_LT(Sample(relay, "influxdb_relay_checkpoint_age_seconds"), 600);

  WriteFile(relay.config_path(), "nonsense: true\n");
  relay.process().Kill(SIGHUP);
  CHECK(Eventually(kPatience, [&] {
    return Sample(relay, "influxdb_relay_config_last_reload_successful") == 0;
  }));
}

}  // namespace
}  // namespace relay::test::integration_operators_journal_test
