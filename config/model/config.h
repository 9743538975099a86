// Everything an operator can set, validated as a whole: in a Config every key was known, every unit
// right, every name unique and every reference resolved.
//
// Each setting is declared once, in config/load.cc and config/settings/, with its default and a
// description; the reference and the example file are made from there.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/model/webhook.h"
#include "config/schema/endpoint.h"
#include "wal/base/result.h"
#include "wal/base/secret.h"
#include "wal/base/types.h"
#include "wal/log.h"
#include "wal/record/lane_rename.h"
#include "wal/record/record.h"

namespace relay {

// The engine that decides what is in the log, and in which order.
enum class LogEngine : std::uint8_t {
  kLocal,      // This relay alone.
  kJetStream,  // The relays that share it, by way of NATS JetStream.
};

// How relays share a log. The paths are of PEM files unless they say otherwise; empty: none.
struct JetStreamConfig {
  std::vector<std::string> servers = {};  // URLs; not empty with LogEngine::kJetStream.
  std::string log = "main";
  std::string relay = {};      // Empty: the host's name.
  std::string advertise = {};  // The URL of the admin port. Empty: by its address.
  std::string username = {};
  std::optional<SecretSource> password = {};
  std::string credentials_file = {};  // In NATS' form.
  std::string ca_file = {};
  std::string certificate_file = {};
  std::string key_file = {};
  int replicas = 3;
  Bytes max_bytes = 8_GiB;
  std::uint64_t copies = 2;
  bool copies_strict = false;
  std::chrono::milliseconds takeover{3'500};

  friend bool operator==(const JetStreamConfig&, const JetStreamConfig&) = default;
};

// Checkpoints that the relay makes by itself.
struct CheckpointPlan {
  std::chrono::milliseconds every{0};  // 0: none.
  std::uint64_t keep = 7;
  std::string to = {};                    // Empty: they stay in the checkpoint directory.
  std::vector<std::string> command = {};  // With arguments; empty: none. Not with `to`.
  std::chrono::milliseconds timeout = std::chrono::hours(1);  // For the command.

  friend bool operator==(const CheckpointPlan&, const CheckpointPlan&) = default;
};

struct LogConfig {
  LogEngine engine = LogEngine::kLocal;
  JetStreamConfig jetstream = {};
  std::string path = "/var/lib/influxdb-relay";
  Codec codec = Codec::kZstd;
  Bytes max_size = 64_GiB;  // On disk.
  // To leave free on the file system. nullopt: a tenth of it, 2 GiB at most.
  std::optional<Bytes> min_free = {};
  WhenFull when_full = WhenFull::kRefuse;
  std::chrono::milliseconds keep_for = std::chrono::hours(24);  // Delivered records: age limit,
  Bytes keep_up_to = 8_GiB;              // and size limit per backend, as stored.
  std::optional<Bytes> dead_up_to = {};  // nullopt: a tenth of what the log may take.
  std::optional<std::chrono::milliseconds> dead_for = {};  // nullopt: for any time.
  std::string checkpoint_dir = {};                         // Empty: `checkpoints` in `path`.
  CheckpointPlan checkpoints = {};

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

// Selects points: those that match a pattern (config/schema/name_pattern.h) of every list that is
// not empty. INVARIANT: each pattern can be parsed.
struct Selection {
  std::vector<std::string> databases = {};
  std::vector<std::string> retention_policies = {};
  std::vector<std::string> measurements = {};
  std::vector<std::string> tags = {};  // "TAG=PATTERN": one of those for each tag named here.

  bool empty() const {
    return databases.empty() && retention_policies.empty() && measurements.empty() && tags.empty();
  }

  friend bool operator==(const Selection&, const Selection&) = default;
};

// Handling of points that no backend accepts.
enum class Unrouted : std::uint8_t { kRefuse, kCount };

// A user who may write, with a password, a token or both.
struct UserConfig {
  std::string name;
  std::optional<SecretSource> password = {};
  std::optional<SecretSource> token = {};
  std::vector<std::string> databases = {};  // Empty: all.

  friend bool operator==(const UserConfig&, const UserConfig&) = default;
};

// Paths of PEM files.
struct TlsConfig {
  std::string certificate;  // Empty: no TLS.
  std::string key;
  std::string client_ca;  // Empty: clients need no certificate.

  friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};

// Limits shared by all listeners for writes, and by all backends.
struct LimitsConfig {
  std::uint64_t connections = 20'000;
  std::uint64_t connections_per_address = 2'000;
  Bytes in_flight = 96_MiB;
  Bytes read_ahead = 64_MiB;
  std::uint64_t queries = 256;
  std::uint64_t metric_databases = 0;

  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

struct HttpListenerConfig {
  ListenAddress address{.host = "0.0.0.0", .port = 9096};
  std::string path_prefix = {};  // Begins with a slash and ends without one; empty: none.
  std::string default_retention_policy;
  Bytes max_body = 25_MiB;  // Both received and decompressed.
  Bytes max_line = 1_MiB;
  std::vector<BackendId> backends = {};  // Empty: all.
  TlsConfig tls = {};
  std::vector<UserConfig> users = {};  // Empty: everybody may write.
  std::uint64_t ping_status = 204;     // The status code of /ping.
  bool log_statements = false;         // Statements sent to /query.
  bool refuses_creation = false;       // CREATE DATABASE that some backend would not get.
  bool pass_credentials = false;       // Clients' credentials, to backends that have none.
  std::chrono::milliseconds head_time{10'000};
  std::chrono::milliseconds body_time{60'000};
  std::chrono::milliseconds idle_time{30'000};
  bool honours_consistency = false;  // The parameter of v1 writes.
  std::chrono::milliseconds consistency_timeout{5'000};
  bool routes_queries = false;  // Queries go to a backend that is not behind by more than:
  std::chrono::milliseconds query_max_lag{30'000};
  std::chrono::milliseconds query_wait{5'000};              // For a write that a query must see.
  std::chrono::milliseconds query_timeout{5 * 60 * 1'000};  // Without a byte of an answer.

  friend bool operator==(const HttpListenerConfig&, const HttpListenerConfig&) = default;
};

// A listener for newline-delimited line protocol over TCP.
struct TcpListenerConfig {
  ListenAddress address{.host = "0.0.0.0", .port = 8094};
  std::string database;
  std::string retention_policy = {};
  Precision precision = Precision::kNanosecond;
  std::uint64_t max_connections = 1'000;
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(10);
  Bytes max_line = 1_MiB;
  std::vector<BackendId> backends = {};  // Empty: all.

  friend bool operator==(const TcpListenerConfig&, const TcpListenerConfig&) = default;
};

// A listener for line protocol in UDP packets.
struct UdpListenerConfig {
  ListenAddress address{.host = "0.0.0.0", .port = 8089};
  std::string database;
  std::string retention_policy = {};
  Precision precision = Precision::kNanosecond;
  Bytes read_buffer = 8_MiB;             // 0: the system's default.
  std::vector<BackendId> backends = {};  // Empty: all.

  friend bool operator==(const UdpListenerConfig&, const UdpListenerConfig&) = default;
};

struct AdminConfig {
  ListenAddress address{.host = "127.0.0.1", .port = 9097};
  std::string path_prefix = {};                 // Has the form of a listener's.
  std::optional<SecretSource> token = {};       // The operators' token: required for changes.
  std::optional<SecretSource> read_token = {};  // Sufficient for reading.
  std::vector<BackendUrl> replay_targets = {};  // Targets of manual replays besides the backends.

  friend bool operator==(const AdminConfig&, const AdminConfig&) = default;
};

struct BatchConfig {
  PointCount max_points = 10'000;
  Bytes max_bytes = 4_MiB;

  friend bool operator==(const BatchConfig&, const BatchConfig&) = default;
};

// 0: no limit.
struct RateConfig {
  PointCount points_per_second = 0;
  Bytes bytes_per_second{0};

  friend bool operator==(const RateConfig&, const RateConfig&) = default;
};

struct BackendTls {
  std::string ca = {};    // Paths of PEM files; empty: none, and the system's CAs.
  std::string cert = {};  // Requires `key`.
  std::string key = {};
  bool insecure_skip_verify = false;

  friend bool operator==(const BackendTls&, const BackendTls&) = default;
};

struct BackendConfig {
  BackendId name;
  BackendUrl url = {};
  Api api = Api::kV1;
  std::string org = {};
  std::string bucket = {};  // See replay/transport/target.h.
  std::string write_path = "/api/v1/write";
  std::string username = {};  // Empty: a token or no credentials.
  std::optional<SecretSource> password = {};
  std::optional<SecretSource> token = {};  // Excludes a username.
  BackendTls tls = {};
  std::chrono::milliseconds connect_timeout{5'000};  // Per address.
  // The limit for a backend that accepts no bytes of a request. By default `timeout` ends earlier.
  std::chrono::milliseconds write_timeout = std::chrono::minutes(10);
  std::chrono::milliseconds timeout{10'000};  // For one attempt as a whole.
  bool gzip = false;
  bool follow_redirects = false;  // On the same host.
  bool create_databases = false;
  bool watermarks = true;
  bool rewinds_diverged = false;            // By itself, when it lacks what it had.
  bool unknown_refusals_are_final = false;  // Their lines become dead letters, else they wait.
  Bytes mtu{1024};                          // This and `precision`: for udp:// only.
  Precision udp_precision = Precision::kNanosecond;
  BatchConfig batch = {};
  PointCount concurrency = 2;  // Concurrent requests.
  RateConfig rate = {};
  Selection only = {};    // Empty: everything.
  Selection except = {};  // Empty: nothing.
  std::vector<LaneRename> renames = {};
  // Records accepted longer ago are dropped instead of delivered; 0: none is.
  std::chrono::milliseconds max_age{0};

  bool takes_queries = true;  // Those of listeners that route them.

  bool has_credentials() const { return !username.empty() || token.has_value(); }

  // Returns whether its server has an API for queries that listeners may use.
  bool can_be_queried() const { return takes_queries && !url.udp && api != Api::kPrometheus; }

  friend bool operator==(const BackendConfig&, const BackendConfig&) = default;
};

// How long a retention policy keeps points, for backends that are to create it.
struct RetentionPolicyConfig {
  std::string database;  // Empty: every one.
  std::string name;
  std::string duration;  // In the form of InfluxQL: "30d", "INF".
  std::string shard_duration = {};

  friend bool operator==(const RetentionPolicyConfig&, const RetentionPolicyConfig&) = default;
};

struct Config {
  LogConfig log;
  std::vector<HttpListenerConfig> http;  // At least one of the three is not empty.
  LimitsConfig limits;
  std::vector<TcpListenerConfig> tcp;
  std::vector<UdpListenerConfig> udp;
  AdminConfig admin;
  WebhookConfig webhook = {};
  std::vector<BackendConfig> backends;  // At least one.
  std::vector<RetentionPolicyConfig> retention_policies = {};
  Unrouted unrouted = Unrouted::kRefuse;
  // Settings of an original relay's file that mean something else here, or nothing.
  std::vector<std::string> notes = {};

  std::vector<BackendId> BackendNames() const;
  std::string WriteAddresses() const;  // All listeners for writes, for display.
};

}  // namespace relay
