// SIGHUP: the relay program switches to another configuration.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"
#include "tests/support/process/tls_front.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_reload_test {
namespace {

struct Reloadable {
  explicit Reloadable(const RelayProcess::Settings& settings) : relay(directory.path(), settings) {}

  std::size_t Said(const std::string& words) const {
    const std::string output = relay.Output();
    std::size_t times = 0;
    for (auto at = output.find(words); at != std::string::npos; at = output.find(words, at + 1)) {
      ++times;
    }
    return times;
  }
  void Hup() { relay.process().Kill(SIGHUP); }
  // Reloads and waits until it is done.
  void Reload(const RelayProcess::Settings& settings) {
    const std::size_t before = Said("event=\"configuration reloaded\"");
    relay.Configure(settings);
    Hup();
    REQUIRE(Eventually(kPatience,
                       [&] { return Said("event=\"configuration reloaded\"") == before + 1; }));
  }
  int Write(const std::string& lines) { return relay.Write("d", lines).status; }

  TempDir directory;
  RelayProcess relay;
};

TEST_CASE("reload: a backend that is added gets what is written from then on") {
  FakeBackend a;
  FakeBackend b;
  Reloadable it({.backends = {{"a", a.Url()}}});
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
  it.Reload({.backends = {{"a", a.Url()}, {"b", b.Url()}}});
  CHECK_EQ(it.Write("m v=2 2\n"), 204);
  REQUIRE(it.relay.WaitDrained());
  CHECK_EQ(a.Bodies(), "m v=1 1\nm v=2 2\n");
  CHECK_EQ(b.Bodies(), "m v=2 2\n");
}

TEST_CASE("reload: a backend that is added is told what it does not get, and how it can get it") {
  FakeBackend a;
  FakeBackend b;
  Reloadable it({.backends = {{"a", a.Url()}}});
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
  REQUIRE(it.relay.WaitDrained());
  it.Reload({.backends = {{"a", a.Url()}, {"b", b.Url()}}});
  const std::string command = "influxdb-relay replay --backend a --to-backend b";
  CHECK_EQ(it.Said("a new backend gets what is accepted from now on"), 1);
  CHECK_EQ(it.Said(command), 1);
  const RunResult replayed = Run({RelayBinary(), "replay", "--config", it.relay.config_path(),
                                  "--backend", "a", "--to-backend", "b", "--yes"});
  INFO(replayed.output);
  CHECK_EQ(replayed.exit_code, 0);
  CHECK_EQ(b.Bodies(), "m v=1 1\n");
}

TEST_CASE("reload: targets of manual replays change without a restart") {
  FakeBackend a;
  FakeBackend elsewhere;
  Reloadable it({.backends = {{"a", a.Url()}}});
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
  REQUIRE(it.relay.WaitDrained());
  const std::vector<std::string> replay{RelayBinary(), "replay", "--config", it.relay.config_path(),
                                        "--backend",   "a",      "--to-url", elsewhere.Url(),
                                        "--yes"};
  CHECK_EQ(Run(replay).exit_code, 2);
  it.Reload(
      {.backends = {{"a", a.Url()}}, .admin = {"replay_targets: [\"" + elsewhere.Url() + "\"]"}});
  CHECK_EQ(Run(replay).exit_code, 0);
  CHECK_EQ(elsewhere.Bodies(), "m v=1 1\n");
  CHECK_EQ(it.Said("needs a restart"), 0);
}

TEST_CASE("reload: a backend that goes with records owed keeps them, and goes on when it is back") {
  FakeBackend a;
  FakeBackend b;
  b.Refuse();
  const RelayProcess::Settings both = {.backends = {{"a", a.Url()}, {"b", b.Url()}}};
  Reloadable it(both);
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
  it.Reload({.backends = {{"a", a.Url()}}});
  CHECK_EQ(StatusOf(it.relay, "b").state, "not configured");
  CHECK_EQ(StatusOf(it.relay, "b").figures.marks.lag(), 1);
  b.Listen();
  CHECK_EQ(it.Write("m v=2 2\n"), 204);
  CHECK_EQ(StatusOf(it.relay, "b").figures.marks.lag(), 1);

  it.Reload(both);
  CHECK_EQ(it.Write("m v=3 3\n"), 204);
  REQUIRE(it.relay.WaitDrained());
  CHECK_EQ(b.Bodies(), "m v=1 1\nm v=3 3\n");
  CHECK_EQ(a.Bodies(), "m v=1 1\nm v=2 2\nm v=3 3\n");
}

TEST_CASE("reload: a backend that moved gets at its new place what it is owed") {
  FakeBackend old_place;
  old_place.Refuse();
  FakeBackend new_place;
  Reloadable it({.backends = {{"a", old_place.Url()}}});
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
  it.Reload({.backends = {{"a", new_place.Url()}}});
  REQUIRE(it.relay.WaitDrained());
  CHECK_EQ(new_place.Bodies(), "m v=1 1\n");
}

TEST_CASE("reload: new routing and limits take effect") {
  FakeBackend a;
  Reloadable it({.backends = {{"a", a.Url()}}});
  CHECK_EQ(it.relay.Write("other", "m v=1 1\n").status, 204);
  it.Reload({.backends = {{"a", a.Url(), {"only: {databases: [d]}"}}}, .http = {"max_body: 1KiB"}});
  CHECK_EQ(it.relay.Write("other", "m v=2 2\n").status, 404);
  CHECK_EQ(it.Write("m v=3 3\n"), 204);
  CHECK_EQ(it.Write(std::string(1025, '\n')), 413);
}

TEST_CASE("reload: a configuration that is wrong leaves the old one, and the status says why") {
  FakeBackend a;
  const RelayProcess::Settings right = {.backends = {{"a", a.Url()}}};
  Reloadable it(right);
  it.relay.Configure({.backends = {{"a", a.Url()}, {"b", "nonsense"}}});
  it.Hup();
  REQUIRE(Eventually(kPatience, [&] { return it.Said("configuration not reloaded") == 1; }));
  CHECK_NE(it.relay.Status().find("relay.yml:"), std::string::npos);
  CHECK_NE(it.relay.Status().find("backends[1].url"), std::string::npos);
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
  REQUIRE(it.relay.WaitDrained());

  it.Reload(right);
  CHECK_EQ(it.relay.Status().find("backends[1].url"), std::string::npos);
}

TEST_CASE("reload: a secret that cannot be read leaves the old configuration") {
  FakeBackend a;
  Reloadable it({.backends = {{"a", a.Url()}}});
  it.relay.Configure({.backends = {{"a", a.Url()}},
                      .http = {"users: [{name: u, password_file: /does/not/exist}]"}});
  it.Hup();
  REQUIRE(Eventually(kPatience, [&] { return it.Said("configuration not reloaded") == 1; }));
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
}

TEST_CASE("reload: beside a secret that cannot be read, nothing else of the file takes effect") {
  FakeBackend a;
  FakeBackend elsewhere;
  FakeBackend b;
  Reloadable it({.backends = {{"a", a.Url()}}});
  const auto limit = [&it] {
    return nlohmann::json::parse(it.relay.Status()).at("log").at("max_bytes");
  };
  const nlohmann::json before = limit();
  it.relay.Configure({.backends = {{"a", elsewhere.Url()}, {"b", b.Url()}},
                      .http = {"users: [{name: u, password_file: /does/not/exist}]"},
                      .log = {"max_size: 7GiB"}});
  it.Hup();
  REQUIRE(Eventually(kPatience, [&] { return it.Said("configuration not reloaded") == 1; }));
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
  REQUIRE(it.relay.WaitDrained());
  CHECK_EQ(a.Bodies(), "m v=1 1\n");
  CHECK_EQ(elsewhere.RequestCount(), 0);
  CHECK_EQ(b.RequestCount(), 0);
  CHECK_EQ(it.relay.Status().find("\"b\""), std::string::npos);
  CHECK_EQ(limit(), before);
}

TEST_CASE("reload: listeners are opened, changed and closed") {
  FakeBackend a;
  const HostPort tcp{.port = FreePort()};
  const auto with = [&](const std::string& database) {
    return RelayProcess::Settings{
        .backends = {{"a", a.Url()}},
        .top = fmt::format("tcp:\n  - {{address: '127.0.0.1:{}', database: {}}}\n", tcp.port,
                           database)};
  };
  Reloadable it({.backends = {{"a", a.Url()}}});
  CHECK_THROWS(ConnectTo(tcp));
  it.Reload(with("d"));
  RawConnection client(tcp);
  CHECK(client.Send("m v=1 1\n"));
  REQUIRE(a.WaitForRequests(1));
  it.Reload(with("e"));
  CHECK(client.Send("m v=2 2\n"));  // The same connection continues.
  REQUIRE(a.WaitForRequests(2));
  CHECK_NE(a.Requests().at(1).target.find("db=e"), std::string::npos);
  it.Reload({.backends = {{"a", a.Url()}}});
  CHECK(client.ReadUntilClose().closed);
  CHECK_THROWS(ConnectTo(tcp));
}

// Returns what curl says of a write: "204", or "" and its exit code if it got no answer.
RunResult WriteByTls(const RelayProcess& relay, const std::string& ca,
                     const std::vector<std::string>& arguments = {}) {
  std::vector<std::string> argv = {"curl",          "--silent",  "--cacert",    ca,
                                   "--output",      "/dev/null", "--write-out", "%{http_code}",
                                   "--data-binary", "m v=1 1"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.push_back(fmt::format("https://127.0.0.1:{}/write?db=d", relay.endpoint().port));
  return Run(argv);
}

TEST_CASE(
    "reload: a renewed certificate is served from then on, one that is wrong changes nothing") {
  FakeBackend a;
  TempDir files;
  TestCa old_ca;
  TestCa new_ca;
  const auto place = [&](const Certificate& certificate) {
    WriteFile(files.File("crt"), ReadFile(certificate.cert));
    WriteFile(files.File("key"), ReadFile(certificate.key));
  };
  const RelayProcess::Settings settings = {
      .backends = {{"a", a.Url()}},
      .http = {fmt::format("tls: {{cert: {}, key: {}}}", files.File("crt"), files.File("key"))}};
  place(old_ca.Issue("IP:127.0.0.1"));
  Reloadable it(settings);
  CHECK_EQ(WriteByTls(it.relay, old_ca.cert()).output, "204");

  place(new_ca.Issue("IP:127.0.0.1"));
  CHECK_EQ(WriteByTls(it.relay, old_ca.cert()).output, "204");  // Not reloaded yet.
  it.Reload(settings);
  CHECK(Eventually(kPatience, [&] { return WriteByTls(it.relay, new_ca.cert()).output == "204"; }));
  CHECK_NE(WriteByTls(it.relay, old_ca.cert()).exit_code, 0);

  WriteFile(files.File("crt"), "nonsense");
  it.Hup();
  REQUIRE(Eventually(kPatience, [&] { return it.Said("certificate " + files.File("crt")) > 0; }));
  CHECK_EQ(WriteByTls(it.relay, new_ca.cert()).output, "204");
}

TEST_CASE("reload: clients need a certificate once it is configured, and not after it is removed") {
  FakeBackend a;
  TestCa ca;
  TestCa other;
  const Certificate server = ca.Issue("IP:127.0.0.1");
  const auto with = [&](const std::string& more) {
    return RelayProcess::Settings{
        .backends = {{"a", a.Url()}},
        .http = {fmt::format("tls: {{cert: {}, key: {}{}}}", server.cert, server.key, more)}};
  };
  const auto as = [&](const RelayProcess& relay, TestCa& authority) {
    const Certificate client = authority.Issue("DNS:client");
    return WriteByTls(relay, ca.cert(), {"--cert", client.cert, "--key", client.key}).output;
  };
  Reloadable it(with(""));
  CHECK_EQ(WriteByTls(it.relay, ca.cert()).output, "204");
  it.Reload(with(", client_ca: " + ca.cert()));
  CHECK(Eventually(kPatience, [&] { return WriteByTls(it.relay, ca.cert()).output == "000"; }));
  CHECK_EQ(as(it.relay, ca), "204");
  CHECK_EQ(as(it.relay, other), "000");
  it.Reload(with(""));
  CHECK(Eventually(kPatience, [&] { return WriteByTls(it.relay, ca.cert()).output == "204"; }));
}

TEST_CASE("reload: settings that need a restart are reported, the rest take effect") {
  FakeBackend a;
  FakeBackend b;
  Reloadable it({.backends = {{"a", a.Url()}}});
  it.relay.Configure({.backends = {{"a", a.Url()}, {"b", b.Url()}}});
  const std::string moved = ReadFile(it.relay.config_path());
  const std::string path = "path: " + it.relay.log_path();
  WriteFile(it.relay.config_path(),
            std::string(moved).replace(moved.find(path), path.size(), path + "-elsewhere"));
  it.Hup();
  REQUIRE(Eventually(kPatience, [&] { return it.Said("configuration reloaded") == 1; }));
  CHECK_EQ(it.Said("log.path needs a restart"), 1);
  CHECK_EQ(it.Write("m v=1 1\n"), 204);
  REQUIRE(it.relay.WaitDrained());
  CHECK_EQ(b.Bodies(), "m v=1 1\n");
}

}  // namespace
}  // namespace relay::test::integration_operators_reload_test
