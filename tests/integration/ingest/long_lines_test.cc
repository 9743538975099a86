// Lines as a controller with thousands of registers sends them, through every door, to a real
// influxd; and what is shown and kept of one that a backend refuses.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_long_lines_test {
namespace {

using nlohmann::json;

constexpr int kRegisters = 4'000;

std::string LineOf(const std::string& measurement, int fields = kRegisters) {
  std::string line = measurement + ",plc=7 ";
  for (int i = 0; i < fields; ++i) {
    line += fmt::format("{}register_{:05}={}", i == 0 ? "" : ",", i, 1000 + i);
  }
  return line + " 1700000000000000000\n";
}

std::string OtherLines() {
  std::string lines;
  for (int i = 0; i < 999; ++i) lines += fmt::format("other v={} {}\n", i, i + 1);
  return lines;
}

TEST_CASE("long lines: a line of 4,000 fields arrives whole by every door") {
  REQUIRE_GT(LineOf("v1").size(), 80'000);
  const TempDir server_directory;
  Influxd server(server_directory.path());
  server.CreateDatabase("metrics");
  const TempDir directory;
  const HostPort tcp{.port = FreePort()};
  const HostPort udp{.port = FreePort()};
  const RelayProcess relay(
      directory.path(),
      {.backends = {{"a", server.Url()}},
       .top = fmt::format("tcp:\n  - {{address: '127.0.0.1:{}', database: metrics}}\n"
                          "udp:\n  - {{address: '127.0.0.1:{}', database: metrics}}\n",
                          tcp.port, udp.port)});
  CHECK_EQ(relay.Write("metrics", LineOf("v1")).status, 204);
  CHECK_EQ(
      Post(relay.endpoint(), "/api/v2/write?bucket=metrics", OtherLines() + LineOf("v2")).status,
      204);
  CHECK_EQ(Post(relay.endpoint(), "/api/v3/write_lp?db=metrics", LineOf("v3")).status, 204);
  CHECK(RawConnection(tcp).Send(LineOf("tcp")));
  SendPacket(udp, LineOf("udp", 3'000));
  WriteFile(directory.File("dump"), LineOf("import") + OtherLines());
  const std::string url = fmt::format("http://127.0.0.1:{}", relay.endpoint().port);
  const RunResult import =
      Run({RelayBinary(), "import", "--to", url, "--database", "metrics", directory.File("dump")});
  CAPTURE(import.output);
  CHECK_EQ(import.exit_code, 0);
  for (const std::string name : {"v1", "v2", "v3", "tcp", "udp", "import"}) {
    CAPTURE(name);
    const int fields = name == "udp" ? 3'000 : kRegisters;
    // A query during a write sees some of its fields only.
    for (const int field : {0, fields - 1}) {
      CHECK(Eventually(kPatience, [&] {
        return server.CountPoints("metrics", name, fmt::format("register_{:05}", field)) == 1;
      }));
    }
  }
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(server.CountPoints("metrics", "other", "v"), 999);
}

TEST_CASE("long lines: a dead letter keeps its line whole, and shows a part of it") {
  const TempDir directory;
  FakeBackend backend;
  backend.Follow([](const FakeRequest& request) {
    const bool bad = request.body.find("poison") != std::string::npos;
    return bad ? Answering(400, R"({"error":"unable to parse 'poison'"})") : Answering(204);
  });
  const RelayProcess relay(directory.path(), {.backends = {{"here", backend.Url()}}});
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), RelayBinary());
    arguments.insert(arguments.end(), {"--config", relay.config_path()});
    return Run(arguments);
  };
  const std::string line = LineOf("poison");
  REQUIRE_EQ(relay.Write("metrics", "m v=1 1\n" + line + LineOf("good")).status, 204);
  REQUIRE(relay.WaitDrained());
  const json letters = json::parse(run({"dead", "list", "--json"}).output).at("letters");
  REQUIRE_EQ(letters.size(), 1);
  CHECK_EQ(letters.front().at("lines").get<std::string>(), line.substr(0, 65'536));
  CHECK_EQ(letters.front().at("lines_bytes").get<std::size_t>(), line.size());
  const std::string shown = run({"dead", "show", "1"}).output;
  CHECK_NE(shown.find(line.substr(0, 4'096) + fmt::format("... ({} bytes)\n", line.size() - 1)),
           std::string::npos);
  CHECK_LT(shown.size(), 6'000);
  CHECK_NE(run({"dead", "export"}).output.find(line), std::string::npos);
  std::size_t redriven = 0;
  backend.Follow([&redriven](const FakeRequest& request) {
    redriven = request.body.size();
    return Answering(204);
  });
  CHECK_EQ(run({"dead", "redrive", "--backend", "here", "--all", "--yes"}).exit_code, 0);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(redriven, line.size());
}

}  // namespace
}  // namespace relay::test::integration_ingest_long_lines_test
