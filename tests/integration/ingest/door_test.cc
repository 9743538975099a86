// The front door of a running relay: who gets in, and how little attackers can
// do to those who did.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/tls_front.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_door_test {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

std::string MetricsOf(const RelayProcess& relay) {
  return Get(relay.admin(), "/metrics").body;
}

bool Reached(const RelayProcess& relay, const std::string& limit, int times) {
  return MetricsOf(relay).find(fmt::format(
             "influxdb_relay_http_limit_reached_total{{limit=\"{}\"}} {}\n", limit, times)) !=
         std::string::npos;
}

TEST_CASE("door: a user writes over TLS; neither the password nor the token shows anywhere") {
  const std::string canary = "c4nary-passw0rd";
  TempDir directory;
  TempDir server_directory;
  Influxd server(server_directory.path());
  server.CreateDatabase("metrics");
  TestCa ca;
  const Certificate certificate = ca.Issue("IP:127.0.0.1");
  WriteFile(directory.File("password"), canary + "\n");
  WriteFile(directory.File("token"), canary + "-token\n");
  TempDir relay_directory;
  const RelayProcess relay(
      relay_directory.path(),
      {.backends = {{"a", server.Url()}},
       .http = {fmt::format("tls: {{cert: {}, key: {}}}", certificate.cert, certificate.key),
                fmt::format("users: [{{name: ada, password_file: {}, token_file: {}, databases: "
                            "[metrics]}}]",
                            directory.File("password"), directory.File("token"))}});
  const auto curl = [&](const std::string& path, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {"curl",    "--silent",    "--cacert",
                                     ca.cert(), "--write-out", "%{http_code}"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.push_back(fmt::format("https://127.0.0.1:{}{}", relay.endpoint().port, path));
    return Run(argv).output;
  };
  const std::vector<std::string> body = {"--data-binary", "m v=1 1"};
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), body.begin(), body.end());
    return arguments;
  };
  CHECK(curl("/write?db=metrics", body).ends_with("401"));
  CHECK(curl("/write?db=metrics", with({"--user", "ada:" + canary + "x"})).ends_with("401"));
  CHECK_EQ(curl("/write?db=metrics", with({"--user", "ada:" + canary})), "204");
  CHECK_EQ(curl("/write?db=metrics&u=ada&p=" + canary, body), "204");
  CHECK_EQ(curl("/api/v2/write?bucket=metrics",
                with({"--header", "Authorization: Token " + canary + "-token"})),
           "204");
  CHECK_EQ(curl("/api/v3/write_lp?db=metrics&precision=ns",
                with({"--header", "Authorization: Bearer " + canary + "-token"})),
           "204");
  CHECK(curl("/write?db=other", with({"--user", "ada:" + canary})).ends_with("403"));
  CHECK_EQ(curl("/ping", {}), "204");
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(server.CountPoints("metrics", "m", "v"), 1);

  CHECK_EQ(relay.Output().find(canary), std::string::npos);
  CHECK_EQ(MetricsOf(relay).find(canary), std::string::npos);
  CHECK_EQ(relay.Status().find(canary), std::string::npos);
  const RunResult checked = Run({RelayBinary(), "check-config", relay.config_path()});
  CHECK_EQ(checked.output.find(canary), std::string::npos);
  const RunResult grep =
      Run({"grep", "--recursive", "--text", "--quiet", canary, relay.log_path()});
  CHECK_EQ(grep.exit_code, 1);  // It was not found.
}

