#include "config/settings/jetstream.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/schema/value_format.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTakeoverLeast{2'000};
constexpr milliseconds kTakeoverMost{60'000};
constexpr PointCount kCopiesMost = 16;
// Stands for the relay's name.
constexpr std::string_view kRelay = "{relay}";

// A subject and a stream are named by it.
bool IsName(std::string_view text) {
  constexpr std::size_t kLengthMax = 64;
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !text.empty() && text.size() <= kLengthMax &&
         std::all_of(text.begin(), text.end(), is_allowed);
}

ValueFormat<std::string> Name() {
  const std::string expects = "a name of at most 64 letters, digits, - and _";
  const auto parse = [expects](std::string_view text) -> Result<std::string> {
    if (IsName(text)) return std::string(text);
    return Error(ErrorCode::kInvalidInput, "expected " + expects);
  };
  return {expects, parse, [](const std::string& shown) { return shown; }};
}

// Credentials belong into settings of their own, not into the URL.
ValueFormat<std::string> ServerUrl() {
  const std::string expects = "a server of NATS: nats://HOST:PORT, or tls://HOST:PORT";
  const auto parse = [expects](std::string_view text) -> Result<std::string> {
    std::string_view rest = text;
    const std::size_t scheme = rest.find("://");
    const bool is_known = rest.starts_with("nats://") || rest.starts_with("tls://");
    if (scheme != std::string_view::npos) rest.remove_prefix(scheme + 3);
    // Only a host and a port can stand in a URL for UDP.
    const bool is_place = TargetUrl().parse("udp://" + std::string(rest)).ok();
    if (is_known && is_place) return std::string(text);
    return Error(ErrorCode::kInvalidInput, "expected " + expects);
  };
  return {expects, parse, [](const std::string& shown) { return shown; }};
}

ValueFormat<std::string> AdminUrl() {
  const std::string expects =
      "a URL: http://HOST:PORT or https://HOST:PORT, where {relay} stands for the relay's name";
  const auto parse = [expects](std::string_view text) -> Result<std::string> {
    std::string filled(text);
    if (const std::size_t name = filled.find(kRelay); name != std::string::npos) {
      filled.replace(name, kRelay.size(), "relay");
    }
    const bool is_web = text.starts_with("http://") || text.starts_with("https://");
    if (!is_web || !TargetUrl().parse(filled).ok()) {
      return Error(ErrorCode::kInvalidInput, "expected " + expects);
    }
    std::string url(text);
    while (url.ends_with('/')) url.pop_back();
    return url;
  };
  return {expects, parse, [](const std::string& shown) { return shown; }};
}

void DeclareCredentials(Section& section, JetStreamConfig& jetstream) {
  section.Value({.key = "username",
                 .description = "The user of the NATS servers; default: none.",
                 .example = "relay"},
                jetstream.username, SomeText("the name of a user"));
  section.Value({.key = "password",
                 .description = "The user's password, from an environment variable.",
                 .example = "${NATS_PASSWORD}"},
                jetstream.password, SecretInEnvironment("password"));
  section.Value({.key = "password_file",
                 .description = "The user's password, from a file.",
                 .example = "/etc/influxdb-relay/nats.password"},
                jetstream.password, SecretInFile());
  section.Value({.key = "credentials_file",
                 .description = "A credentials file of NATS (.creds), instead of a user.",
                 .example = "/etc/influxdb-relay/nats.creds"},
                jetstream.credentials_file, SomeText("the path of a file"));
  const SourceLocation user = section.Find("username");
  const SourceLocation file = section.Find("credentials_file");
  const SourceLocation written = section.Find("password");
  const SourceLocation password = written.given ? written : section.Find("password_file");
  if (user.given && file.given) {
    section.AddError(file, "expected either username or credentials_file, not both");
  }
  if (user.given != password.given) {
    section.AddError(user.given ? user : password,
                     "expected username and password (or password_file) together");
  }
}

void DeclareTlsFiles(Section& section, JetStreamConfig& jetstream) {
  section.Map({"tls", "TLS to the NATS servers; default: none."}, [&](Section& tls) {
    const ValueFormat<std::string> file = SomeText("the path of a PEM file");
    tls.Value({.key = "ca",
               .description = "The CA that has signed the servers' certificates.",
               .example = "/etc/influxdb-relay/nats-ca.crt"},
              jetstream.ca_file, file);
    tls.Value({.key = "cert",
               .description = "The relay's certificate, if the servers ask for one.",
               .example = "/etc/influxdb-relay/nats.crt"},
              jetstream.certificate_file, file);
    tls.Value({.key = "key",
               .description = "Its private key.",
               .example = "/etc/influxdb-relay/nats.key"},
              jetstream.key_file, file);
    const SourceLocation certificate = tls.Find("cert");
    const SourceLocation key = tls.Find("key");
    if (certificate.given != key.given) {
      tls.AddError(certificate.given ? certificate : key, "expected cert and key together");
    }
    if (certificate.given && !tls.Find("ca").given) {
      tls.AddError(certificate, "expected ca beside it");
    }
  });
}

void DeclareRelay(Section& section, JetStreamConfig& jetstream) {
  section.Value({"log", "The name of the log: relays with the same name share one."}, jetstream.log,
                Name());
  section.Value({.key = "relay",
                 .description = "The name of this relay; each has one of its own. Default: the "
                                "host's name.",
                 .example = "relay-a"},
                jetstream.relay, Name());
  section.Value({.key = "advertise",
                 .description = "The URL at which the other relays and their operators reach this "
                                "one's admin port; {relay} stands for the relay's name. Default: "
                                "admin.address, unless it is one that only this host knows.",
                 .example = "http://10.0.0.11:9097"},
                jetstream.advertise, AdminUrl());
}

}  // namespace

