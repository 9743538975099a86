#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>
#include <system_error>
#include <tuple>

#include "config/legacy/toml.h"
#include "config/schema/endpoint.h"
#include "config/schema/reference_yaml.h"
#include "config/schema/section.h"
#include "config/schema/value_format.h"
#include "config/schema/write_yaml.h"
#include "config/settings/backend.h"
#include "config/settings/checkpoints.h"
#include "config/settings/http.h"
#include "config/settings/jetstream.h"
#include "config/settings/lines.h"
#include "config/settings/routing.h"
#include "config/settings/webhook.h"

namespace relay {
namespace {

// Room for some thousand backends; a larger file is the wrong file.
constexpr std::size_t kFileSizeMax = 1U << 20U;

constexpr std::string_view kPreface =
    "# InfluxDB Relay: every setting with its default. Settings left out keep their\n"
    "# defaults; only backends are required, those below are examples.\n";

constexpr Bytes kDiskMost = Bytes(1ULL << 50U);

void DeclareDeadLetters(Section& section, LogConfig& log) {
  section.Map(
      {"dead_letters",
       "The budget of dead letters, of all backends together. Beyond it the oldest are removed "
       "and listed in the gap ledger: points that no backend accepts must not stop the others."},
      [&log](Section& dead) {
        dead.Value({.key = "up_to",
                    .description = "Their size as stored. Default: a tenth of max_size, or of the "
                                   "file system if that is smaller.",
                    .example = "6GiB"},
                   log.dead_up_to, OrNone(SizeBetween(1_MiB, kDiskMost)));
        dead.Value({.key = "for",
                    .description = "The time since they were refused. Default: any time, as an old "
                                   "dead letter may be the only copy of its points.",
                    .example = "2160h"},
                   log.dead_for,
                   OrNone(TimeBetween(std::chrono::hours(1), std::chrono::hours(24 * 3650))));
      });
}

void DeclareLog(Section& section, LogConfig& log) {
  section.Value({"path", "The directory where accepted writes are kept until they are delivered."},
                log.path, SomeText("the path of a directory"));
  section.Value(
      {"codec",
       "How lines are compressed on disk. lp: as columns of values, smaller than with "
       "zstd if lines are alike; where it gains nothing, zstd is used and lp tried again later."},
      log.codec,
      OneOf<Codec>({{"zstd", Codec::kZstd}, {"lp", Codec::kColumns}, {"none", Codec::kNone}}));
  section.Value(
      {"max_size",
       "The most disk space the directory may use. When it is reached, delivered records kept "
       "for a rewind are deleted first, then `when_full` applies."},
      log.max_size, SizeBetween(1_GiB, kDiskMost));
  section.Value({.key = "min_free",
                 .description = "Space to leave free on the file system; a limit like max_size. "
                                "Default: a tenth of the file system, 2GiB at most.",
                 .example = "2GiB"},
                log.min_free, OrNone(SizeBetween(0_B, kDiskMost)));
  section.Value(
      {"when_full",
       "refuse: writes get 503 until there is room again. drop_oldest: the oldest undelivered "
       "records are dropped and listed in the gap ledger."},
      log.when_full,
      OneOf<WhenFull>({{"refuse", WhenFull::kRefuse}, {"drop_oldest", WhenFull::kDropOldest}}));
  section.Map(
      {"keep_delivered",
       "How long delivered records are kept for a rewind: the first limit reached applies."},
      [&log](Section& keep) {
        keep.Value({"for", "The time since they were accepted."}, log.keep_for,
                   TimeBetween(std::chrono::milliseconds(0), std::chrono::hours(24 * 365)));
        keep.Value({"up_to", "Their size as stored, per backend."}, log.keep_up_to,
                   SizeBetween(0_B, kDiskMost));
      });
  DeclareDeadLetters(section, log);
  section.Value(
      {.key = "checkpoint_dir",
       .description =
           "The directory for copies made by `checkpoint`, on the same file system and used by "
           "this relay only. Default: `checkpoints` in path.",
       .example = "/var/lib/influxdb-relay/checkpoints"},
      log.checkpoint_dir, SomeText("the path of a directory"));
  section.Map({"checkpoints",
               "Checkpoints that the relay makes by itself, copies to another disk or hands to a "
               "command, and deletes."},
              [&log](Section& plan) { DeclareCheckpoints(plan, log.checkpoints); });
  DeclareEngine(section, log);
}

void DeclareAdmin(Section& section, AdminConfig& admin) {
  section.Value(
      {"address",
       "The address to listen on. Unless it is a loopback address, changes require token_file."},
      admin.address, AddressAndPort());
  section.Value({.key = "path_prefix",
                 .description = "A prefix under which its paths, the dashboard's too, are also "
                                "found, for a proxy that keeps the prefix.",
                 .example = "/relay"},
                admin.path_prefix, UrlPathPrefix());
  section.Value({.key = "token_file",
                 .description = "The operators' token: required for every change.",
                 .example = "/etc/influxdb-relay/admin.token"},
                admin.token, SecretInFile());
  section.Value(
      {.key = "read_token_file",
       .description =
           "A token that only allows reading; required, like token_file, unless the address is a "
           "loopback address.",
       .example = "/etc/influxdb-relay/read.token"},
      admin.read_token, SecretInFile());
  section.Values({.key = "replay_targets",
                  .description = "URLs, besides the backends, to which a manual replay may send.",
                  .example = "[http://10.0.0.3:8086]"},
                 admin.replay_targets, TargetUrl());
}

void DeclareBatch(Section& section, BatchConfig& batch) {
  section.Value({"max_points", "The most points in one request."}, batch.max_points,
                CountBetween(1, 1'000'000));
  section.Value({"max_bytes", "The largest body of one request."}, batch.max_bytes,
                SizeBetween(1_KiB, 64_MiB));
}

void DeclareRate(Section& section, RateConfig& rate) {
  section.Value({"points_per_second", "0: no limit."}, rate.points_per_second,
                CountBetween(0, 1'000'000'000));
  section.Value({"bytes_per_second", "Bytes of line protocol; 0B: no limit."},
                rate.bytes_per_second, SizeBetween(0_B, 1024_GiB));
}

void DeclareBackend(Section& section, BackendConfig& backend) {
  section.Value(
      {.key = "name",
       .description =
           "The identity of the backend: a new name makes it a new backend with an empty queue.",
       .required = true},
      backend.name, BackendName());
  DeclareTarget(section, backend);
  section.Map({"batch", "The size of requests when there is a backlog."},
              [&](Section& batch) { DeclareBatch(batch, backend.batch); });
  section.Value(
      {"concurrency",
       "The most requests at once, each for a different database and retention policy: within "
       "one, order is kept."},
      backend.concurrency, CountBetween(1, 64));
  section.Map(
      {"rate",
       "The most data sent to the backend while it catches up, so as not to overload it. "
       "Exceeded only when more than this comes in, so that it cannot fall behind for ever."},
      [&](Section& rate) { DeclareRate(rate, backend.rate); });
  DeclareRouting(section, backend.only, backend.except);
  if (!backend.only.empty() && backend.only == backend.except) {
    section.AddError(section.Find("except"), "expected something else than only: nothing is left");
  }
  DeclareRenames(section, backend.renames);
  if (backend.url.udp && section.Find("rename").given) {
    section.AddError(section.Find("rename"), "expected only with http:// or https://");
  }
  section.Value(
      {"max_age",
       "How long ago a record may have been accepted by the relay to be still worth delivering; "
       "older ones are dropped, with an entry in the gap ledger. The times of points do not "
       "count. Records that an operator holds, and statements, are kept."},
      backend.max_age, AgeOrNone(std::chrono::seconds(1)));
}

struct Listener {
  SourceLocation where;
  ListenAddress address;
};

// Follows the order of the file, so that the error is reported at the later of two.
void RefuseOverlaps(Section& section, std::vector<Listener> listeners) {
  std::stable_sort(listeners.begin(), listeners.end(), [](const Listener& a, const Listener& b) {
    return std::tie(a.where.line, a.where.column) < std::tie(b.where.line, b.where.column);
  });
  for (auto later = listeners.begin(); later != listeners.end(); ++later) {
    const auto clash = std::find_if(listeners.begin(), later, [&](const Listener& earlier) {
      return Overlap(earlier.address, later->address);
    });
    if (clash == later) continue;
    section.AddError(later->where, fmt::format("expected an address of its own: {} is taken by {}",
                                               ToString(clash->address), clash->where.setting));
  }
}

void DeclareLineListeners(Section& root, Config& config, ListenerBackends& routes,
                          std::vector<Listener>& listeners) {
  std::vector<Listener> udp_listeners;  // Ports of their own.
  root.List(
      {.key = "tcp",
       .description = "Listeners for newline-delimited line protocol over TCP; none by default.",
       .off = true},
      config.tcp, [&](Section& section, TcpListenerConfig& tcp) {
        DeclareTcp(section, tcp);
        routes.Declare(section, tcp.backends);
        listeners.push_back({section.Find("address"), tcp.address});
      });
  root.List({.key = "udp",
             .description = "Listeners for line protocol in UDP packets; none by default.",
             .off = true},
            config.udp, [&](Section& section, UdpListenerConfig& udp) {
              DeclareUdp(section, udp);
              routes.Declare(section, udp.backends);
              udp_listeners.push_back({section.Find("address"), udp.address});
            });
  RefuseOverlaps(root, std::move(udp_listeners));
}

// Where each HTTP listener says what becomes of queries.
using QueryLocations = std::vector<SourceLocation>;

void DeclareListeners(Section& root, Config& config, ListenerBackends& routes,
                      QueryLocations& queries) {
  std::vector<Listener> listeners;
  root.List({.key = "http",
             .description = "The listeners for writes, in InfluxDB's HTTP API; [] for none.",
             .may_be_empty = true},
            config.http, [&](Section& section, HttpListenerConfig& http) {
              DeclareHttp(section, http);
              routes.Declare(section, http.backends);
              queries.push_back(section.Find("queries"));
              listeners.push_back({section.Find("address"), http.address});
            });
  DeclareLineListeners(root, config, routes, listeners);
  if (config.http.empty() && config.tcp.empty() && config.udp.empty()) {
    root.AddError(root.Find("http"), "expected a listener for writes: http, tcp or udp");
  }
  root.Map({"admin", "The listener for dashboard, metrics, health and control."},
           [&](Section& section) {
             DeclareAdmin(section, config.admin);
             listeners.push_back({section.Find("address"), config.admin.address});
           });
  RefuseOverlaps(root, std::move(listeners));
}

void DeclareBackends(Section& root, Config& config) {
  std::set<BackendId> names;
  root.List({.key = "backends",
             .description = "The databases that every accepted write is delivered to.",
             .required = true},
            config.backends, [&](Section& section, BackendConfig& backend) {
              DeclareBackend(section, backend);
              const SourceLocation name = section.Find("name");
              if (names.insert(backend.name).second || !name.given) return;
              section.AddError(name, fmt::format("expected a name of its own: {} is taken",
                                                 backend.name.text()));
            });
}

// Refuses listeners that route queries and have no backend to route them to.
void CheckQueries(Section& root, const Config& config, const QueryLocations& queries) {
  for (std::size_t i = 0; i < queries.size() && i < config.http.size(); ++i) {
    const HttpListenerConfig& http = config.http[i];
    if (!http.routes_queries) continue;
    const bool has_one = std::any_of(
        config.backends.begin(), config.backends.end(), [&http](const BackendConfig& backend) {
          const bool is_listed =
              http.backends.empty() || std::find(http.backends.begin(), http.backends.end(),
                                                 backend.name) != http.backends.end();
          return is_listed && backend.can_be_queried();
        });
    if (has_one) continue;
    root.AddError(queries[i],
                  "expected a backend of the listener that can be queried: with api: v1, v2 or v3, "
                  "and not with queries: false");
  }
}

void DeclarePolicies(Section& root, Config& config) {
  root.List(
      {.key = "retention_policies",
       .description = "How long retention policies keep points, for backends that create "
                      "missing ones (create_databases). One that is not named here is "
                      "created as another InfluxDB 1.x among the backends has it, else "
                      "without expiry.",
       .off = true},
      config.retention_policies, [](Section& section, RetentionPolicyConfig& policy) {
        section.Value({"database", "Its database; \"\": every one."}, policy.database, AnyText());
        section.Value({.key = "name", .description = "Its name.", .required = true}, policy.name,
                      SomeText("the name of a retention policy"));
        section.Value(
            {.key = "duration", .description = "The age that points expire at.", .required = true},
            policy.duration, PolicyDuration());
        section.Value({.key = "shard_duration",
                       .description = "The time that one shard covers; without it the "
                                      "server chooses.",
                       .example = "1d"},
                      policy.shard_duration, PolicyDuration());
      });
}

void Declare(Section& root, Config& config) {
  root.Map({"log", "The durable log."}, [&](Section& log) { DeclareLog(log, config.log); });
  ListenerBackends routes;
  QueryLocations queries;
  DeclareListeners(root, config, routes, queries);
  DeclareLimits(root, config);
  root.Map({"webhook",
            "Posts to a URL when a state changes: a backend fails, makes no progress, diverged or "
            "is well again; the log fails, or is 80, 90 or 95 % full; dead letters appear."},
           [&](Section& section) { DeclareWebhook(section, config.webhook); });
  DeclareUnrouted(root, config.unrouted);
  DeclareBackends(root, config);
  DeclarePolicies(root, config);
  routes.Check(root, config.BackendNames());
  CheckQueries(root, config, queries);
}

BackendConfig ExampleBackend(std::string_view name, std::string host) {
  BackendConfig backend{.name = BackendId::Parse(name).value()};
  backend.url.host = std::move(host);
  backend.renames = {{.from = {.database = "metrics"}, .to = {.database = "metrics_eu"}}};
  return backend;
}

// Returns the defaults, with examples for settings that have none.
Config Start() {
  Config config;
  config.http.push_back({.users = {{.name = "telegraf"}}});
  config.tcp.push_back({.database = "telegraf"});
  config.udp.push_back({.database = "telegraf"});
  config.retention_policies = {{.database = "", .name = "month", .duration = "30d"}};
  config.backends = {ExampleBackend("influx-a", "10.0.0.1"),
                     ExampleBackend("influx-b", "10.0.0.2")};
  return config;
}

// "${PASSWORD_OF_INFLUX_A}".
std::string VariableFor(const BackendId& backend) {
  std::string name = "PASSWORD_OF_" + backend.text();
  for (char& c : name) {
    if (c == '-') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

// Removes passwords written in the configuration itself: they must not be copied into another file.
void TakeOutSecrets(Config& config) {
  for (BackendConfig& backend : config.backends) {
    const auto& password = backend.password;
    if (!password || !password->file().empty() || !password->variable().empty()) continue;
    const std::string variable = VariableFor(backend.name);
    backend.password = SecretSource::FromEnvironment(variable);
    config.notes.push_back(fmt::format(
        "backends: the password of {} is not written here: set {}, or use password_file",
        backend.name.text(), variable));
  }
}

// Formats comment lines, broken between words, the first with a dash.
std::string Comment(std::string_view text) {
  constexpr std::size_t kWidth = 76;
  std::string lines;
  while (!text.empty()) {
    std::size_t cut = text.size() <= kWidth ? text.size() : text.rfind(' ', kWidth);
    if (cut == std::string_view::npos || cut == 0) cut = std::min(text.find(' ', 1), text.size());
    lines += fmt::format("# {} {}\n", lines.empty() ? "-" : " ", text.substr(0, cut));
    text.remove_prefix(std::min(cut + 1, text.size()));
  }
  return lines;
}

// Tells the two forms apart: the original's begins with [[http]] or [[udp]].
bool IsLegacyToml(const std::string& text, const std::string& path) {
  if (path.ends_with(".toml") || path.ends_with(".conf")) return true;
  if (path.ends_with(".yaml") || path.ends_with(".yml")) return false;
  std::size_t at = text.find_first_not_of(" \t\r\n");
  while (at != std::string::npos && text[at] == '#') {
    at = text.find('\n', at);
    at = text.find_first_not_of(" \t\r\n", at);
  }
  return at != std::string::npos && text.compare(at, 2, "[[") == 0;
}

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileSizeMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad() || (file.fail() && !file.eof())) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
    return Error(code, std::generic_category().message(errno));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileSizeMax) {
    return Error(ErrorCode::kInvalidInput, "expected a configuration of at most 1MiB");
  }
  return text;
}

}  // namespace

Result<Config> ParseConfig(const std::string& text, const std::string& name) {
  Config config = Start();
  Status read = ReadYaml(text, name, [&](Section& root) { Declare(root, config); });
  if (!read.ok()) return std::move(read).error();
  return config;
}

Result<ReadConfig> ReadWholeConfig(const std::string& path) {
  Result<std::string> text = ReadFile(path);
  if (!text.ok()) return std::move(text).error().Within(path);
  if (IsLegacyToml(text.value(), path)) {
    ASSIGN_OR_RETURN(Config config, ParseLegacyToml(text.value(), path));
    return ReadConfig{std::move(config), {}};
  }
  ReadConfig read{Start(), {}};
  read.reading = ReadWholeYaml(text.value(), [&](Section& root) { Declare(root, read.config); });
  return read;
}

Result<Config> LoadConfig(const std::string& path) {
  Result<std::string> text = ReadFile(path);
  if (!text.ok()) return std::move(text).error().Within(path);
  return IsLegacyToml(text.value(), path) ? ParseLegacyToml(text.value(), path)
                                          : ParseConfig(text.value(), path);
}

std::string ToYaml(Config config, const std::string& origin) {
  TakeOutSecrets(config);
  std::string yaml =
      fmt::format("# Converted from {}. Settings left out have their defaults.\n", origin);
  for (const std::string& note : config.notes) yaml += Comment(note);
  Config defaults = Start();
  return yaml + "\n" +
         WriteAsYaml([&](Section& root) { Declare(root, config); },
                     [&](Section& root) { Declare(root, defaults); });
}

std::string ReferenceYaml() {
  Config config = Start();
  return std::string(kPreface) + DescribeAsYaml([&](Section& root) { Declare(root, config); });
}

}  // namespace relay
