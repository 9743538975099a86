// The clients' own credentials, passed on to a real server that requires them,
// and shown nowhere.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "replay/transport/base64.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_credentials_test {
namespace {

// The secret that must not be seen, in any form.
const std::string kCanary = "c4nary-pass";

std::vector<std::string> FormsOf(const std::string& user, const std::string& password) {
  return {password, PercentEncode(password), EncodeBase64(user + ":" + password)};
}

HttpOptions Basic(const std::string& user, const std::string& password) {
  return {.headers = {{"authorization", "Basic " + EncodeBase64(user + ":" + password)}}};
}

// An influxd with authentication: its administrator, and some users.
struct GuardedServer {
  GuardedServer() {
    Query("CREATE USER admin WITH PASSWORD 'root' WITH ALL PRIVILEGES");
    Query("CREATE DATABASE metrics");
    for (const std::string user : {"ada", "bob"}) AddUser(user);
  }
  std::string Query(const std::string& statement) const {
    const HttpAnswer answer = Post(
        server.endpoint(), "/query?u=admin&p=root&db=metrics&q=" + PercentEncode(statement), "");
    REQUIRE_EQ(answer.status, 200);
    return answer.body;
  }
  void AddUser(const std::string& user) const {
    Query(fmt::format("CREATE USER {} WITH PASSWORD '{}-{}'", user, kCanary, user));
    Query(fmt::format("GRANT WRITE ON metrics TO {}", user));
  }
  std::string Values() const { return Query("SELECT v FROM m"); }