void DeclareEngine(Section& log, LogConfig& config) {
  log.Value({"engine",
             "local: the log is this relay's alone. jetstream: relays share one log by way of a "
             "cluster of NATS servers, and each keeps all of it in `path`."},
            config.engine,
            OneOf<LogEngine>({{"local", LogEngine::kLocal}, {"jetstream", LogEngine::kJetStream}}));
  log.Map({"jetstream", "How relays share the log; for engine: jetstream."}, [&](Section& section) {
    JetStreamConfig& jetstream = config.jetstream;
    section.Values(
        {.key = "servers",
         .description = "The servers of NATS, of 2.9 or later, with JetStream.",
         .example = "[nats://10.0.0.1:4222, nats://10.0.0.2:4222, nats://10.0.0.3:4222]"},
        jetstream.servers, ServerUrl());
    DeclareRelay(section, jetstream);
    DeclareCredentials(section, jetstream);
    DeclareTlsFiles(section, jetstream);
    section.Value({"replicas", "The servers that keep each message."}, jetstream.replicas,
                  OneOf<int>({{"1", 1}, {"3", 3}, {"5", 5}}));
    section.Value(
        {"max_bytes",
         "The size of the stream, which each server reserves on its disk. It keeps what a "
         "relay may still have to fetch."},
        jetstream.max_bytes, SizeBetween(64_MiB, Bytes(1ULL << 50U)));
    section.Value({"copies",
                   "The relays that have a write on their disks before it is answered, this one "
                   "included. If fewer are in sync, it is answered by those, and /readyz says so."},
                  jetstream.copies, CountBetween(1, kCopiesMost));
    section.Value(
        {"copies_strict", "true: writes get 503 while fewer than `copies` relays are in sync."},
        jetstream.copies_strict, OneOf<bool>({{"false", false}, {"true", true}}));
    section.Value(
        {"takeover",
         "A relay that gives no sign for so long is replaced by another one. The same for "
         "all relays."},
        jetstream.takeover, TimeBetween(kTakeoverLeast, kTakeoverMost));
    const SourceLocation servers = section.Find("servers");
    const bool has_servers = servers.given || !jetstream.servers.empty();
    if (config.engine == LogEngine::kJetStream && !has_servers) {
      section.AddError(servers, "expected the servers of NATS, as engine is jetstream");
    }
  });
}

}  // namespace relay