void AllowDescriptors(rlim_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  REQUIRE_GE(limit.rlim_max, count);
  limit.rlim_cur = std::max(limit.rlim_cur, count);
  REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST_CASE("door: 2,000 clients that send their heads byte by byte do not slow an honest one") {
  constexpr int kSlow = 2'000;
  AllowDescriptors(kSlow + 200);
  TempDir directory;
  FakeBackend backend;
  const RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}},
                                              .http = {"head_time: 5s"},
                                              .top = "limits: {connections_per_address: 5000}\n"});
  std::vector<std::unique_ptr<RawConnection>> slow;
  for (int i = 0; i < kSlow; ++i) {
    slow.push_back(std::make_unique<RawConnection>(relay.endpoint()));
    REQUIRE(slow.back()->Send("POST /write?db=d HTTP/1.1\r\nX-Slow: "));
  }
  std::vector<double> milliseconds_taken;
  for (int i = 0; i < 200; ++i) {
    for (int j = 0; j < 20; ++j) slow[static_cast<std::size_t>(i * 20 + j) % kSlow]->Send("a");
    const SteadyClock::time_point begun = SteadyClock::now();
    REQUIRE_EQ(relay.Write("d", fmt::format("m v={} {}\n", i, i)).status, 204);
    milliseconds_taken.push_back(
        std::chrono::duration<double, std::milli>(SteadyClock::now() - begun).count());
  }
  std::sort(milliseconds_taken.begin(), milliseconds_taken.end());
  MESSAGE("beside 2,000 slow clients: p50 ", milliseconds_taken[100], " ms, p99 ",
          milliseconds_taken[198], " ms");
  CHECK_LT(milliseconds_taken[100], 500);
  // Each finally gets a timeout answer and is disconnected.
  CHECK(slow.front()->ReadUntilClose(milliseconds(60'000)).bytes.starts_with("HTTP/1.1 408"));
  CHECK(Eventually(milliseconds(60'000), [&] { return Reached(relay, "head_time", kSlow); }));
}

std::size_t DescriptorsOf(pid_t pid) {
  const fs::directory_iterator open(fmt::format("/proc/{}/fd", pid));
  return static_cast<std::size_t>(std::distance(fs::begin(open), fs::end(open)));
}

void LimitDescriptors(pid_t pid, rlim_t count) {
  const rlimit limit{.rlim_cur = count, .rlim_max = 20'000};
  REQUIRE_EQ(prlimit(pid, RLIMIT_NOFILE, &limit, nullptr), 0);
}

std::string WriteRequest(int number) {
  const std::string body = fmt::format("m v={0} {0}\n", number);
  return fmt::format("POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
                     body.size(), body);
}

bool IsStored(RawConnection& connection) {
  return connection.ReadUntil("\r\n\r\n").bytes.starts_with("HTTP/1.1 204");
}

TEST_CASE("door: without descriptors connected clients write on, others wait for some") {
  constexpr std::size_t kRoomFor = 20;
  constexpr std::size_t kClients = 100;
  TempDir directory;
  FakeBackend backend;
  RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}}});
  RawConnection present(relay.endpoint());
  present.Send(WriteRequest(0));
  REQUIRE(IsStored(present));
  REQUIRE(relay.WaitDrained());
  LimitDescriptors(relay.process().pid(), DescriptorsOf(relay.process().pid()) + kRoomFor);
  std::vector<std::unique_ptr<RawConnection>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawConnection>(relay.endpoint()));
    clients.back()->Send(WriteRequest(static_cast<int>(i) + 1));
  }
  CHECK(IsStored(*clients.front()));
  for (int i = 0; i < 100; ++i) {
    present.Send(WriteRequest(1000 + i));
    REQUIRE(IsStored(present));
  }
  CHECK_EQ(clients.back()->ReadSome(milliseconds(300)).bytes, "");
  LimitDescriptors(relay.process().pid(), 20'000);
  for (std::size_t i = 1; i < kClients; ++i) CHECK(IsStored(*clients[i]));
  CHECK_EQ(MetricsOf(relay).find("limit_reached_total{limit=\"descriptors\"} 0\n"),
           std::string::npos);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(StatusOf(relay, "a").figures.delivered, 1 + kClients + 100);
}

TEST_CASE("door: consistency waits for as many backends as it says, and no longer than it may") {
  TempDir directory;
  FakeBackend west;
  FakeBackend east;
  RelayProcess relay(directory.path(),
                     {.backends = {{"west", west.Url()}, {"east", east.Url()}},
                      .http = {"consistency: honour", "consistency_timeout: 300ms"}});
  for (const char* level : {"any", "one", "quorum", "all"}) {
    const HttpAnswer answer = relay.Write("d", "m v=1 1\n", std::string("consistency=") + level);
    CAPTURE(level);
    CHECK_EQ(answer.status, 204);
    CHECK_FALSE(answer.Header("x-relay-position").empty());
  }
  east.Refuse();
  CHECK_EQ(relay.Write("d", "m v=2 2\n", "consistency=one").status, 204);
  for (const char* level : {"quorum", "all"}) {
    const HttpAnswer answer = relay.Write("d", "m v=3 3\n", std::string("consistency=") + level);
    CHECK_EQ(answer.status, 500);
    CHECK_NE(answer.body.find("timeout: 1 of 2 backends have the write"), std::string::npos);
    CHECK_FALSE(answer.Header("x-relay-position").empty());
  }
  CHECK_EQ(relay.Write("d", "m v=4 4\n", "consistency=any").status, 204);
}

TEST_CASE("door: a client that asks for consistency unasked is not made to wait for a backend") {
  TempDir directory;
  FakeBackend east;
  east.Refuse();
  RelayProcess relay(directory.path(),
                     {.backends = {{"east", east.Url()}}, .http = {"consistency_timeout: 300ms"}});
  // The `influx` command sends the first, influxdb-java the second.
  for (const char* level : {"all", "one", "ANY", "Quorum"}) {
    CAPTURE(level);
    CHECK_EQ(relay.Write("d", "m v=1 1\n", std::string("consistency=") + level).status, 204);
  }
  const HttpAnswer demanded = Post(relay.endpoint(), "/write?db=d", "m v=2 2\n",
                                   {.headers = {{"X-Relay-Consistency", "All"}}});
  CHECK_EQ(demanded.status, 500);
  CHECK_NE(demanded.body.find("timeout: 0 of 1 backends have the write"), std::string::npos);
  CHECK_EQ(Post(relay.endpoint(), "/write?db=d", "m v=3 3\n",
                {.headers = {{"X-Relay-Consistency", "most"}}})
               .status,
           400);
}

TEST_CASE("door: precision=us of v1 is nanoseconds where the numbers say so") {
  TempDir directory;
  FakeBackend backend;
  RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}}});
  CHECK_EQ(relay.Write("d", "m v=1 1700000000000000001\n", "precision=us").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(relay.Write("d", "m v=2 1700000000000002\n", "precision=us").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(relay.Write("d", "m v=3 1700000000000003\n", "precision=%C2%B5").status, 204);
  REQUIRE(relay.WaitDrained());
  const auto requests = backend.Requests();
  REQUIRE_EQ(requests.size(), 3);
  CHECK_EQ(requests[0].target.find("precision=u"), std::string::npos);
  CHECK_NE(requests[1].target.find("precision=u"), std::string::npos);
  CHECK_NE(requests[2].target.find("precision=u"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_ingest_door_test
