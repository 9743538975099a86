#include <doctest/doctest.h>

#include "config/load.h"

namespace relay::test::config_settings_jetstream_test {
namespace {

using std::chrono::milliseconds;

constexpr const char* kBackend = "backends:\n  - {name: a, url: 'http://h'}\n";

// Returns a file with these settings of log.jetstream, in line 3.
std::string Shared(const std::string& settings) {
  return "log:\n  engine: jetstream\n  jetstream: {" + settings + "}\n" + kBackend;
}

// Returns the same with a server.
std::string WithServer(const std::string& settings) {
  return Shared("servers: ['nats://h:4222'], " + settings);
}

Config Parsed(const std::string& yaml) {
  auto config = ParseConfig(yaml, "relay.yaml");
  if (!config.ok()) FAIL(config.error().message());
  return std::move(config).value();
}

// Returns the message without "relay.yaml:LINE:COLUMN: log.jetstream.".
std::string Mistake(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "relay.yaml");
  REQUIRE(!config.ok());
  CHECK_EQ(config.error().code(), ErrorCode::kInvalidInput);
  const std::string& message = config.error().message();
  const std::string begin = ": log.jetstream.";
  const std::size_t at = message.find(begin);
  REQUIRE_MESSAGE(at != std::string::npos, message);
  return message.substr(at + begin.size());
}

TEST_CASE("jetstream settings: a log is the relay's alone unless it says otherwise") {
  CHECK(Parsed(kBackend).log.engine == LogEngine::kLocal);
  CHECK(Parsed(std::string("log: {engine: local}\n") + kBackend).log.engine == LogEngine::kLocal);
  // Settings that are not used are not in the way.
  CHECK(Parsed(std::string("log: {jetstream: {copies: 3}}\n") + kBackend).log.engine ==
        LogEngine::kLocal);
}

TEST_CASE("jetstream settings: servers are enough, two copies in three servers are the default") {
  const Config config = Parsed(Shared("servers: ['nats://10.0.0.1:4222', 'tls://n2:4222']"));
  CHECK(config.log.engine == LogEngine::kJetStream);
  const JetStreamConfig& jetstream = config.log.jetstream;
  CHECK_EQ(jetstream.servers, std::vector<std::string>{"nats://10.0.0.1:4222", "tls://n2:4222"});
  CHECK_EQ(jetstream.log, "main");
  CHECK_EQ(jetstream.relay, "");
  CHECK_EQ(jetstream.advertise, "");
  CHECK_EQ(jetstream.username, "");
  CHECK_FALSE(jetstream.password.has_value());
  CHECK_EQ(jetstream.ca_file, "");
  CHECK_EQ(jetstream.replicas, 3);
  CHECK_EQ(jetstream.max_bytes, 8_GiB);
  CHECK_EQ(jetstream.copies, 2);
  CHECK_FALSE(jetstream.copies_strict);
  CHECK_EQ(jetstream.takeover, milliseconds(3'500));
}

TEST_CASE("jetstream settings: every one can be given, and is printed as it is read") {
  const Config config = Parsed(WithServer(
      "log: site_1, relay: relay-a, advertise: 'http://10.0.0.11:9097/', username: u, "
      "password_file: /p, tls: {ca: /ca, cert: /c, key: /k}, replicas: 5, max_bytes: 64MiB, "
      "copies: 3, copies_strict: true, takeover: 60s"));
  const JetStreamConfig& jetstream = config.log.jetstream;
  CHECK_EQ(jetstream.log, "site_1");
  CHECK_EQ(jetstream.relay, "relay-a");
  CHECK_EQ(jetstream.advertise, "http://10.0.0.11:9097");
  CHECK_EQ(jetstream.username, "u");
  CHECK_EQ(jetstream.password.value().Describe(), "file /p");
  CHECK_EQ(jetstream.ca_file, "/ca");
  CHECK_EQ(jetstream.certificate_file, "/c");
  CHECK_EQ(jetstream.key_file, "/k");
  CHECK_EQ(jetstream.replicas, 5);
  CHECK_EQ(jetstream.max_bytes, 64_MiB);
  CHECK_EQ(jetstream.copies, 3);
  CHECK(jetstream.copies_strict);
  CHECK_EQ(jetstream.takeover, milliseconds(60'000));
  CHECK(Parsed(ToYaml(config, "relay.yaml")).log == config.log);

  const Config by_name = Parsed(WithServer("advertise: 'http://{relay}.members:9097'"));
  CHECK_EQ(by_name.log.jetstream.advertise, "http://{relay}.members:9097");

  const Config of_variable = Parsed(WithServer("username: u, password: '${NATS_PASSWORD}'"));
  CHECK_EQ(of_variable.log.jetstream.password.value().Describe(),
           "environment variable NATS_PASSWORD");
  const Config of_file = Parsed(WithServer("credentials_file: /relay.creds"));
  CHECK_EQ(of_file.log.jetstream.credentials_file, "/relay.creds");
  CHECK(Parsed(ToYaml(of_file, "relay.yaml")).log == of_file.log);
}

TEST_CASE("jetstream settings: each wrong value is refused with what is expected") {
  struct Row {
    std::string yaml;
    const char* message;
  };
  const char* const server =
      "servers[0]: expected a server of NATS: nats://HOST:PORT, or tls://HOST:PORT";
  const char* const log = "log: expected a name of at most 64 letters, digits, - and _";
  const char* const relay = "relay: expected a name of at most 64 letters, digits, - and _";
  const char* const url =
      "advertise: expected a URL: http://HOST:PORT or https://HOST:PORT, where {relay} stands for "
      "the relay's name";
  const char* const password =
      "username: expected username and password (or password_file) together";
  for (const Row& row : {
           Row{Shared(""), "servers: expected the servers of NATS, as engine is jetstream"},
           Row{Shared("servers: [h]"), server},
           Row{Shared("servers: ['h:4222']"), server},
           Row{Shared("servers: ['nats://h']"), server},
           Row{Shared("servers: ['http://h:4222']"), server},
           Row{WithServer("log: ''"), log},
           Row{WithServer("log: a.b"), log},
           Row{WithServer("log: 'a b'"), log},
           Row{WithServer("relay: '*'"), relay},
           Row{WithServer("relay: " + std::string(65, 'a')), relay},
           Row{WithServer("advertise: '10.0.0.11:9097'"), url},
           Row{WithServer("advertise: 'nats://h:9097'"), url},
           Row{WithServer("advertise: 'http://'"), url},
           Row{WithServer("username: u"), password},
           Row{WithServer("password_file: /p"),
               "password_file: expected username and password (or password_file) together"},
           Row{WithServer("username: u, password_file: /p, credentials_file: /c"),
               "credentials_file: expected either username or credentials_file, not both"},
           Row{WithServer("tls: {ca: /ca, cert: /c}"), "tls.cert: expected cert and key together"},
           Row{WithServer("tls: {ca: /ca, key: /k}"), "tls.key: expected cert and key together"},
           Row{WithServer("tls: {cert: /c, key: /k}"), "tls.cert: expected ca beside it"},
           Row{WithServer("replicas: 2"), "replicas: expected 1, 3 or 5"},
           Row{WithServer("max_bytes: 63MiB"),
               "max_bytes: expected a size from 64MiB to 1048576GiB: a whole number with B, KiB, "
               "MiB or GiB"},
           Row{WithServer("copies: 0"), "copies: expected a whole number from 1 to 16"},
           Row{WithServer("copies: 17"), "copies: expected a whole number from 1 to 16"},
           Row{WithServer("copies_strict: yes"), "copies_strict: expected false or true"},
           Row{WithServer("takeover: 1999ms"),
               "takeover: expected a time from 2s to 1min: a whole number with ms, s, min or h"},
           Row{WithServer("takeover: 61s"),
               "takeover: expected a time from 2s to 1min: a whole number with ms, s, min or h"},
       }) {
    CAPTURE(row.yaml);
    CHECK_EQ(Mistake(row.yaml), row.message);
  }
  const auto engine = ParseConfig(std::string("log: {engine: kafka}\n") + kBackend, "relay.yaml");
  REQUIRE_FALSE(engine.ok());
  CHECK_EQ(engine.error().message(), "relay.yaml:1:15: log.engine: expected local or jetstream");
}

TEST_CASE("jetstream settings: no message repeats a password") {
  for (const std::string settings :
       {"servers: ['nats://u:hunter2@h:4222']",
        "servers: ['nats://h:4222'], username: u, password: hunter2"}) {
    const auto config = ParseConfig(Shared(settings), "relay.yaml");
    REQUIRE_FALSE(config.ok());
    CHECK_EQ(config.error().message().find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace relay::test::config_settings_jetstream_test
