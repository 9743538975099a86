// check-config: all that is wrong with a configuration at once, and what the backends answer.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/tls_front.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_check_config_test {
namespace {

using Json = nlohmann::json;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Site {
  std::string path() const { return directory.File("relay.yaml"); }

  RunResult Check(const std::string& yaml, std::vector<std::string> options = {}) const {
    WriteFile(path(), yaml);
    std::vector<std::string> command{RelayBinary(), "check-config", path()};
    command.insert(command.end(), options.begin(), options.end());
    return Run(command);
  }
  // Checks a configuration with these backends that is right but for them.
  RunResult CheckBackends(const std::string& backends,
                          std::vector<std::string> options = {}) const {
    return Check(fmt::format("log: {{ path: {} }}\nhttp: [ {{ address: \"127.0.0.1:{}\" }} ]\n"
                             "backends:\n{}",
                             directory.File("log"), port, backends),
                 std::move(options));
  }

  TempDir directory;
  std::uint16_t port = FreePort();
};

void CheckSays(const Site& site, const RunResult& run, int line, const std::string& words) {
  CAPTURE(run.output);
  CAPTURE(words);
  const std::string place = fmt::format("{}:{}:", site.path(), line);
  bool is_said = false;
  for (std::size_t at = 0; (at = run.output.find(place, at)) != std::string::npos; ++at) {
    is_said |= Contains(run.output.substr(at, run.output.find('\n', at) - at), words);
  }
  CHECK(is_said);
}

TEST_CASE("check-config: all mistakes of a file are reported at once, with their lines") {
  const Site site;
  WriteFile(site.directory.File("file"), "");
  const RunResult run = site.Check(fmt::format(
      "log: {{ path: {0}/log, max_size: 900000GiB }}\n"
      "http:\n"
      "  - address: 127.0.0.1:{1}\n"
      "    users: [ {{ name: u, password_file: /nowhere/u.password }} ]\n"
      "    tls: {{ cert: /nowhere/c.pem, key: /nowhere/k.pem }}\n"
      "backends:\n"
      "  - {{ name: a, url: \"http://localhost:{1}\", username: r, password: \"${{NOPE}}\" }}\n"
      "  - {{ name: b, url: \"http://b\", timeout: 5 parsecs }}\n"
      "  - {{ name: c, url: \"http://c\", only: {{ databases: [x] }}, except: {{ databases: [x] }} "
      "}}\n"
      "  - {{ name: d, url: \"http://d\", api: v2 }}\n"
      "  - {{ name: e, url: \"http://e\", colour: red }}\n",
      site.directory.File("file"), site.port));
  CHECK_EQ(run.exit_code, 2);
  CheckSays(site, run, 1, "log.path: expected a directory that can be made");
  CheckSays(site, run, 1, "log.max_size: expected at most");
  CheckSays(site, run, 4, "http[0].users[0].password_file: ");
  CheckSays(site, run, 5, "http[0].tls.cert: /nowhere/c.pem: No such file");
  CheckSays(site, run, 5, "http[0].tls.key: /nowhere/k.pem: No such file");
  CheckSays(site, run, 7, "this relay's own listener");
  CheckSays(site, run, 7, "backends[0].password: environment variable NOPE is not set");
  CheckSays(site, run, 8, "backends[1].timeout: expected");
  CheckSays(site, run, 9, "backends[2].except: expected something else than only");
  CheckSays(site, run, 10, "warning: v2 without a token");
  CheckSays(site, run, 11, "no such setting");
  CHECK(Contains(run.output, "10 mistakes"));
}

TEST_CASE("check-config: the file alone can be checked on another machine") {
  const Site site;
  const std::string backend =
      "  - { name: a, url: \"http://a\", username: r, password_file: /nowhere/p }\n";
  CHECK_EQ(site.CheckBackends(backend).exit_code, 2);
  const RunResult alone = site.CheckBackends(backend, {"--file-only"});
  CHECK_EQ(alone.exit_code, 0);
  CHECK(Contains(alone.output, ": valid\n"));
  const RunResult wrong = site.CheckBackends(
      "  - { name: a, url: \"http://a\", only: { databases: [x] }, except: { databases: [x] } }\n",
      {"--file-only"});
  CHECK_EQ(wrong.exit_code, 2);
}

TEST_CASE("check-config: a key that is not that of the certificate, and one that is") {
  const Site site;
  TestCa ca;
  const Certificate one = ca.Issue("DNS:localhost");
  const Certificate other = ca.Issue("DNS:localhost");
  const auto with_key = [&](const std::string& key) {
    return site.CheckBackends(
        fmt::format("  - name: a\n    url: \"https://a:8086\"\n"
                    "    tls: {{ ca: {}, cert: {}, key: {} }}\n",
                    ca.cert(), one.cert, key));
  };
  CHECK_EQ(with_key(one.key).exit_code, 0);
  const RunResult run = with_key(other.key);
  CHECK_EQ(run.exit_code, 2);
  CheckSays(site, run, 6, "backends[0].tls.key: ");
  CheckSays(site, run, 6, "is it the key of cert?");
}

TEST_CASE("check-config: a warning does not make a configuration wrong") {
  const Site site;
  const RunResult run = site.CheckBackends("  - { name: a, url: \"http://a\", api: v2 }\n");
  CHECK_EQ(run.exit_code, 0);
  CHECK(Contains(run.output, ": valid, 1 warning\n"));
}

TEST_CASE("check-config: a relay on another port of this machine is no loop") {
  const Site site;
  CHECK_EQ(site.CheckBackends("  - { name: a, url: \"http://localhost:1\" }\n").exit_code, 0);
}

TEST_CASE("probe: each backend is asked, and the answers are shown") {
  const Site site;
  const TempDir data;
  Influxd influxd(data.path());
  influxd.CreateDatabase("there");
  FakeBackend strict([](const FakeRequest& request) {
    const bool is_ping = request.Path() == "/ping";
    return FakeAnswer{
        .status = is_ping ? 204 : 401,
        .headers = {{"Date", "Mon, 01 Jan 2001 00:00:00 GMT"}, {"X-Influxdb-Version", "9.9"}},
        .body = ""};
  });
  const std::string good = fmt::format(
      "  - {{ name: good, url: \"{}\", only: {{ databases: [there, \"x*\"] }} }}\n", influxd.Url());
  const RunResult alone = site.CheckBackends(good, {"--probe"});
  CAPTURE(alone.output);
  CHECK_EQ(alone.exit_code, 0);
  CHECK(Contains(alone.output, "1 there"));
  CHECK(Contains(alone.output, "1.6.7"));

  const RunResult all = site.CheckBackends(
      good + fmt::format("  - {{ name: lacking, url: \"{}\", only: {{ databases: [missing] }} }}\n"
                         "  - {{ name: strict, url: \"{}\" }}\n"
                         "  - {{ name: away, url: \"http://127.0.0.1:{}\" }}\n",
                         influxd.Url(), strict.Url(), FreePort()),
      {"--probe", "--json"});
  CAPTURE(all.output);
  CHECK_EQ(all.exit_code, 1);
  const Json backends = Json::parse(all.output).at("backends");
  REQUIRE_EQ(backends.size(), 4);
  CHECK_EQ(backends[0].at("good"), true);
  CHECK_EQ(backends[0].at("authenticated"), true);
  CHECK_LE(std::abs(backends[0].at("clock_ahead_seconds").get<int>()), 2);
  CHECK_EQ(backends[1].at("missing_databases"), Json({"missing"}));
  CHECK_EQ(backends[2].at("authenticated"), false);
  CHECK_EQ(backends[2].at("version"), "9.9");
  CHECK_LT(backends[2].at("clock_ahead_seconds").get<std::int64_t>(), -1'000'000);
  CHECK_EQ(backends[3].at("reachable"), false);
  CHECK(Contains(backends[3].at("reason"), "refused"));
}

}  // namespace
}  // namespace relay::test::integration_operators_check_config_test
