#include <doctest/doctest.h>

#include "config/load.h"

namespace relay::test::config_settings_http_test {
namespace {

using std::chrono::milliseconds;

constexpr const char* kBackend = "backends:\n  - {name: a, url: 'http://h'}\n";

Config Parsed(const std::string& yaml) {
  auto config = ParseConfig(yaml + kBackend, "relay.yaml");
  if (!config.ok()) FAIL(config.error().message());
  return std::move(config).value();
}

// Returns the message without "relay.yaml:".
std::string Mistake(const std::string& yaml) {
  const auto config = ParseConfig(yaml + kBackend, "relay.yaml");
  REQUIRE(!config.ok());
  return config.error().message().substr(std::string("relay.yaml:").size());
}

TEST_CASE("http settings: without users everybody may write, without tls it is plain HTTP") {
  const Config config = Parsed("http:\n  - address: 127.0.0.1:1\n");
  CHECK(config.http.at(0).users.empty());
  CHECK(config.http.at(0).tls.certificate.empty());
  CHECK(Parsed("").http.at(0).users.empty());
  CHECK_FALSE(Parsed("").http.at(0).pass_credentials);
}

TEST_CASE("http settings: every one can be given") {
  const Config config = Parsed(
      "http:\n"
      "  - head_time: 100ms\n"
      "    body_time: 10min\n"
      "    idle_time: 1s\n"
      "    max_line: 25MiB\n"
      "    consistency: honour\n"
      "    consistency_timeout: 2s\n"
      "    credentials: pass\n"
      "    tls: {cert: /c, key: /k, client_ca: /a}\n"
      "    users:\n"
      "      - {name: ada, password_file: /p, token: \"${T}\", databases: [x, y]}\n"
      "      - {name: bob, token_file: /t}\n"
      "limits: {connections: 5, connections_per_address: 2, in_flight: 50MiB}\n");
  const HttpListenerConfig& http = config.http.at(0);
  CHECK_EQ(http.head_time, milliseconds(100));
  CHECK_EQ(http.body_time, milliseconds(600'000));
  CHECK_EQ(http.idle_time, milliseconds(1'000));
  CHECK_EQ(http.max_line, 25_MiB);
  CHECK(http.honours_consistency);
  CHECK_EQ(http.consistency_timeout, milliseconds(2'000));
  CHECK(http.pass_credentials);
  CHECK_EQ(http.tls.certificate, "/c");
  CHECK_EQ(http.tls.key, "/k");
  CHECK_EQ(http.tls.client_ca, "/a");
  REQUIRE_EQ(http.users.size(), 2);
  CHECK_EQ(http.users[0].name, "ada");
  CHECK_EQ(http.users[0].password.value().Describe(), "file /p");
  CHECK_EQ(http.users[0].token.value().Describe(), "environment variable T");
  CHECK_EQ(http.users[0].databases, std::vector<std::string>{"x", "y"});
  CHECK_FALSE(http.users[1].password.has_value());
  CHECK_EQ(http.users[1].token.value().Describe(), "file /t");
  CHECK(http.users[1].databases.empty());
  CHECK_EQ(config.limits.connections, 5);
  CHECK_EQ(config.limits.connections_per_address, 2);
  CHECK(config.limits.in_flight == 50_MiB);
}

TEST_CASE("http settings: incomplete or contradictory settings are refused") {
  struct Row {
    const char* yaml;
    const char* message;
  };
  for (const Row& row :
       {Row{"http:\n  - tls: {cert: /c}\n",
            "2:17: http[0].tls.cert: expected cert and key together"},
        Row{"http:\n  - tls: {key: /k}\n", "2:16: http[0].tls.key: expected cert and key together"},
        Row{"http:\n  - tls: {client_ca: /a}\n",
            "2:22: http[0].tls.client_ca: expected cert and key beside it"},
        Row{"http:\n  - users: [{name: a}]\n",
            "2:20: http[0].users[0].name: expected a password or a token beside it"},
        Row{"http:\n  - users: [{name: a, token: \"${T}\", token_file: /t}]\n",
            "2:50: http[0].users[0].token_file: expected either token or token_file, not both"},
        Row{"http:\n  - users: [{name: a, token_file: /t}, {name: a, token_file: /u}]\n",
            "2:47: http[0].users[1].name: expected a name of its own: a is taken"},
        Row{"http:\n  - {max_body: 64KiB, max_line: 65KiB}\n",
            "2:33: http[0].max_line: expected at most max_body"},
        Row{"limits: {in_flight: 49MiB}\n",
            "1:21: limits.in_flight: expected at least twice the largest max_body"}}) {
    CAPTURE(row.yaml);
    CHECK_EQ(Mistake(row.yaml), row.message);
  }
  CHECK_EQ(Mistake("http:\n  - users: [{name: a, token: hunter2}]\n").find("hunter2"),
           std::string::npos);
}

TEST_CASE("http settings: queries are answered as ever unless they are routed") {
  const Config plain = Parsed("");
  CHECK_FALSE(plain.http[0].routes_queries);
  CHECK_EQ(plain.limits.queries, 256);
  CHECK(plain.backends[0].can_be_queried());
  const Config config = Parsed(
      "http:\n  - {queries: route, query_max_lag: 10s, query_wait: 2s, query_timeout: 1h}\n"
      "limits: {queries: 7}\n");
  CHECK(config.http[0].routes_queries);
  CHECK_EQ(config.http[0].query_max_lag, std::chrono::seconds(10));
  CHECK_EQ(config.http[0].query_wait, std::chrono::seconds(2));
  CHECK_EQ(config.http[0].query_timeout, std::chrono::hours(1));
  CHECK_EQ(config.limits.queries, 7);
}

TEST_CASE("http settings: routing queries requires a backend that can be queried") {
  const std::string message =
      "http[0].queries: expected a backend of the listener that can be queried: with api: v1, v2 "
      "or v3, and not with queries: false";
  for (const char* backends : {"backends: [{name: a, url: 'http://h', queries: false}]\n",
                               "backends: [{name: a, url: 'http://h', api: prometheus}]\n",
                               "backends: [{name: a, url: 'udp://h:1'}]\n"}) {
    CAPTURE(backends);
    const auto config =
        ParseConfig(std::string("http:\n  - queries: route\n") + backends, "relay.yaml");
    REQUIRE_FALSE(config.ok());
    CHECK_EQ(config.error().message(), "relay.yaml:2:14: " + message);
  }
  const auto other = ParseConfig(
      "http:\n  - {queries: route, backends: [a]}\nbackends:\n"
      "  - {name: a, url: 'http://h', queries: false}\n  - {name: b, url: 'http://h'}\n",
      "relay.yaml");
  REQUIRE_FALSE(other.ok());
  CHECK_EQ(other.error().message(), "relay.yaml:2:15: " + message);
}

TEST_CASE("http settings: what may be in flight grows with the largest body, unless it is given") {
  CHECK(Parsed("").limits.in_flight == 96_MiB);
  CHECK(Parsed("http:\n  - max_body: 100MiB\n").limits.in_flight == 200_MiB);
}

}  // namespace
}  // namespace relay::test::config_settings_http_test
