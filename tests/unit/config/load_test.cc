#include "config/load.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "tests/support/process/places.h"
#include "tests/support/temp_dir.h"

namespace relay::test::config_load_test {
namespace {

constexpr const char* kBackend = "backends:\n  - {name: a, url: 'http://h'}\n";

Config Parsed(const std::string& yaml) {
  auto config = ParseConfig(yaml, "relay.yaml");
  if (!config.ok()) FAIL(config.error().message());
  return std::move(config).value();
}

// Returns the message without "relay.yaml:".
std::string Mistake(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "relay.yaml");
  REQUIRE(!config.ok());
  CHECK_EQ(config.error().code(), ErrorCode::kInvalidInput);
  const std::string& message = config.error().message();
  REQUIRE(message.starts_with("relay.yaml:"));
  return message.substr(std::string("relay.yaml:").size());
}

// Returns a file with one backend that has `settings`, one a line, from line 4 on.
std::string Backend(const std::string& settings) {
  std::string yaml = "backends:\n  - name: a\n    url: http://h\n    ";
  for (const char c : settings) yaml += c == '\n' ? "\n    " : std::string(1, c);
  return yaml;
}

TEST_CASE("config: a name and a URL are enough") {
  const Config config = Parsed(kBackend);
  CHECK_EQ(config.log.path, "/var/lib/influxdb-relay");
  CHECK(config.log.codec == Codec::kZstd);
  REQUIRE_EQ(config.http.size(), 1);
  CHECK_EQ(ToString(config.http[0].address), "0.0.0.0:9096");
  CHECK_EQ(config.http[0].default_retention_policy, "");
  CHECK(config.http[0].max_body == 25_MiB);
  CHECK_EQ(ToString(config.admin.address), "127.0.0.1:9097");

  REQUIRE_EQ(config.backends.size(), 1);
  const BackendConfig& backend = config.backends[0];
  CHECK_EQ(backend.name.text(), "a");
  CHECK_EQ(ToString(backend.url), "http://h:8086");
  CHECK_EQ(backend.username, "");
  CHECK(!backend.password.has_value());
  CHECK_EQ(backend.timeout, std::chrono::seconds(10));
  CHECK_EQ(backend.batch.max_points, 10'000);
  CHECK(backend.batch.max_bytes == 4_MiB);
}

TEST_CASE("config: a path prefix is a path, kept without a slash at its end") {
  const auto yaml = [](const std::string& prefix) {
    return std::string(kBackend) + "http:\n  - {path_prefix: '" + prefix + "'}\n";
  };
  CHECK_EQ(Parsed(yaml("/a/b/")).http[0].path_prefix, "/a/b");
  CHECK_EQ(Parsed(yaml("/")).http[0].path_prefix, "");
  for (const std::string bad : {"a", "//a", "/a?b", "/a b", "/a%20"}) {
    CAPTURE(bad);
    CHECK_EQ(Mistake(yaml(bad)),
             "4:19: http[0].path_prefix: expected a path such as /relay: letters, digits, -, ., _, "
             "~ and single /");
  }
  CHECK_EQ(Parsed(std::string(kBackend) + "admin: {path_prefix: /relay}\n").admin.path_prefix,
           "/relay");
}

TEST_CASE("config: patterns of a selection are checked") {
  const Config config =
      Parsed(Backend("only: {databases: ['/^a/', 'b*'], tags: ['region=eu*', 'host=/^w/']}"));
  CHECK_EQ(config.backends[0].only.databases, std::vector<std::string>{"/^a/", "b*"});
  CHECK_EQ(config.backends[0].only.tags, std::vector<std::string>{"region=eu*", "host=/^w/"});
  CHECK_EQ(
      Mistake(Backend("only: {measurements: ['/(/']}")),
      "4:27: backends[0].only.measurements[0]: expected a regular expression of RE2: missing ): (");
  CHECK_EQ(Mistake(Backend("except: {tags: [region]}")),
           "4:21: backends[0].except.tags[0]: expected TAG=VALUE, such as region=eu*");
}

TEST_CASE("config: a backend may have other names, and a limit of age") {
  const BackendConfig backend = Parsed(Backend("rename:\n  - {from: m/week, to: archive/forever}\n"
                                               "  - {from: m, to: n}\nmax_age: 7d"))
                                    .backends[0];
  REQUIRE_EQ(backend.renames.size(), 2);
  CHECK_EQ(ToString(backend.renames[0].from), "m/week");
  CHECK_EQ(ToString(backend.renames[0].to), "archive/forever");
  CHECK_EQ(ToString(backend.renames[1].to), "n");
  CHECK_EQ(backend.max_age, std::chrono::hours(7 * 24));
  CHECK_EQ(Parsed(Backend("max_age: none")).backends[0].max_age.count(), 0);
  CHECK(Parsed(kBackend).backends[0].renames.empty());
  CHECK_EQ(Mistake(Backend("max_age: 7")),
           "4:14: backends[0].max_age: expected none, or a time from 1s: a whole number with s, "
           "min, h or d");
  CHECK_EQ(Mistake(Backend("rename:\n  - {from: /week, to: n}")),
           "5:16: backends[0].rename[0].from: expected a database, or database/retention-policy");
  CHECK_EQ(Mistake(Backend("rename:\n  - {from: m, to: n}\n  - {from: m/week, to: o}")),
           "6:16: backends[0].rename[1].from: expected a name that no entry before it covers: "
           "m/week");
}

TEST_CASE("config: a backend for remote write has a path and a tenant") {
  const BackendConfig backend =
      Parsed(Backend("api: prometheus\nwrite_path: /api/v1/push\norg: team")).backends[0];
  CHECK(backend.api == Api::kPrometheus);
  CHECK_EQ(backend.write_path, "/api/v1/push");
  CHECK_EQ(backend.org, "team");
  CHECK_EQ(Parsed(Backend("api: prometheus")).backends[0].write_path, "/api/v1/write");
  CHECK_EQ(Mistake(Backend("write_path: /api/v1/push")),
           "4:17: backends[0].write_path: expected only with api: prometheus");
  CHECK_EQ(Mistake(Backend("api: prometheus\ncompress: gzip")),
           "5:15: backends[0].compress: expected only with api: v1, v2 or v3: remote write is "
           "snappy");
}

TEST_CASE("config: every setting can be given") {
  const Config config = Parsed(
      "log: {path: /data, codec: none}\n"
      "http:\n"
      "  - address: '[::1]:80'\n"
      "    default_retention_policy: week\n"
      "    max_body: 1KiB\n"
      "  - address: 127.0.0.1:81\n"
      "admin: {address: 127.0.0.1:82}\n"
      "backends:\n"
      "  - name: a\n"
      "    url: https://[::1]:443/influx\n"
      "    username: u\n"
      "    password: ${NAME}\n"
      "    timeout: 100ms\n"
      "    batch: {max_points: 1, max_bytes: 1KiB}\n"
      "  - {name: b, url: 'http://h', username: v, password_file: /p}\n");
  CHECK_EQ(config.log.path, "/data");
  CHECK(config.log.codec == Codec::kNone);
  REQUIRE_EQ(config.http.size(), 2);
  CHECK_EQ(ToString(config.http[0].address), "[::1]:80");
  CHECK_EQ(config.http[0].default_retention_policy, "week");
  CHECK(config.http[0].max_body == 1_KiB);
  CHECK_EQ(config.http[1].default_retention_policy, "");
  CHECK(config.http[1].max_body == 25_MiB);
  CHECK_EQ(ToString(config.admin.address), "127.0.0.1:82");

  REQUIRE_EQ(config.backends.size(), 2);
  const BackendConfig& a = config.backends[0];
  CHECK_EQ(ToString(a.url), "https://[::1]:443/influx");
  CHECK_EQ(a.username, "u");
  CHECK_EQ(a.password.value().Describe(), "environment variable NAME");
  CHECK_EQ(a.timeout, std::chrono::milliseconds(100));
  CHECK_EQ(a.batch.max_points, 1);
  CHECK(a.batch.max_bytes == 1_KiB);
  const BackendConfig& b = config.backends[1];
  CHECK_EQ(b.name.text(), "b");
  CHECK_EQ(b.username, "v");
  CHECK_EQ(b.password.value().Describe(), "file /p");
  CHECK_EQ(b.batch.max_points, 10'000);
}

TEST_CASE("config: without a backend there is nothing to relay to") {
  CHECK_EQ(Mistake(""), "1:1: backends: required setting missing");
  CHECK_EQ(Mistake("log: {}\n"), "1:1: backends: required setting missing");
  CHECK_EQ(Mistake("backends: []\n"), "1:11: backends: expected a list of 1 to 1024 entries");
  CHECK_EQ(Mistake("backends:\n  - name: a\n"), "2:5: backends[0].url: required setting missing");
  CHECK_EQ(Mistake("backends:\n  - url: http://h\n"),
           "2:5: backends[0].name: required setting missing");
}

TEST_CASE("config: a value out of its bounds is refused with them") {
  struct Row {
    std::string yaml;
    const char* message;
  };
  const std::string end = std::string("\n") + kBackend;
  const char* body =
      "1:19: http[0].max_body: expected a size from 1KiB to 1GiB: a whole number "
      "with B, KiB, MiB or GiB";
  const char* timeout =
      "4:14: backends[0].timeout: expected a time from 100ms to 10min: a whole "
      "number with ms, s, min or h";
  const char* points =
      "4:25: backends[0].batch.max_points: expected a whole number from 1 to 1000000";
  const char* bytes =
      "4:24: backends[0].batch.max_bytes: expected a size from 1KiB to 64MiB: a "
      "whole number with B, KiB, MiB or GiB";
  for (const Row& row : {
           Row{"http: [{max_body: 1023B}]" + end, body},
           Row{"http: [{max_body: 1073741825B}]" + end, body},
           Row{"http: [{max_body: 25}]" + end, body},
           Row{"http: [{max_body: 25MB}]" + end, body},
           Row{Backend("timeout: 99ms"), timeout},
           Row{Backend("timeout: 11min"), timeout},
           Row{Backend("timeout: 10"), timeout},
           Row{Backend("batch: {max_points: 0}"), points},
           Row{Backend("batch: {max_points: 1000001}"), points},
           Row{Backend("batch: {max_bytes: 65MiB}"), bytes},
           Row{Backend("batch: {max_bytes: 1B}"), bytes},
           Row{"log: {codec: lz4}" + end, "1:14: log.codec: expected zstd, lp or none"},
           Row{"log: {path: ''}" + end, "1:13: log.path: expected the path of a directory"},
       }) {
    CAPTURE(row.yaml);
    CHECK_EQ(Mistake(row.yaml), row.message);
  }
}

TEST_CASE("config: an unknown key is refused in every section") {
  struct Row {
    std::string yaml;
    const char* message;
  };
  const std::string end = std::string("\n") + kBackend;
  for (const Row& row : {
           Row{"backend:\n  - {name: a, url: 'http://h'}\n",
               "1:1: backend: no such setting, did you mean backends?"},
           Row{"log:\n  directory: /d" + end, "2:3: log.directory: no such setting."},
           Row{"http:\n  - adress: 0.0.0.0:80" + end,
               "2:5: http[0].adress: no such setting, did you mean address?"},
           Row{"admin: {port: 80}" + end, "1:9: admin.port: no such setting."},
           Row{Backend("pasword: hunter2"),
               "4:5: backends[0].pasword: no such setting, did you mean password?"},
           Row{Backend("batch:\n  points: 5"),
               "5:7: backends[0].batch.points: no such setting, did you mean max_points?"},
       }) {
    CAPTURE(row.yaml);
    // The known settings follow.
    CHECK(Mistake(row.yaml).starts_with(std::string(row.message) + " There are: "));
  }
}

TEST_CASE("config: two backends cannot have one name") {
  CHECK_EQ(Mistake("backends:\n"
                   "  - {name: a, url: 'http://h'}\n"
                   "  - {name: b, url: 'http://h'}\n"
                   "  - {name: a, url: 'http://h'}\n"),
           "4:12: backends[2].name: expected a name of its own: a is taken");
}

TEST_CASE("config: a refused name is not taken for the example's") {
  CHECK_EQ(Mistake("backends:\n"
                   "  - {name: influx-a, url: 'http://h'}\n"
                   "  - {name: Influx, url: 'http://h'}\n"),
           "3:12: backends[1].name: expected 1 to 64 characters of a-z, 0-9, _ and -");
}

TEST_CASE("config: two listeners cannot have one address, given or by default") {
  struct Row {
    const char* yaml;
    const char* message;
  };
  for (const Row& row : {
           Row{"http:\n  - address: 127.0.0.1:80\n  - address: 127.0.0.1:80\n",
               "3:14: http[1].address: expected an address of its own: 127.0.0.1:80 is taken by "
               "http[0].address"},
           Row{"http:\n  - address: '[::1]:80'\n  - address: '[0:0::1]:80'\n",
               "3:14: http[1].address: expected an address of its own: [::1]:80 is taken by "
               "http[0].address"},
           Row{"admin: {address: 127.0.0.1:80}\nhttp: [{address: 0.0.0.0:80}]\n",
               "2:18: http[0].address: expected an address of its own: 127.0.0.1:80 is taken by "
               "admin.address"},
           Row{"admin: {address: 0.0.0.0:9096}\n",
               "1:18: admin.address: expected an address of its own: 0.0.0.0:9096 is taken by "
               "http[0].address"},
           Row{"http: [{address: 0.0.0.0:9097}]\n",
               "1:18: http[0].address: expected an address of its own: 127.0.0.1:9097 is taken by "
               "admin.address"},
           Row{"http:\n  - max_body: 1MiB\n  - max_body: 2MiB\n",
               "3:5: http[1].address: expected an address of its own: 0.0.0.0:9096 is taken by "
               "http[0].address"},
       }) {
    CAPTURE(row.yaml);
    CHECK_EQ(Mistake(std::string(row.yaml) + kBackend), row.message);
  }
}

TEST_CASE("config: listeners on any free port do not collide") {
  const Config config =
      Parsed(std::string("http: [{address: 127.0.0.1:0}, {address: 127.0.0.1:0}]\n"
                         "admin: {address: 127.0.0.1:0}\n") +
             kBackend);
  CHECK_EQ(config.http.size(), 2);
}

TEST_CASE("config: credentials are complete and come from one place") {
  struct Row {
    const char* settings;
    const char* message;
  };
  for (const Row& row : {
           Row{"username: u",
               "4:15: backends[0].username: expected password or password_file beside it"},
           Row{"password: ${P}", "4:15: backends[0].password: expected a username beside it"},
           Row{"password_file: /p",
               "4:20: backends[0].password_file: expected a username beside it"},
           Row{"username: u\npassword: ${P}\npassword_file: /p",
               "6:20: backends[0].password_file: expected either password or password_file, not "
               "both"},
           Row{"username: ''\npassword: ${P}",
               "4:15: backends[0].username: expected the name of a user"},
           Row{"username: ${U}\npassword: ${P}",
               "4:15: backends[0].username: expected the text itself: only secrets take "
               "${VARIABLE}"},
           Row{"token: ${T}\ntoken_file: /t",
               "5:17: backends[0].token_file: expected either token or token_file, not both"},
           Row{"username: u\npassword: ${P}\ntoken_file: /t",
               "6:17: backends[0].token_file: expected either a token or a username, not both"},
           Row{"token: hunter2",
               "4:12: backends[0].token: expected no token in this file: write ${VARIABLE} or use "
               "token_file"},
       }) {
    CAPTURE(row.settings);
    CHECK_EQ(Mistake(Backend(row.settings)), row.message);
  }
}

TEST_CASE("config: a backend of each kind") {
  const Config config = Parsed(
      "backends:\n"
      "  - {name: one, url: 'https://h', create_databases: true, compress: gzip,\n"
      "     tls: {ca: /ca, cert: /cert, key: /key, insecure_skip_verify: true}}\n"
      "  - {name: two, url: 'http://h', api: v2, org: o, bucket: '{database}', token: '${T}'}\n"
      "  - {name: three, url: 'http://h', api: v3, token_file: /t}\n"
      "  - {name: packets, url: 'udp://h:8089', mtu: 512B, precision: s}\n"
      "  - {name: plain, url: 'udp://h:8089'}\n");
  REQUIRE_EQ(config.backends.size(), 5);
  const BackendConfig& one = config.backends[0];
  CHECK(one.api == Api::kV1);
  CHECK(one.create_databases);
  CHECK(one.gzip);
  CHECK_EQ(one.tls.ca, "/ca");
  CHECK_EQ(one.tls.cert, "/cert");
  CHECK_EQ(one.tls.key, "/key");
  CHECK(one.tls.insecure_skip_verify);
  const BackendConfig& two = config.backends[1];
  CHECK(two.api == Api::kV2);
  CHECK_EQ(two.org, "o");
  CHECK_EQ(two.bucket, "{database}");
  CHECK_EQ(two.token.value().Describe(), "environment variable T");
  CHECK_FALSE(two.gzip);
  CHECK_FALSE(two.create_databases);
  CHECK_FALSE(two.tls.insecure_skip_verify);
  CHECK(config.backends[2].api == Api::kV3);
  CHECK_EQ(config.backends[2].token.value().Describe(), "file /t");
  CHECK(config.backends[3].url.udp);
  CHECK(config.backends[3].mtu == 512_B);
  CHECK(config.backends[3].udp_precision == Precision::kSecond);
  CHECK(config.backends[4].mtu == 1024_B);
  CHECK(config.backends[4].udp_precision == Precision::kNanosecond);
}

TEST_CASE("config: backends are watched unless they are not to be, and rewound only if asked for") {
  const Config config = Parsed(
      "backends:\n"
      "  - {name: one, url: 'http://h'}\n"
      "  - {name: two, url: 'http://i', watermarks: false}\n"
      "  - {name: three, url: 'http://j', on_divergence: rewind}\n");
  CHECK(config.backends[0].watermarks);
  CHECK_FALSE(config.backends[0].rewinds_diverged);
  CHECK_FALSE(config.backends[1].watermarks);
  CHECK(config.backends[2].watermarks);
  CHECK(config.backends[2].rewinds_diverged);
}

TEST_CASE("config: what a kind of backend cannot use is refused") {
  struct Row {
    const char* backend;
    const char* message;
  };
  for (const Row& row : {
           Row{"url: 'http://h', org: o", "org: expected only with api: v2 or prometheus"},
           Row{"url: 'http://h', bucket: b", "bucket: expected only with api: v2 or v3"},
           Row{"url: 'http://h', api: v2, create_databases: true",
               "create_databases: expected only with api: v1, v3 or prometheus"},
           Row{"url: 'http://h', tls: {ca: /ca}", "tls: expected only with an https:// URL"},
           Row{"url: 'https://h', tls: {cert: /c}", "tls.cert: expected key beside it"},
           Row{"url: 'https://h', tls: {key: /k}", "tls.key: expected cert beside it"},
           Row{"url: 'http://h', mtu: 512B", "mtu: expected only with udp://"},
           Row{"url: 'http://h', precision: s", "precision: expected only with udp://"},
           Row{"url: 'udp://h:1', api: v2", "api: expected only with http:// or https://"},
           Row{"url: 'udp://h:1', write_timeout: 1s",
               "write_timeout: expected only with http:// or https://"},
           Row{"url: 'udp://h:1', compress: gzip",
               "compress: expected only with http:// or https://"},
           Row{"url: 'udp://h:1', token: '${T}'", "token: expected only with http:// or https://"},
           Row{"url: 'udp://h:1', watermarks: true",
               "watermarks: expected only with http:// or https://"},
           Row{"url: 'http://h', on_divergence: mend", "on_divergence: expected report or rewind"},
           Row{"url: 'udp://h:1', mtu: 65508B",
               "mtu: expected a size from 64B to 65507B: a whole number with B, KiB, MiB or GiB"},
           Row{"url: 'http://h', api: v4", "api: expected v1, v2, v3 or prometheus"},
       }) {
    CAPTURE(row.backend);
    const std::string mistake = Mistake(std::string("backends: [{name: a, ") + row.backend + "}]");
    CHECK_EQ(mistake.substr(mistake.find("backends[0].") + std::string("backends[0].").size()),
             row.message);
  }
}

TEST_CASE("config: no message repeats a password, wherever it was written") {
  for (const char* settings :
       {"username: u\npassword: hunter2", "username: u\npassword: *hunter2",
        "username: u\npassword: &hunter2", "username: u\npassword: !hunter2",
        "username: u\npassword: [hunter2]", "username: u\npassword: {hunter2: x}",
        "username: u\npassword: |hunter2", "username: u\npassword: 'hunter2",
        "username: u\npassword: @hunter2", "username: u\npassword: hunter2: x",
        "username: u\npassword: ${hunter2", "username: u\npassword: |\n  hunter2",
        "timeout: hunter2", "batch: hunter2"}) {
    CAPTURE(settings);
    CHECK_EQ(Mistake(Backend(settings)).find("hunter2"), std::string::npos);
  }
  CHECK(Mistake("backends: [{name: a, password:hunter2}]")
            .starts_with("1:22: backends[0]: expected the name of a setting: name, url, "));
  CHECK_EQ(Mistake("backends: [{name: a, password:hunter2}]").find("hunter2"), std::string::npos);
  for (const char* url : {"http://u:hunter2@h", "http://h?p=hunter2", "hunter2", "http://h:hunter2",
                          "http://h/\"hunter2\"", "http://h#hunter2"}) {
    CAPTURE(url);
    const std::string yaml = std::string("backends: [{name: a, url: '") + url + "'}]";
    CHECK_EQ(Mistake(yaml).find("hunter2"), std::string::npos);
  }
}

TEST_CASE("config: a literal password is refused with the alternatives") {
  CHECK_EQ(Mistake(Backend("username: u\npassword: hunter2")),
           "5:15: backends[0].password: expected no password in this file: write ${VARIABLE} or "
           "use password_file");
}

TEST_CASE("config: a listener's backends are names that there are, each once") {
  const auto with = [](const std::string& names) {
    return "http:\n  - backends: " + names + "\n" + kBackend;
  };
  CHECK_EQ(Parsed(with("[a]")).http[0].backends.size(), 1);
  CHECK(Parsed(kBackend).http[0].backends.empty());
  CHECK_EQ(Mistake(with("[a, b]")),
           "2:15: http[0].backends: expected names of backends: there is no b");
  CHECK_EQ(Mistake(with("[a, a]")),
           "2:15: http[0].backends: expected each backend once: a is repeated");
  CHECK_EQ(Mistake(with("[A]")),
           "2:16: http[0].backends[0]: expected 1 to 64 characters of a-z, 0-9, _ and -");
}

TEST_CASE("config: a backend says what it takes") {
  const Config config = Parsed(Backend("only: {databases: [d, 'tele*']}\n"
                                       "except: {retention_policies: [''], measurements: [m]}") +
                               "\nunrouted: count\n");
  CHECK_EQ(config.backends[0].only.databases, std::vector<std::string>{"d", "tele*"});
  CHECK(config.backends[0].only.measurements.empty());
  CHECK_EQ(config.backends[0].except.retention_policies, std::vector<std::string>{""});
  CHECK_EQ(config.backends[0].except.measurements, std::vector<std::string>{"m"});
  CHECK(config.unrouted == Unrouted::kCount);
  CHECK(Parsed(kBackend).unrouted == Unrouted::kRefuse);
}

TEST_CASE("config: there are TCP and UDP listeners only where they are given") {
  CHECK(Parsed(kBackend).tcp.empty());
  CHECK(Parsed(kBackend).udp.empty());
  const Config config =
      Parsed(std::string(
                 "tcp:\n"
                 "  - database: d\n"
                 "  - {address: '127.0.0.1:1', database: e, retention_policy: week, precision: s,\n"
                 "     max_connections: 2, idle_timeout: 1s, backends: [a]}\n"
                 "udp:\n"
                 "  - {address: '127.0.0.1:1', database: f, precision: ms, read_buffer: 1MiB}\n") +
             kBackend);
  REQUIRE_EQ(config.tcp.size(), 2);
  CHECK_EQ(ToString(config.tcp[0].address), "0.0.0.0:8094");
  CHECK_EQ(config.tcp[0].database, "d");
  CHECK_EQ(config.tcp[1].retention_policy, "week");
  CHECK(config.tcp[1].precision == Precision::kSecond);
  CHECK_EQ(config.tcp[1].max_connections, 2);
  CHECK_EQ(config.tcp[1].idle_timeout, std::chrono::seconds(1));
  CHECK_EQ(config.tcp[1].backends.size(), 1);
  REQUIRE_EQ(config.udp.size(), 1);
  CHECK_EQ(config.udp[0].database, "f");
  CHECK(config.udp[0].precision == Precision::kMillisecond);
  CHECK(config.udp[0].read_buffer == 1_MiB);
}

TEST_CASE("config: TCP and UDP listeners need a database, and TCP shares its ports with HTTP") {
  CHECK_EQ(Mistake(std::string("udp:\n  - precision: s\n") + kBackend),
           "2:5: udp[0].database: required setting missing");
  CHECK_EQ(Mistake(std::string("tcp:\n  - {database: d, address: '0.0.0.0:9096'}\n") + kBackend),
           "2:28: tcp[0].address: expected an address of its own: 0.0.0.0:9096 is taken by "
           "http[0].address");
  CHECK_EQ(Parsed(std::string("udp:\n  - {database: d, address: '0.0.0.0:9096'}\n") + kBackend)
               .udp.size(),
           1);
}

TEST_CASE("config: printed as YAML it reads as the same, and what has its default is left out") {
  const auto same = [](const Config& config) {
    const std::string yaml = ToYaml(config, "relay.yaml");
    CAPTURE(yaml);
    const Config again = Parsed(yaml);
    CHECK(again.log == config.log);
    CHECK(again.http == config.http);
    CHECK(again.limits == config.limits);
    CHECK(again.tcp == config.tcp);
    CHECK(again.udp == config.udp);
    CHECK(again.admin == config.admin);
    CHECK(again.backends == config.backends);
    CHECK(again.unrouted == config.unrouted);
    return yaml.substr(yaml.find("\n\n") + 2);
  };
  CHECK_EQ(same(Parsed(kBackend)),
           "http:\n  - address: 0.0.0.0:9096\nbackends:\n  - name: a\n    url: http://h:8086\n");
  same(Parsed(ReferenceYaml()));
  same(Parsed(
      "log: {path: '/a b', codec: lp, max_size: 1GiB, when_full: drop_oldest,\n"
      "      checkpoints: {every: 6h, keep: 3, command: [/bin/copy, -v], timeout: 5s},\n"
      "      keep_delivered: {for: 0ms, up_to: 1B}}\n"
      "http:\n"
      "  - {address: '[::1]:80', max_body: 300MiB, log_statements: true, ping_status: 200,\n"
      "     create_database: refuse,\n"
      "     tls: {cert: /c, key: /k}, backends: [b, a],\n"
      "     users: [{name: 'null', password: '${P}', databases: ['a \"b\"', '*']},\n"
      "             {name: '- x', token_file: /t}]}\n"
      "  - {address: 127.0.0.1:81}\n"
      "tcp: [{database: d, max_connections: 2}]\n"
      "udp: [{database: 'e: f', read_buffer: 0B, precision: s}]\n"
      "admin: {address: '127.0.0.1:82', token_file: /o, replay_targets: ['http://h:1']}\n"
      "unrouted: count\n"
      "backends:\n"
      "  - {name: a, url: 'https://h/p', username: u, password_file: /p, compress: gzip,\n"
      "     tls: {ca: /ca, insecure_skip_verify: true}, rate: {points_per_second: 5},\n"
      "     only: {databases: ['m*'], retention_policies: ['']}, except: {measurements: [x]}}\n"
      "  - {name: b, url: 'http://h', api: v2, org: o, bucket: '{database}', token: '${T}'}\n"
      "  - {name: c, url: 'udp://h:1', mtu: 512B, precision: ms}\n"));
}

TEST_CASE("config: a plan for checkpoints is sound") {
  const auto mistake = [](const std::string& plan) {
    return Mistake("log: {checkpoints: {" + plan + "}}\n" + kBackend);
  };
  CHECK_NE(mistake("to: backup").find("to: expected an absolute path"), std::string::npos);
  CHECK_NE(mistake("command: [copy]").find("expected an absolute path of a program"),
           std::string::npos);
  CHECK_NE(mistake("to: /a, command: [/b]").find("command: expected only without to"),
           std::string::npos);
  CHECK_NE(mistake("every: 10ms").find("every: expected at least 1s"), std::string::npos);
  CHECK_NE(mistake("keep: 0").find("keep: "), std::string::npos);
}

TEST_CASE("config: a relay of packets alone has no listener for HTTP") {
  const std::string udp = "udp: [{database: d}]\n";
  CHECK(Parsed("http: []\n" + udp + kBackend).http.empty());
  CHECK_EQ(ToYaml(Parsed("http: []\n" + udp + kBackend), "x").find("http: []"),
           std::string("# Converted from x. Settings left out have their defaults.\n\n").size());
  CHECK_EQ(Mistake(std::string("http: []\n") + kBackend),
           "1:7: http: expected a listener for writes: http, tcp or udp");
}

TEST_CASE("config: the original's form is known by the file's name, or by how it begins") {
  const TempDir directory;
  const std::string toml =
      "# -*- toml -*-\n\n[[http]]\nbind-addr = \":1\"\noutput = "
      "[{location=\"http://h:1/write\"}]\n";
  for (const char* name : {"relay.toml", "influxdb-relay.conf", "relay.cfg", "relay"}) {
    CAPTURE(name);
    std::ofstream(directory.File(name)) << toml;
    CHECK(LoadConfig(directory.File(name)).ok());
  }
  std::ofstream(directory.File("relay.yaml")) << toml;
  CHECK_FALSE(LoadConfig(directory.File("relay.yaml")).ok());
  std::ofstream(directory.File("native")) << "# ours\n" << kBackend;
  CHECK(LoadConfig(directory.File("native")).ok());
}

TEST_CASE("config: a file is read under its name") {
  const TempDir directory;
  const std::string path = directory.File("relay.yaml");
  std::ofstream(path) << kBackend;
  CHECK(LoadConfig(path).ok());

  std::ofstream(path) << "log: 1\n" << kBackend;
  const auto wrong = LoadConfig(path);
  REQUIRE(!wrong.ok());
  CHECK_EQ(wrong.error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(wrong.error().message(),
           path +
               ":1:6: log: expected a map of settings: path, codec, max_size, min_free, when_full, "
               "keep_delivered, dead_letters, checkpoint_dir, checkpoints, engine, jetstream");
}

TEST_CASE("config: a missing, an unreadable and a too large file are told apart") {
  const TempDir directory;
  const auto missing = LoadConfig(directory.File("absent.yaml"));
  REQUIRE(!missing.ok());
  CHECK_EQ(missing.error().code(), ErrorCode::kNotFound);
  CHECK_EQ(missing.error().message(),
           directory.File("absent.yaml") + ": No such file or directory");

  const auto folder = LoadConfig(directory.path());
  REQUIRE(!folder.ok());
  CHECK_EQ(folder.error().code(), ErrorCode::kIo);

  const std::string path = directory.File("large.yaml");
  std::ofstream(path) << std::string((1U << 20U) + 1, '#');
  const auto large = LoadConfig(path);
  REQUIRE(!large.ok());
  CHECK_EQ(large.error().code(), ErrorCode::kInvalidInput);
}

TEST_CASE("config: the reference loads, and what it shows are the defaults") {
  const Config shown = Parsed(ReferenceYaml());
  REQUIRE_EQ(shown.backends.size(), 2);
  CHECK_EQ(shown.backends[0].name.text(), "influx-a");
  CHECK_EQ(shown.backends[1].name.text(), "influx-b");

  const Config defaults = Parsed(kBackend);
  CHECK_EQ(shown.log.path, defaults.log.path);
  CHECK(shown.log.codec == defaults.log.codec);
  REQUIRE_EQ(shown.http.size(), 1);
  CHECK(shown.http[0].address == defaults.http[0].address);
  CHECK_EQ(shown.http[0].default_retention_policy, defaults.http[0].default_retention_policy);
  CHECK(shown.http[0].max_body == defaults.http[0].max_body);
  CHECK(shown.admin.address == defaults.admin.address);
  CHECK_EQ(shown.backends[0].timeout, defaults.backends[0].timeout);
  CHECK_EQ(shown.backends[0].batch.max_points, defaults.backends[0].batch.max_points);
  CHECK(shown.backends[0].batch.max_bytes == defaults.backends[0].batch.max_bytes);
}

TEST_CASE("config: what the reference has in comments loads too") {
  std::string yaml = ReferenceYaml();
  for (const char* key : {"#username:", "#password: ${NATS", "#username:", "#password: ${INFLUX"}) {
    REQUIRE_NE(yaml.find(key), std::string::npos);
    yaml.erase(yaml.find(key), 1);
  }
  const Config config = Parsed(yaml);
  CHECK_EQ(config.log.jetstream.password.value().Describe(), "environment variable NATS_PASSWORD");
  CHECK_EQ(config.backends[0].password.value().Describe(), "environment variable INFLUX_PASSWORD");
  CHECK_NE(yaml.find("#password_file: "), std::string::npos);
}

TEST_CASE("config: the example that is shipped is the reference") {
  std::ifstream file(SourceRoot() + "/deploy/example.yaml");
  std::ostringstream shipped;
  shipped << file.rdbuf();
  CHECK_MESSAGE(shipped.str() == ReferenceYaml(),
                "deploy/example.yaml is the output of ReferenceYaml(): write it anew");
}

}  // namespace
}  // namespace relay::test::config_load_test
