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

// Those of `keys` that are given are mistakes.
void Refuse(Section& section, std::initializer_list<std::string_view> keys,
            std::string_view expected) {
  for (const std::string_view key : keys) {
    if (const SourceLocation where = section.Find(key); where.given)
      section.Mistake(where, expected);
  }
}

void CheckCredentials(Section& section) {
  const SourceLocation username = section.Find("username");
  const SourceLocation literal = section.Find("password");
  const SourceLocation file = section.Find("password_file");
  if (literal.given && file.given) {
    section.Mistake(file, "expected either password or password_file, not both");
  }
  const SourceLocation& password = literal.given ? literal : file;
  if (password.given && !username.given) {
    section.Mistake(password, "expected a username beside it");
  }
  if (username.given && !password.given) {
    section.Mistake(username, "expected password or password_file beside it");
  }
}

void CheckToken(Section& section) {
  const SourceLocation literal = section.Find("token");
  const SourceLocation file = section.Find("token_file");
  if (literal.given && file.given) {
    section.Mistake(file, "expected either token or token_file, not both");
  }
  const SourceLocation& token = literal.given ? literal : file;
  if (token.given && section.Find("username").given) {
    section.Mistake(token, "expected either a token or a username, not both");
  }
}

void DeclareCredentials(Section& section, BackendConfig& backend) {
  section.Value({.key = "username",
                 .sentence = "Who the relay is to the backend; goes with a password.",
                 .example = "relay"},
                backend.username, SomeText("the name of a user"));
  section.Value({.key = "password",
                 .sentence = "The password, from an environment variable.",
                 .example = "${INFLUX_PASSWORD}"},
                backend.password, SecretInEnvironment("password"));
  section.Value({.key = "password_file",
                 .sentence = "The password, from a file: it can be changed without a restart.",
                 .example = "/etc/influxdb-relay/influx-a.password"},
                backend.password, SecretInFile());
  section.Value({.key = "token",
                 .sentence = "A token instead of user and password, from an environment variable.",
                 .example = "${INFLUX_TOKEN}"},
                backend.token, SecretInEnvironment("token"));
  section.Value({.key = "token_file",
                 .sentence = "The token, from a file: it can be changed without a restart.",
                 .example = "/etc/influxdb-relay/influx-a.token"},
                backend.token, SecretInFile());
  CheckCredentials(section);
  CheckToken(section);
}

void DeclareTls(Section& section, BackendTls& tls) {
  section.Value({.key = "ca",
                 .sentence = "Certificates of the CAs to trust, as PEM; without it the system's.",
                 .example = "/etc/influxdb-relay/ca.pem"},
                tls.ca, SomeText("the path of a file"));
  section.Value({.key = "cert",
                 .sentence = "The relay's own certificate, if the backend asks for one, as PEM.",
                 .example = "/etc/influxdb-relay/client.pem"},
                tls.cert, SomeText("the path of a file"));
  section.Value({.key = "key",
                 .sentence = "The key of that certificate, as PEM.",
                 .example = "/etc/influxdb-relay/client.key"},
                tls.key, SomeText("the path of a file"));
  section.Value({"insecure_skip_verify", "Whether any certificate of the backend will do."},
                tls.insecure_skip_verify, YesOrNo());
  const SourceLocation cert = section.Find("cert");
  const SourceLocation key = section.Find("key");
  if (cert.given && !key.given) section.Mistake(cert, "expected key beside it");
  if (key.given && !cert.given) section.Mistake(key, "expected cert beside it");
}

void CheckApi(Section& section, const BackendConfig& backend) {
  if (backend.api != Api::kV2) Refuse(section, {"org"}, "expected only with api: v2");
  if (backend.api == Api::kV1) Refuse(section, {"bucket"}, "expected only with api: v2 or v3");
  if (backend.api == Api::kV2) {
    Refuse(section, {"create_databases"}, "expected only with api: v1 or v3");
  }
}

// What packets cannot carry, and what only packets have.
void CheckScheme(Section& section, const BackendConfig& backend) {
  const bool tls_set = !backend.tls.ca.empty() || !backend.tls.cert.empty() ||
                       !backend.tls.key.empty() || backend.tls.insecure_skip_verify;
  if (tls_set && !backend.url.tls) Refuse(section, {"tls"}, "expected only with an https:// URL");
  if (!backend.url.udp) return Refuse(section, {"mtu", "precision"}, "expected only with udp://");
  Refuse(section,
         {"api", "org", "bucket", "username", "password", "password_file", "token", "token_file",
          "connect_timeout", "write_timeout", "compress", "create_databases"},
         "expected only with http:// or https://");
}

}  // namespace

void DeclareTarget(Section& section, BackendConfig& backend) {
  section.Value({.key = "url", .sentence = "Where its InfluxDB listens.", .required = true},
                backend.url, TargetUrl());
  section.Value({"api", "The API it is written to: /write, /api/v2/write or /api/v3/write_lp."},
                backend.api, OneOf<Api>({{"v1", Api::kV1}, {"v2", Api::kV2}, {"v3", Api::kV3}}));
  section.Value({.key = "org", .sentence = "The organisation, for v2.", .example = "my-org"},
                backend.org, SomeText("the name of an organisation"));
  section.Value({.key = "bucket",
                 .sentence = "The name of the v2 bucket or v3 database to write to, with "
                             "{database} and {retention_policy} filled in. Without it "
                             "database/policy, or the database alone where a write names no "
                             "policy.",
                 .example = "\"{database}\""},
                backend.bucket, SomeText("the name of a bucket"));
  DeclareCredentials(section, backend);
  section.Map({"tls", "For an https:// URL."}, [&](Section& tls) { DeclareTls(tls, backend.tls); });
  section.Value({"connect_timeout", "How long connecting to each of its addresses may take."},
                backend.connect_timeout, TimeBetween(milliseconds(100), minutes(10)));
  section.Value(
      {"write_timeout",
       "How long it may take no more of a request's bytes. Shorter than timeout, it tells a "
       "backend that is gone from one that is slow to answer."},
      backend.write_timeout, TimeBetween(milliseconds(100), minutes(10)));
  section.Value({"timeout", "How long one attempt may take, from connecting to the whole answer."},
                backend.timeout, TimeBetween(milliseconds(100), minutes(10)));
  section.Value({"compress", "How bodies are compressed on the wire; worth it on a slow one."},
                backend.gzip, OneOf<bool>({{"none", false}, {"gzip", true}}));
  section.Value({"create_databases",
                 "Whether a database (and a retention policy, one that keeps for ever) that is "
                 "missing there is created."},
                backend.create_databases, YesOrNo());
  section.Value({.key = "mtu",
                 .sentence = "The most bytes in one packet, for udp://. 1024B if not given.",
                 .example = "1024B"},
                backend.mtu, SizeBetween(64_B, Bytes(65'507)));
  section.Value({.key = "precision",
                 .sentence = "The unit of the timestamps that the backend reads from packets, for "
                             "udp://. ns if not given.",
                 .example = "ns"},
                backend.udp_precision,
                OneOf<Precision>(PrecisionWords(PrecisionDialect::kSettings)));
  CheckApi(section, backend);
  CheckScheme(section, backend);
}

}  // namespace relay
