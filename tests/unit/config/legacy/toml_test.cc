#include "config/legacy/toml.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "config/legacy/toml_values.h"
#include "config/load.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"

namespace relay::test::config_legacy_toml_test {
namespace {

using std::chrono::milliseconds;

Config Parsed(const std::string& toml) {
  auto config = ParseLegacyToml(toml, "relay.toml");
  if (!config.ok()) FAIL(config.error().message());
  return std::move(config).value();
}

// Returns the message without "relay.toml:".
std::string Mistake(const std::string& toml) {
  const auto config = ParseLegacyToml(toml, "relay.toml");
  REQUIRE(!config.ok());
  CHECK_EQ(config.error().code(), ErrorCode::kInvalidInput);
  return config.error().message().substr(std::string("relay.toml:").size());
}

bool Notes(const Config& config, const std::string& words) {
  return std::any_of(config.notes.begin(), config.notes.end(), [&](const std::string& note) {
    return note.find(words) != std::string::npos;
  });
}

constexpr const char* kPlain =
    "[[http]]\n"
    "name = \"example-http\"\n"
    "bind-addr = \"127.0.0.1:9096\"\n"
    "output = [\n"
    "  { name=\"local1\", location=\"http://127.0.0.1:8086/write\" },\n"
    "  { name=\"Local 2\", location=\"http://127.0.0.1:7086/write\", timeout=\"1m30s\" },\n"
    "]\n";

TEST_CASE("original: each [[http]] is a listener, each output a backend") {
  const Config config = Parsed(kPlain);
  REQUIRE_EQ(config.http.size(), 1);
  CHECK_EQ(ToString(config.http[0].address), "127.0.0.1:9096");
  REQUIRE_EQ(config.backends.size(), 2);
  CHECK_EQ(config.backends[0].name.text(), "local1");
  CHECK_EQ(ToString(config.backends[0].url), "http://127.0.0.1:8086");
  CHECK_EQ(config.backends[0].timeout, milliseconds(10'000));
  CHECK_EQ(config.backends[1].name.text(), "local-2");
  CHECK_EQ(config.backends[1].timeout, milliseconds(90'000));
  CHECK_EQ(config.http[0].backends.size(), 2);
  CHECK(config.http[0].pass_credentials);
  CHECK(Notes(config, "http[0].output[1].name: is the backend local-2"));
  CHECK(Notes(config, "http: clients' credentials are passed on"));
  CHECK_EQ(config.notes.size(), 2);
}

TEST_CASE("original: every key of [[http]] is taken, and what has another meaning is said") {
  const Config config = Parsed(
      "[[http]]\n"
      "name = \"h\"\n"
      "bind-addr = \":9096\"\n"
      "ssl-combined-pem = \"/etc/ssl/relay.pem\"\n"
      "default-retention-policy = \"week\"\n"
      "output = [{ name=\"a\", location=\"https://h:8086/influx/write\", timeout=\"5s\","
      "  buffer-size-mb=100, max-batch-kb=50, max-delay-interval=\"5s\","
      "  skip-tls-verification=true }]\n");
  CHECK_EQ(ToString(config.http[0].address), ":9096");
  CHECK_EQ(config.http[0].tls.certificate, "/etc/ssl/relay.pem");
  CHECK_EQ(config.http[0].tls.key, "/etc/ssl/relay.pem");
  CHECK_EQ(config.http[0].default_retention_policy, "week");
  const BackendConfig& backend = config.backends[0];
  CHECK_EQ(ToString(backend.url), "https://h:8086/influx");
  CHECK_EQ(backend.timeout, milliseconds(5'000));
  CHECK(backend.batch.max_bytes == 50_KiB);
  CHECK(backend.tls.insecure_skip_verify);
  CHECK(Notes(config, "http[0].output[0].buffer-size-mb: no longer limits memory"));
  CHECK(Notes(config, "http[0].output[0].max-delay-interval: "));
  CHECK_EQ(config.notes.size(), 3);
}

TEST_CASE("original: each [[udp]] is a listener, each of its outputs a backend for packets") {
  const Config config = Parsed(
      "[[udp]]\n"
      "name = \"u\"\n"
      "bind-addr = \"127.0.0.1:9096\"\n"
      "read-buffer = 1048576\n"
      "precision = \"s\"\n"
      "output = [{ name=\"a\", location=\"127.0.0.1:8089\", mtu=512 },\n"
      "          { name=\"b\", location=\"127.0.0.1:7089\" }]\n");
  CHECK(config.http.empty());
  REQUIRE_EQ(config.udp.size(), 1);
  CHECK(config.udp[0].read_buffer == 1_MiB);
  CHECK(config.udp[0].precision == Precision::kSecond);
  CHECK_EQ(config.udp[0].backends.size(), 2);
  CHECK(config.backends[0].url.udp);
  CHECK_EQ(config.backends[0].url.port, 8089);
  CHECK(config.backends[0].mtu == 512_B);
  CHECK(config.backends[0].udp_precision == Precision::kSecond);
  CHECK(config.backends[1].mtu == 1024_B);
}

TEST_CASE("original: equal outputs of two listeners are one backend, others have names apart") {
  const auto two = [](const std::string& second_location) {
    return "[[http]]\nname=\"x\"\nbind-addr=\"127.0.0.1:1\"\n"
           "output=[{name=\"a\", location=\"http://h:1/write\"}]\n"
           "[[http]]\nname=\"y\"\nbind-addr=\"127.0.0.1:2\"\n"
           "output=[{name=\"a\", location=\"" +
           second_location + "\"}]\n";
  };
  CHECK_EQ(Parsed(two("http://h:1/write")).backends.size(), 1);
  const Config apart = Parsed(two("http://h:2/write"));
  REQUIRE_EQ(apart.backends.size(), 2);
  CHECK_EQ(apart.backends[1].name.text(), "y-a");
  CHECK_EQ(apart.http[1].backends[0].text(), "y-a");
  CHECK(Notes(apart, "http[1].output[0].name: is the backend y-a"));
}

TEST_CASE("original: a location without a port is at its scheme's, as everywhere") {
  const auto at = [](const std::string& location) {
    return ToString(
        Parsed("[[http]]\nbind-addr=\":1\"\noutput=[{name=\"a\", location=\"" + location + "\"}]\n")
            .backends.at(0)
            .url);
  };
  CHECK_EQ(at("http://h/write"), "http://h:80");
  CHECK_EQ(at("https://h/write"), "https://h:443");
  CHECK_EQ(at("https://[::1]/write"), "https://[::1]:443");
  CHECK_EQ(at("http://[::1]:9/write"), "http://[::1]:9");
}

TEST_CASE("original: a value out of bounds is brought within them, with a note") {
  const Config config = Parsed(
      "[[http]]\nbind-addr=\":1\"\ndefault-ping-response=404\n"
      "output=[{name=\"a\", location=\"http://h:1/write\", timeout=\"1ms\", "
      "max-batch-kb=99999999}]\n"
      "[[udp]]\nbind-addr=\":1\"\nread-buffer=9999999999\n"
      "output=[{name=\"u\", location=\"h:1\", mtu=1}]\n");
  CHECK_EQ(config.http[0].ping_status, 299);
  CHECK_EQ(config.backends[0].timeout, milliseconds(100));
  CHECK(config.backends[0].batch.max_bytes == 64_MiB);
  CHECK(config.udp[0].read_buffer == 1_GiB);
  CHECK(config.backends[1].mtu == 64_B);
  CHECK(Notes(config, "udp[0].output[0].mtu: is 64 here"));
}

// Every key that the original and its fork document is in one of these files.
TEST_CASE("original: as YAML, each kind of configuration reads as the same") {
  for (const char* name : {"plain.toml", "buffered.toml", "tls.toml", "udp.toml", "fork.conf"}) {
    CAPTURE(name);
    Config original = Parsed(ReadFile(SourceRoot() + "/tests/original/" + name));
    const std::string yaml = ToYaml(original, name);
    CAPTURE(yaml);
    CHECK_EQ(yaml.find("pass word"), std::string::npos);
    const Result<Config> native = ParseConfig(yaml, "relay.yaml");
    if (!native.ok()) FAIL(native.error().message());
    for (BackendConfig& backend : original.backends) {
      if (backend.username.empty()) continue;
      CHECK_NE(yaml.find("${PASSWORD_OF_LOCAL_2}"), std::string::npos);
      backend.password = SecretSource::FromEnvironment("PASSWORD_OF_LOCAL_2");
    }
    CHECK(native.value().log == original.log);
    CHECK(native.value().http == original.http);
    CHECK(native.value().limits == original.limits);
    CHECK(native.value().udp == original.udp);
    CHECK(native.value().admin == original.admin);
    CHECK(native.value().backends == original.backends);
  }
}

TEST_CASE("original: the fork's keys are honoured, or said to have no use") {
  const Config config = Parsed(
      "[[http]]\n"
      "bind-addr = \"localhost:9096\"\n"
      "health-timeout-ms = 10000\n"
      "rate-limit = 100\n"
      "burst-limit = 10\n"
      "[[http.output]]\n"
      "name = \"a\"\n"
      "location = \"http://127.0.0.1:8086/\"\n"
      "endpoints = {write=\"/db/write\", write_prom=\"/api/v1/prom/write\", ping=\"/ping\","
      " query=\"/query\"}\n");
  CHECK_EQ(ToString(config.http[0].address), "127.0.0.1:9096");
  CHECK_EQ(ToString(config.backends[0].url), "http://127.0.0.1:8086/db");
  for (const char* key :
       {"health-timeout-ms", "rate-limit, http[0].burst-limit", "write_prom", "query"}) {
    CAPTURE(key);
    CHECK(Notes(config, std::string(key) + ": "));
  }
}

TEST_CASE("original: unsupported routing and listeners are refused, with what to do") {
  const auto refused = [](const std::string& toml, const std::string& words) {
    const std::string told = Mistake(toml);
    CAPTURE(told);
    CHECK_NE(told.find(words), std::string::npos);
  };
  refused(std::string(kPlain) + "[[filter]]\nmeasurement-expression = \"cpu\"\n",
          "filter: filters are not read from this file: write the configuration as YAML");
  refused("[[influxdb]]\nname = \"a\"\n", "influxdb: this is a configuration of influxdb-srelay");
  refused("[[http]]\nbind-addr=\":1\"\n[[http.endpoint]]\nuri=[\"/write\"]\n",
          "http[0].endpoint: this is a configuration of influxdb-srelay");
  refused(
      "[[http]]\nbind-addr=\":1\"\noutput=[{location=\"http://h:1/api/v1/prom/write\","
      "type=\"prometheus\"}]\n",
      "http[0].output[0].type: only influxdb is supported in this file");
  refused(std::string(kPlain) + "[[http]]\nbind-addr=\":9096\"\noutput=[]\n",
          "http[1].bind-addr: expected an address of its own: 127.0.0.1:9096 is taken");
  refused("[[http]]\nbind-addr=\":9097\"\noutput=[{location=\"http://h:1/write\"}]\n",
          "admin: expected [admin] with a bind-addr of its own: 127.0.0.1:9097 is taken");
}

TEST_CASE("original: the log and the admin port can be put elsewhere") {
  const Config config = Parsed(std::string(kPlain) +
                               "[log]\npath = \"/data\"\n[admin]\nbind-addr = \"127.0.0.1:1\"\n");
  CHECK_EQ(config.log.path, "/data");
  CHECK_EQ(ToString(config.admin.address), "127.0.0.1:1");
}

TEST_CASE("original: a mistake is reported with its place") {
  const std::string begin = "[[http]]\nbind-addr = \"127.0.0.1:9096\"\n";
  struct Row {
    std::string toml;
    const char* message;
  };
  for (const Row& row : {
           Row{"[[http]]\noutput = []\n", "1:1: http[0].bind-addr: required setting missing"},
           Row{begin + "output = [{name=\"a\", location=\"127.0.0.1\"}]\n",
               "3:31: http[0].output[0].location: expected http"},
           Row{begin + "output = [{name=\"a\"}]\n",
               "3:11: http[0].output[0].location: required setting missing"},
           Row{begin + "output = []\n", "3:10: http[0].output: expected an output"},
           Row{begin + "output = [{name=\"a\", location=\"http://h/write\", timeout=10}]\n",
               "3:57: http[0].output[0].timeout: expected text in quotes"},
           Row{begin + "output = [{name=\"a\", location=\"http://h/write\", timeout=\"10\"}]\n",
               "3:57: http[0].output[0].timeout: expected a duration"},
           Row{begin + "outputs = []\n",
               "3:1: http[0].outputs: no such setting, did you mean output? There are: name, "},
           Row{begin + "output = [{name=\"a\", location=\"http://h/write\", http-pass=\"x\"}]\n",
               "3:59: http[0].output[0].http-pass: expected http-user and http-pass together"},
           Row{"[[http]\n", "1:8: not valid TOML"},
           Row{"", "1:1: http: expected an output to write to"},
       }) {
    CAPTURE(row.toml);
    const std::string told = Mistake(row.toml);
    CAPTURE(told);
    CHECK(told.starts_with(row.message));
  }
}

TEST_CASE("original: a location may hold a user and a password, which no name or message shows") {
  const auto read = [](const std::string& output) {
    return Parsed("[[http]]\nbind-addr=\":1\"\noutput=[{" + output + "}]\n");
  };
  const auto check = [](const BackendConfig& backend, const std::string& url,
                        const std::string& user, const std::string& password) {
    CHECK_EQ(ToString(backend.url), url);
    CHECK_EQ(backend.username, user);
    REQUIRE(backend.password.has_value());
    CHECK_EQ(backend.password->Read().value().Reveal(), password);
  };
  const Config named =
      read("name=\"a\", location=\"http://writer:pa%40s%3Ass@10.0.0.1:7086/influx/write\"");
  check(named.backends.at(0), "http://10.0.0.1:7086/influx", "writer", "pa@s:ss");
  check(read("location=\"https://u:p@w@h/write\"").backends.at(0), "https://h:443", "u", "p@w");
  check(read("location=\"http://u:p@[::1]/write/\"").backends.at(0), "http://[::1]:80", "u", "p");
  check(read("location=\"http://u:p@h/write\", http-user=\"v\", http-pass=\"q\"").backends.at(0),
        "http://h:80", "v", "q");

  const Config unnamed = read("location=\"http://writer:secret@h:1/write\"");
  CHECK_EQ(unnamed.backends.at(0).name.text(), "http---h-1-write");

  for (const std::string user : {"secret", "secret:", ":secret", "u:secret%4", "%zz:secret", ""}) {
    CAPTURE(user);
    const std::string told = Mistake("[[http]]\nbind-addr=\":1\"\noutput=[{location=\"http://" +
                                     user + "@h/write\"}]\n");
    CHECK(told.find("expected a user and a password before the @") != std::string::npos);
    CHECK_EQ(told.find("secret"), std::string::npos);
  }
}

TEST_CASE("original: the query of a location has no effect and is said to have none") {
  const Config config = Parsed(
      "[[http]]\nbind-addr=\":1\"\noutput=[{name=\"a\", location=\"http://h:1/write?db=x\"}]\n");
  CHECK_EQ(ToString(config.backends.at(0).url), "http://h:1");
  CHECK(Notes(config, "http[0].output[0].location: its query has no effect"));
}

TEST_CASE("original: durations are read as Go reads them") {
  CHECK_EQ(ParseGoDuration("10s").value(), milliseconds(10'000));
  CHECK_EQ(ParseGoDuration("1m30s").value(), milliseconds(90'000));
  CHECK_EQ(ParseGoDuration("1.5h").value(), milliseconds(5'400'000));
  CHECK_EQ(ParseGoDuration("250ms").value(), milliseconds(250));
  CHECK_EQ(ParseGoDuration("0").value(), milliseconds(0));
  for (const char* wrong : {"", "10", "s", "-1s", "10x", "1e9h", "inf", "nans", "10s "}) {
    CAPTURE(wrong);
    CHECK(!ParseGoDuration(wrong).ok());
  }
}

}  // namespace
}  // namespace relay::test::config_legacy_toml_test
