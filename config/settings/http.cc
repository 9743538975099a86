#include "config/settings/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "config/schema/value_format.h"

namespace relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr milliseconds kShortest{100};
constexpr milliseconds kLeastLag{1'000};
constexpr minutes kLongest{10};

void DeclareTls(Section& section, TlsConfig& tls) {
  const ValueFormat<std::string> file = SomeText("the path of a PEM file");
  section.Value({.key = "cert",
                 .description = "The certificate, followed by its chain.",
                 .example = "/etc/influxdb-relay/tls.crt"},
                tls.certificate, file);
  section.Value(
      {.key = "key", .description = "Its private key.", .example = "/etc/influxdb-relay/tls.key"},
      tls.key, file);
  section.Value(
      {.key = "client_ca",
       .description = "A CA; if set, only clients with a certificate signed by it may connect.",
       .example = "/etc/influxdb-relay/clients.crt"},
      tls.client_ca, file);
  const SourceLocation certificate = section.Find("cert");
  const SourceLocation key = section.Find("key");
  if (certificate.given != key.given) {
    section.AddError(certificate.given ? certificate : key, "expected cert and key together");
  }
  const SourceLocation client_ca = section.Find("client_ca");
  if (client_ca.given && !certificate.given) {
    section.AddError(client_ca, "expected cert and key beside it");
  }
}

void CheckOneSource(Section& section, std::string_view key) {
  const SourceLocation literal = section.Find(key);
  const SourceLocation file = section.Find(fmt::format("{}_file", key));
  if (literal.given && file.given) {
    section.AddError(file, fmt::format("expected either {0} or {0}_file, not both", key));
  }
}

void DeclareQueries(Section& section, HttpListenerConfig& http) {
  section.Value(
      {"queries",
       "answer: of queries, only CREATE DATABASE and SHOW DATABASES are answered. route: queries "
       "to "
       "/query, /api/v2/query, /api/v3/query_sql and /api/v3/query_influxql are passed on to the "
       "first of the listener's backends that is not behind; X-Relay-Backend names it. Statements "
       "that change something are treated as with answer."},
      http.routes_queries, OneOf<bool>({{"answer", false}, {"route", true}}));
  section.Value({"query_max_lag",
                 "How old the oldest point may be that a backend lacks and still is sent queries."},
                http.query_max_lag, TimeBetween(kLeastLag, std::chrono::hours(24)));
  section.Value({"query_wait",
                 "How long a query with X-Relay-Position waits for a backend that has the write. "
                 "Then the client gets 503."},
                http.query_wait, TimeBetween(kShortest, kLongest));
  section.Value({"query_timeout",
                 "How long a backend may send nothing before and within the answer to a query."},
                http.query_timeout, TimeBetween(kShortest, std::chrono::hours(24)));
}

void DeclareUser(Section& section, UserConfig& user) {
  section.Value({.key = "name", .description = "The user name.", .required = true}, user.name,
                SomeText("the name of a user"));
  section.Value({.key = "password",
                 .description = "The password, from an environment variable.",
                 .example = "${TELEGRAF_PASSWORD}"},
                user.password, SecretInEnvironment("password"));
  section.Value({.key = "password_file",
                 .description = "The password, from a file.",
                 .example = "/etc/influxdb-relay/telegraf.password"},
                user.password, SecretInFile());
  section.Value(
      {.key = "token",
       .description = "A token, from an environment variable; with or without a password.",
       .example = "${TELEGRAF_TOKEN}"},
      user.token, SecretInEnvironment("token"));
  section.Value({.key = "token_file",
                 .description = "A token, from a file.",
                 .example = "/etc/influxdb-relay/telegraf.token"},
                user.token, SecretInFile());
  section.Values(
      {.key = "databases",
       .description = "The databases that the user may write to, and query; default: all.",
       .example = "[telegraf]"},
      user.databases, SomeText("the name of a database"));
  CheckOneSource(section, "password");
  CheckOneSource(section, "token");
  if (section.Find("name").given && !user.password && !user.token) {
    section.AddError(section.Find("name"), "expected a password or a token beside it");
  }
}

void DeclareUsers(Section& section, HttpListenerConfig& http) {
  std::set<std::string> names;
  section.List(
      {.key = "users",
       .description =
           "Users who may write, and query where queries are routed; default: everybody. Over "
           "plain HTTP their secrets are sent unencrypted.",
       .off = true},
      http.users, [&](Section& entry, UserConfig& user) {
        DeclareUser(entry, user);
        const SourceLocation name = entry.Find("name");
        if (!name.given || names.insert(user.name).second) return;
        entry.AddError(name, fmt::format("expected a name of its own: {} is taken", user.name));
      });
}

void DeclareStatements(Section& section, HttpListenerConfig& http) {
  section.Value(
      {"log_statements",
       "Log statements sent to /query that create, alter or drop databases and retention "
       "policies or delete points, and deliver them in order with the writes. Everybody who "
       "may write may then drop. Statements overtake held writes."},
      http.log_statements, OneOf<bool>({{"false", false}, {"true", true}}));
  section.Value(
      {"create_database",
       "CREATE DATABASE at /query, without log_statements. answer: 200, as clients expect that "
       "send it before they write, with a warning that says which backends the relay creates it "
       "on. refuse: 400, unless every backend that takes the database has create_databases."},
      http.refuses_creation, OneOf<bool>({{"answer", false}, {"refuse", true}}));
}

}  // namespace

