// The messages to the service manager, and its judgement of the unit.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/fakes/notify_socket.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_shipped_service_test {
namespace {

const std::string kUnit = SourceRoot() + "/deploy/systemd/influxdb-relay.service";

TEST_CASE("service: it is ready once writes are taken, alive while the log is, and says it stops") {
  const TempDir directory;
  const FakeBackend backend;
  const std::uint16_t port = FreePort();
  const std::string config = directory.File("relay.yaml");
  WriteFile(config, fmt::format("log: {{ path: {} }}\n"
                                "http: [{{ address: 127.0.0.1:{} }}]\n"
                                "admin: {{ address: 127.0.0.1:{} }}\n"
                                "backends: [{{ name: a, url: {} }}]\n",
                                directory.File("log"), port, FreePort(), backend.Url()));
  NotifySocket notify(directory.File("notify"));
  Process relay({.argv = {RelayBinary(), "serve", "--config", config},
                 .environment = {"NOTIFY_SOCKET=" + directory.File("notify")},
                 .output_path = directory.File("output")});
  CHECK(notify.Hears("READY=1"));
  CHECK_EQ(Post({.host = "127.0.0.1", .port = port}, "/write?db=d", "m v=1 1\n").status, 204);
  CHECK(notify.Hears("WATCHDOG=1"));
  CHECK(notify.Hears("WATCHDOG=1"));
  relay.Kill(SIGTERM);
  CHECK(notify.Hears("STOPPING=1"));
  CHECK_EQ(relay.WaitFor(kPatience), 0);
}

// systemd-socket-activate listens, and starts the relay for the first client.
TEST_CASE("service: a socket that the manager holds open keeps clients while the relay is away") {
  const TempDir directory;
  FakeBackend backend;
  const HostPort door{.port = FreePort()};
  const HostPort admin{.port = FreePort()};
  const std::string config = directory.File("relay.yaml");
  WriteFile(config, fmt::format("log: {{ path: {} }}\n"
                                "http: [{{ address: 127.0.0.1:{} }}]\n"
                                "admin: {{ address: 127.0.0.1:{} }}\n"
                                "backends: [{{ name: a, url: {} }}]\n",
                                directory.File("log"), door.port, admin.port, backend.Url()));
  Process manager(
      {.argv = {"systemd-socket-activate", fmt::format("--listen=127.0.0.1:{}", door.port),
                RelayBinary(), "serve", "--config", config},
       .output_path = directory.File("output")});
  const bool taken =
      Eventually(kPatience, [&] { return Post(door, "/write?db=d", "m v=1 1\n").status == 204; });
  REQUIRE_MESSAGE(taken, manager.Output());
  CHECK_EQ(Post(door, "/write?db=d", "m v=2 2\n").status, 204);
  CHECK(backend.WaitForRequests(1));
  manager.Kill(SIGHUP);  // Reads the configuration again: the listener stays.
  CHECK_EQ(Post(door, "/write?db=d", "m v=3 3\n").status, 204);
  manager.Kill(SIGTERM);  // The manager's process became the relay.
  CHECK_EQ(manager.WaitFor(kPatience), 0);
}

TEST_CASE("service: the unit is hardened: at most 2.0 of 10 by systemd's own measure") {
  const RunResult run =
      Run({"systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", kUnit});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
}

// The program is not where the unit expects it, unless the package is installed.
TEST_CASE("service: systemd finds nothing wrong in the units") {
  const TempDir directory;
  std::string unit = ReadFile(kUnit);
  const std::string program = "/usr/bin/influxdb-relay";
  unit.replace(unit.find(program), program.size(), RelayBinary());
  const std::string path = directory.File("influxdb-relay.service");
  WriteFile(path, unit);
  const std::string socket = directory.File("influxdb-relay.socket");
  WriteFile(socket, ReadFile(SourceRoot() + "/deploy/systemd/influxdb-relay.socket"));
  const RunResult run = Run({"systemd-analyze", "verify", "--man=no", path, socket});
  CHECK_EQ(run.output, "");
  CHECK_EQ(run.exit_code, 0);
}

}  // namespace
}  // namespace relay::test::integration_shipped_service_test
