#include "config/settings/backend.h"

#include <fmt/format.h>

#include <initializer_list>
#include <string>

#include "config/schema/value_format.h"
#include "wal/base/precision.h"

namespace relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

ValueFormat<bool> YesOrNo() {
  return OneOf<bool>({{"false", false}, {"true", true}});
}

// Reports each of `keys` that is present as an error.
void Refuse(Section& section, std::initializer_list<std::string_view> keys,
            std::string_view expected) {
  for (const std::string_view key : keys) {
    if (const SourceLocation where = section.Find(key); where.given)
      section.AddError(where, expected);
  }
}

void CheckCredentials(Section& section) {
  const SourceLocation username = section.Find("username");
  const SourceLocation literal = section.Find("password");
  const SourceLocation file = section.Find("password_file");
  if (literal.given && file.given) {
    section.AddError(file, "expected either password or password_file, not both");
  }
  const SourceLocation& password = literal.given ? literal : file;
  if (password.given && !username.given) {
    section.AddError(password, "expected a username beside it");
  }
  if (username.given && !password.given) {
    section.AddError(username, "expected password or password_file beside it");
  }
}

void CheckToken(Section& section) {
  const SourceLocation literal = section.Find("token");
  const SourceLocation file = section.Find("token_file");
  if (literal.given && file.given) {
    section.AddError(file, "expected either token or token_file, not both");
  }
  const SourceLocation& token = literal.given ? literal : file;
  if (token.given && section.Find("username").given) {
    section.AddError(token, "expected either a token or a username, not both");
  }
}

void DeclareCredentials(Section& section, BackendConfig& backend) {
  section.Value({.key = "username",
                 .description = "User name for this backend; requires a password.",
                 .example = "relay"},
                backend.username, SomeText("the name of a user"));
  section.Value({.key = "password",
                 .description = "The password, from an environment variable.",
                 .example = "${INFLUX_PASSWORD}"},
                backend.password, SecretInEnvironment("password"));
  section.Value({.key = "password_file",
                 .description = "The password, from a file: can be changed without a restart.",
                 .example = "/etc/influxdb-relay/influx-a.password"},
                backend.password, SecretInFile());
  section.Value(
      {.key = "token",
       .description = "A token instead of user name and password, from an environment variable.",
       .example = "${INFLUX_TOKEN}"},
      backend.token, SecretInEnvironment("token"));
  section.Value({.key = "token_file",
                 .description = "The token, from a file: can be changed without a restart.",
                 .example = "/etc/influxdb-relay/influx-a.token"},
                backend.token, SecretInFile());
  CheckCredentials(section);
  CheckToken(section);
}

void DeclareTls(Section& section, BackendTls& tls) {
  section.Value({.key = "ca",
                 .description = "CA certificates to trust, a PEM file; default: the system's.",
                 .example = "/etc/influxdb-relay/ca.pem"},
                tls.ca, SomeText("the path of a file"));
  section.Value(
      {.key = "cert",
       .description = "The relay's client certificate, if the backend asks for one, a PEM file.",
       .example = "/etc/influxdb-relay/client.pem"},
      tls.cert, SomeText("the path of a file"));
  section.Value({.key = "key",
                 .description = "The private key of that certificate, a PEM file.",
                 .example = "/etc/influxdb-relay/client.key"},
                tls.key, SomeText("the path of a file"));
  section.Value({"insecure_skip_verify", "Accept any certificate from the backend (insecure)."},
                tls.insecure_skip_verify, YesOrNo());
  const SourceLocation cert = section.Find("cert");
  const SourceLocation key = section.Find("key");
  if (cert.given && !key.given) section.AddError(cert, "expected key beside it");
  if (key.given && !cert.given) section.AddError(key, "expected cert beside it");
}

void CheckApi(Section& section, const BackendConfig& backend) {
  const bool is_prometheus = backend.api == Api::kPrometheus;
  if (backend.api != Api::kV2 && !is_prometheus) {
    Refuse(section, {"org"}, "expected only with api: v2 or prometheus");
  }
  if (backend.api == Api::kV1 || is_prometheus) {
    Refuse(section, {"bucket"}, "expected only with api: v2 or v3");
  }
  if (is_prometheus) {
    Refuse(section, {"compress"}, "expected only with api: v1, v2 or v3: remote write is snappy");
  } else {
    Refuse(section, {"write_path"}, "expected only with api: prometheus");
  }
  if (backend.api == Api::kV2) {
    Refuse(section, {"create_databases"}, "expected only with api: v1, v3 or prometheus");
  }
}

// Checks settings that UDP packets cannot honour, and those that only packets have.
void CheckScheme(Section& section, const BackendConfig& backend) {
  const bool tls_set = !backend.tls.ca.empty() || !backend.tls.cert.empty() ||
                       !backend.tls.key.empty() || backend.tls.insecure_skip_verify;
  if (tls_set && !backend.url.tls) Refuse(section, {"tls"}, "expected only with an https:// URL");
  if (!backend.url.udp) return Refuse(section, {"mtu", "precision"}, "expected only with udp://");
  Refuse(section,
         {"api", "write_path", "org", "bucket", "username", "password", "password_file", "token",
          "token_file", "connect_timeout", "write_timeout", "compress", "follow_redirects",
          "create_databases", "on_unknown_refusal", "watermarks", "on_divergence", "queries"},
         "expected only with http:// or https://");
}