void DeclareHttp(Section& section, HttpListenerConfig& http) {
  section.Value({"address", "The address to listen on."}, http.address, AddressAndPort());
  section.Value({.key = "path_prefix",
                 .description = "A prefix under which its paths are also found, for clients that "
                                "come through a proxy which keeps the prefix.",
                 .example = "/influxdb"},
                http.path_prefix, UrlPathPrefix());
  section.Value(
      {"default_retention_policy",
       "The retention policy of writes that name none; \"\": the backend's default for the "
       "database."},
      http.default_retention_policy, AnyText());
  section.Value({"max_body", "The largest body of one write, both as received and decompressed."},
                http.max_body, SizeBetween(1_KiB, 1_GiB));
  section.Value({"max_line", "The longest line of a write; at most max_body."}, http.max_line,
                LineSize());
  const SourceLocation max_line = section.Find("max_line");
  if (max_line.given && http.max_line > http.max_body) {
    section.AddError(max_line, "expected at most max_body");
  }
  section.Value(
      {"ping_status",
       "The status code of /ping: InfluxDB answers 204, some load balancers require 200."},
      http.ping_status, CountBetween(200, 299));
  DeclareStatements(section, http);
  section.Value(
      {"credentials",
       "ignore: clients' credentials are checked against `users` only and never stored. pass: "
       "they are also stored with each write, readable by anyone who can read the log's "
       "files, and sent with it to backends without username and token here, as the original "
       "relay does."},
      http.pass_credentials, OneOf<bool>({{"ignore", false}, {"pass", true}}));
  section.Value({"head_time", "Time limit for a request's head, from its first byte."},
                http.head_time, TimeBetween(kShortest, kLongest));
  section.Value({"body_time", "Time limit for a request's body."}, http.body_time,
                TimeBetween(kShortest, kLongest));
  section.Value({"idle_time", "How long an idle connection is kept open."}, http.idle_time,
                TimeBetween(kShortest, kLongest));
  section.Value(
      {"consistency",
       "The parameter `consistency` of v1 writes. ignore: it has no effect, as in InfluxDB; "
       "clients send it unasked. honour: one, quorum and all wait for that many backends. The "
       "header X-Relay-Consistency does so in any case."},
      http.honours_consistency, OneOf<bool>({{"ignore", false}, {"honour", true}}));
  section.Value(
      {"consistency_timeout",
       "How long a write that demands consistency one, quorum or all waits for that many backends. "
       "Then the client gets 500 timeout; the write is delivered nevertheless."},
      http.consistency_timeout, TimeBetween(kShortest, kLongest));
  DeclareQueries(section, http);
  section.Map({"tls", "HTTPS instead of HTTP, TLS 1.2 and up."},
              [&](Section& tls) { DeclareTls(tls, http.tls); });
  DeclareUsers(section, http);
}

void DeclareLimits(Section& root, Config& config) {
  Bytes largest{0};
  for (const HttpListenerConfig& http : config.http) largest = std::max(largest, http.max_body);
  root.Map(
      {"limits", "Limits shared by all listeners for writes, and by all backends."},
      [&](Section& section) {
        LimitsConfig& limits = config.limits;
        section.Value({"connections", "The most client connections at once."}, limits.connections,
                      CountBetween(1, 1'000'000));
        section.Value(
            {"connections_per_address",
             "The same per client address; raise it if all clients come through one proxy."},
            limits.connections_per_address, CountBetween(1, 1'000'000));
        section.Value(
            {"in_flight",
             "The most memory for writes being read or waiting for the disk. Beyond it, clients "
             "wait and then get 503. At least twice max_body; the default is raised to that."},
            limits.in_flight, SizeBetween(2_KiB, 64_GiB));
        section.Value({"queries",
                       "The most queries passed on to backends at once; each has a thread. Beyond "
                       "it, clients get 503."},
                      limits.queries, CountBetween(1, 2'000));
        section.Value(
            {"metric_databases",
             "The most databases that metrics count by name, the first that are written "
             "to since the start; the others are counted together, as `other`. Clients choose the "
             "names that become labels so. 0: nothing is counted by database."},
            limits.metric_databases, CountBetween(0, 10'000));
        const SourceLocation in_flight = section.Find("in_flight");
        if (!in_flight.given) {
          limits.in_flight = std::max(limits.in_flight, largest + largest);
        } else if (limits.in_flight < largest + largest) {
          section.AddError(in_flight, "expected at least twice the largest max_body");
        }
        section.Value(
            {"read_ahead",
             "The most memory for lines read from the log before they are delivered, of all "
             "backends together: each that is behind gets the same part of it."},
            limits.read_ahead, SizeBetween(1_MiB, 64_GiB));
      });
}

}  // namespace relay