  TempDir directory;
  Influxd server{directory.path(), "auth-enabled = true\n"};
};

HttpAnswer WriteAs(const RelayProcess& relay, const std::string& user, int number) {
  return Post(relay.endpoint(), "/write?db=metrics", fmt::format("m v={0} {0}\n", number),
              Basic(user, kCanary + "-" + user));
}

std::string Ran(const RelayProcess& relay, const std::vector<std::string>& words) {
  std::vector<std::string> line = {RelayBinary()};
  for (const std::string& word : words) line.push_back(word);
  const std::vector<std::string> rest = {"--config", relay.config_path(), "--backend", "a"};
  line.reserve(1 + words.size() + rest.size());
  for (const std::string& word : rest) line.push_back(word);
  const RunResult run = Run(line);
  CAPTURE(run.output);
  CHECK_EQ(run.exit_code, 0);
  return run.output;
}

// Returns everything that people and programs are shown of a relay.
std::string Everything(RelayProcess& relay) {
  const TempDir scratch;
  std::string all = relay.Output() + relay.Status();
  for (const char* page : {"/metrics", "/api/v1/backends", "/api/v1/backends/a", "/api/v1/gaps",
                           "/api/v1/dead?backend=a", "/"}) {
    all += Get(relay.admin(), page).body;
  }
  all += Ran(relay, {"inspect", "--lines"}) + Ran(relay, {"inspect", "--lines", "--json"});
  all += Ran(relay, {"inspect", "--dead"}) + Ran(relay, {"inspect", "--dead", "--json"});
  all += Ran(relay, {"inspect", "--held"}) + Ran(relay, {"dead", "list"});
  const std::string exported = scratch.File("exported");
  Ran(relay, {"export", "--output", exported});
  all += ReadFile(exported) + ReadFile(relay.log_path() + "/audit.jsonl");
  all += ReadFile(fmt::format("/proc/{}/cmdline", relay.process().pid()));
  return all + Run({RelayBinary(), "check-config", relay.config_path()}).output;
}

bool DiskHas(const RelayProcess& relay, const std::string& text) {
  return Run({"grep", "--recursive", "--text", "--quiet", "--fixed-strings", text,
              relay.log_path()})
             .exit_code == 0;
}

TEST_CASE("credentials: each client's are passed on, outlive a restart, and are shown nowhere") {
  GuardedServer guarded;
  TempDir directory;
  RelayProcess relay(directory.path(),
                     {.backends = {{"a", guarded.server.Url()}}, .http = {"credentials: pass"}});
  guarded.server.Kill();
  CHECK_EQ(WriteAs(relay, "ada", 1).status, 204);
  const std::string as_bob =
      fmt::format("/write?db=metrics&u=bob&p={}", PercentEncode(kCanary + "-bob"));
  CHECK_EQ(Post(relay.endpoint(), as_bob, "m v=2 2\n").status, 204);
  CHECK_EQ(WriteAs(relay, "eve", 3).status, 204);
  CHECK_EQ(WriteAs(relay, "ada", 4).status, 204);
  const std::string owed = Everything(relay);
  REQUIRE_EQ(relay.Stop().exit_code, 0);

  relay.Start();
  guarded.server.Start();
  REQUIRE(relay.WaitDrained());
  CHECK_NE(guarded.Values().find(
               R"("values":[["1970-01-01T00:00:00.000000001Z",1],)"
               R"(["1970-01-01T00:00:00.000000002Z",2],["1970-01-01T00:00:00.000000004Z",4]])"),
           std::string::npos);
  CHECK_EQ(StatusOf(relay, "a").figures.dead, 1);
  const std::string all = owed + Everything(relay);
  CHECK_NE(all.find("m v=3 3"), std::string::npos);  // The dead letter is among it.
  CHECK_NE(all.find("authorization failed"), std::string::npos);
  for (const std::string user : {"ada", "bob", "eve"}) {
    for (const std::string& form : FormsOf(user, kCanary + "-" + user)) {
      CAPTURE(form);
      CHECK_EQ(all.find(form), std::string::npos);
    }
  }
  CHECK(DiskHas(relay, EncodeBase64("ada:" + kCanary + "-ada")));  // The configured form.

  // Once the server knows the client, its letters are taken.
  guarded.AddUser("eve");
  Ran(relay, {"dead", "redrive", "--all", "--yes"});
  REQUIRE(relay.WaitDrained());
  CHECK_NE(guarded.Values().find(R"(00003Z",3])"), std::string::npos);
  CHECK_EQ(StatusOf(relay, "a").figures.unaccounted(), 0);
}

TEST_CASE("credentials: unless they are to be passed on, they are nowhere on the disk") {
  FakeBackend backend;
  TempDir directory;
  RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}}});
  backend.Refuse();
  CHECK_EQ(WriteAs(relay, "ada", 1).status, 204);
  const std::string lines = "m v=1 1\n";
  for (const std::string scheme : {"Token", "Bearer"}) {
    const HttpOptions with{.headers = {{"authorization", scheme + " " + kCanary}}};
    CHECK_EQ(Post(relay.endpoint(), "/api/v2/write?bucket=metrics", lines, with).status, 204);
  }
  CHECK_EQ(Post(relay.endpoint(), "/write?db=metrics&u=ada&p=" + kCanary, lines).status, 204);
  REQUIRE_EQ(relay.Stop().exit_code, 0);
  CHECK(DiskHas(relay, "m v=1 1"));  // The search finds what is there.
  CHECK_FALSE(DiskHas(relay, kCanary));
  for (const std::string& form : FormsOf("ada", kCanary + "-ada"))
    CHECK_FALSE(DiskHas(relay, form));
  CHECK_FALSE(DiskHas(relay, EncodeBase64("ada:" + kCanary)));
  relay.Start();
  backend.Listen();
  REQUIRE(relay.WaitDrained());
  for (const FakeRequest& request : backend.Requests()) {
    CHECK_EQ(request.headers.count("authorization"), 0);
  }
}

TEST_CASE("credentials: a backend with its own gets those, not the clients'") {
  FakeBackend own;
  FakeBackend passed;
  TempDir directory;
  WriteFile(directory.File("token"), "relays-own\n");
  const RelayProcess relay(
      directory.path(),
      {.backends = {{"own", own.Url(), {"token_file: " + directory.File("token")}},
                    {"passed", passed.Url()}},
       .http = {"credentials: pass"}});
  CHECK_EQ(WriteAs(relay, "ada", 1).status, 204);
  REQUIRE(relay.WaitDrained());
  const auto authorization = [](const FakeBackend& backend) {
    return backend.Requests().at(0).headers.find("authorization")->second;
  };
  CHECK_EQ(authorization(own), "Token relays-own");
  CHECK_EQ(authorization(passed), "Basic " + EncodeBase64("ada:" + kCanary + "-ada"));
  // Credentials in no form that backends read are refused before they are stored.
  CHECK_EQ(Post(relay.endpoint(), "/write?db=metrics", "m v=1 1\n",
                {.headers = {{"authorization", "Negotiate x"}}})
               .status,
           401);
}

}  // namespace
}  // namespace relay::test::integration_ingest_credentials_test