void DeclareTimeouts(Section& section, BackendConfig& backend) {
  section.Value({"connect_timeout", "Time limit for connecting to each of its addresses."},
                backend.connect_timeout, TimeBetween(milliseconds(100), minutes(10)));
  section.Value(
      {"write_timeout",
       "How long the backend may accept no more bytes of a request. If shorter than timeout, "
       "it detects a backend that is gone sooner than one that answers slowly."},
      backend.write_timeout, TimeBetween(milliseconds(100), minutes(10)));
  section.Value(
      {"timeout", "Time limit for one attempt, from connecting to the end of the response."},
      backend.timeout, TimeBetween(milliseconds(100), minutes(10)));
}

void DeclareWatermarks(Section& section, BackendConfig& backend) {
  section.Value(
      {"watermarks",
       "Write a point into each of its databases every ten seconds while points are delivered "
       "(measurement _relay_mark), and look whether it is still there: a backend that was put back "
       "to a backup, emptied or exchanged is noticed; ask for its retention policies, so that "
       "points "
       "that will be too old are told of. Needs the permission to read."},
      backend.watermarks, YesOrNo());
  section.Value(
      {"on_divergence",
       "What is done when marks are missing: it is reported (report), or the backend is also "
       "rewound to what it still has, if everything since then is kept (rewind)."},
      backend.rewinds_diverged, OneOf<bool>({{"report", false}, {"rewind", true}}));
}

void DeclarePackets(Section& section, BackendConfig& backend) {
  section.Value({.key = "mtu",
                 .description = "The largest packet, for udp:// only. Default: 1024B.",
                 .example = "1024B"},
                backend.mtu, SizeBetween(64_B, Bytes(65'507)));
  section.Value(
      {.key = "precision",
       .description = "The timestamp unit that the backend expects in packets, for udp:// only. "
                      "Default: ns.",
       .example = "ns"},
      backend.udp_precision, OneOf<Precision>(PrecisionWords(PrecisionDialect::kSettings)));
}

void DeclareQueries(Section& section, BackendConfig& backend) {
  section.Value({"queries",
                 "Whether it is sent the queries of listeners with queries: route. Only InfluxDB "
                 "answers /query: false spares others the attempt."},
                backend.takes_queries, YesOrNo());
}

}  // namespace

void DeclareTarget(Section& section, BackendConfig& backend) {
  section.Value({.key = "url", .description = "The URL of its InfluxDB.", .required = true},
                backend.url, TargetUrl());
  section.Value({"api",
                 "The write API to use: /write, /api/v2/write, /api/v3/write_lp, or remote write, "
                 "which also takes what lines of Prometheus samples cannot express."},
                backend.api,
                OneOf<Api>({{"v1", Api::kV1},
                            {"v2", Api::kV2},
                            {"v3", Api::kV3},
                            {"prometheus", Api::kPrometheus}}));
  section.Value(
      {.key = "write_path",
       .description = "The path of remote write, for prometheus: /api/v1/write (the default, of "
                      "VictoriaMetrics and Prometheus), /api/v1/push (Mimir) or "
                      "/api/v1/prom/write (InfluxDB 1.x).",
       .example = "/api/v1/push"},
      backend.write_path, UrlPathPrefix());
  section.Value({.key = "org",
                 .description = "The organisation, for v2; the tenant (X-Scope-OrgID), for "
                                "prometheus.",
                 .example = "my-org"},
                backend.org, SomeText("the name of an organisation"));
  section.Value(
      {.key = "bucket",
       .description =
           "The name of the v2 bucket or v3 database to write to, where {database} and "
           "{retention_policy} are replaced. Default: database/policy, or the database alone if a "
           "write names no policy.",
       .example = "\"{database}\""},
      backend.bucket, SomeText("the name of a bucket"));
  DeclareCredentials(section, backend);
  section.Map({"tls", "TLS settings for an https:// URL."},
              [&](Section& tls) { DeclareTls(tls, backend.tls); });
  DeclareTimeouts(section, backend);
  section.Value({"compress", "Compression of request bodies; worthwhile on a slow network."},
                backend.gzip, OneOf<bool>({{"none", false}, {"gzip", true}}));
  section.Value(
      {"follow_redirects",
       "Redirects to follow: none, or those (307 and 308) that stay on the same host and "
       "port, or lead there from http to https. The lines are sent twice then: a url that "
       "needs no redirect is better."},
      backend.follow_redirects, OneOf<bool>({{"none", false}, {"same-host", true}}));
  section.Value(
      {"create_databases",
       "Create databases and retention policies missing on the backend; see retention_policies."},
      backend.create_databases, YesOrNo());
  section.Value(
      {"on_unknown_refusal",
       "The end of a line that the backend goes on refusing for a reason that the relay does not "
       "know: its database waits on hold (hold), or the line becomes a dead letter after some "
       "attempts (dead)."},
      backend.unknown_refusals_are_final, OneOf<bool>({{"hold", false}, {"dead", true}}));
  DeclareQueries(section, backend);
  DeclareWatermarks(section, backend);
  DeclarePackets(section, backend);
  CheckApi(section, backend);
  CheckScheme(section, backend);
}

}  // namespace relay
