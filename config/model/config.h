// Everything an operator can set, as one value that was checked whole: holding
// a Config proves that every key was known, every unit right, every name
// unique and every reference resolved.
//
// Each setting is declared once, in config/load.cc and config/settings/, with its default and a
// sentence; the reference and the example file are made from there.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/schema/endpoint.h"
#include "wal/base/result.h"
#include "wal/base/secret.h"
#include "wal/base/types.h"
#include "wal/log.h"
#include "wal/record/record.h"

namespace relay {

struct LogConfig {
  std::string path = "/var/lib/influxdb-relay";
  Codec codec = Codec::kZstd;
  Bytes max_size = 64_GiB;  // On disk.
  Bytes min_free = 2_GiB;   // Left to others on the file system.
  WhenFull when_full = WhenFull::kRefuse;
  std::chrono::milliseconds keep_for = std::chrono::hours(24);  // Delivered records ...
  Bytes keep_up_to = 8_GiB;  // ... and for each backend at most this much of them, as stored.
  std::string checkpoint_dir = {};  // Empty: `checkpoints` in the path.

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

// A description of points: those that every list that is given has a glob for.
struct Selection {
  std::vector<std::string> databases = {};
  std::vector<std::string> retention_policies = {};
  std::vector<std::string> measurements = {};

  bool empty() const {
    return databases.empty() && retention_policies.empty() && measurements.empty();
  }

  friend bool operator==(const Selection&, const Selection&) = default;
};

// What becomes of points that no backend takes.
enum class Unrouted : std::uint8_t { kRefuse, kCount };

// Who may write. Has a password, a token or both.
struct UserConfig {
  std::string name;
  std::optional<SecretSource> password = {};
  std::optional<SecretSource> token = {};
  std::vector<std::string> databases = {};  // Empty: all.

  friend bool operator==(const UserConfig&, const UserConfig&) = default;
};

// Files, in PEM.
struct TlsConfig {
  std::string certificate;  // Empty: no TLS.
  std::string key;
  std::string client_ca;  // Empty: clients need no certificate.

  friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};

// What all listeners for writes share.
struct LimitsConfig {
  std::uint64_t connections = 20'000;
  std::uint64_t connections_per_address = 2'000;
  Bytes in_flight = 96_MiB;

  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

struct HttpListenerConfig {
  ListenAddress address{.host = "0.0.0.0", .port = 9096};
  std::string default_retention_policy;
  Bytes max_body = 25_MiB;               // Raw, and again inflated.
  std::vector<BackendId> backends = {};  // Empty: all.
  TlsConfig tls = {};
  std::vector<UserConfig> users = {};  // Empty: everybody may write.
  std::uint64_t ping_status = 204;     // What /ping is answered.
  bool log_statements = false;         // Of /query.
  bool pass_credentials = false;       // The clients' own, to backends without any.
  std::chrono::milliseconds head_time{10'000};
  std::chrono::milliseconds body_time{60'000};
  std::chrono::milliseconds idle_time{30'000};
  std::chrono::milliseconds consistency_timeout{5'000};

  friend bool operator==(const HttpListenerConfig&, const HttpListenerConfig&) = default;
};

// Newline-delimited line protocol over TCP.
struct TcpListenerConfig {
  ListenAddress address{.host = "0.0.0.0", .port = 8094};
  std::string database;
  std::string retention_policy = {};
  Precision precision = Precision::kNanosecond;
  std::uint64_t max_connections = 1'000;
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(10);
  std::vector<BackendId> backends = {};  // Empty: all.

  friend bool operator==(const TcpListenerConfig&, const TcpListenerConfig&) = default;
};

// Line protocol in UDP packets.
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
  std::optional<SecretSource> token = {};       // Of operators: needed to change something.
  std::optional<SecretSource> read_token = {};  // Enough to read.
  std::vector<BackendUrl> replay_targets = {};  // Where manual replays may go beside the backends.

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
  std::string cert = {};  // Goes with key.
  std::string key = {};
  bool insecure_skip_verify = false;

  friend bool operator==(const BackendTls&, const BackendTls&) = default;
};

struct BackendConfig {
  BackendId name;
  BackendUrl url = {};
  Api api = Api::kV1;
  std::string org = {};
  std::string bucket = {};    // As in replay/transport/target.h.
  std::string username = {};  // Empty: no credentials but a token are sent.
  std::optional<SecretSource> password = {};
  std::optional<SecretSource> token = {};  // Never beside a username.
  BackendTls tls = {};
  std::chrono::milliseconds connect_timeout{5'000};  // For each address.
  // For any more of a body to be taken; as it is, `timeout` comes first.
  std::chrono::milliseconds write_timeout = std::chrono::minutes(10);
  std::chrono::milliseconds timeout{10'000};  // For one whole attempt.
  bool gzip = false;
  bool create_databases = false;
  Bytes mtu{1024};  // These two for udp:// alone.
  Precision udp_precision = Precision::kNanosecond;
  BatchConfig batch = {};
  PointCount concurrency = 2;  // Requests at the same time.
  RateConfig rate = {};
  Selection only = {};    // Empty: everything.
  Selection except = {};  // Empty: nothing.

  bool has_credentials() const { return !username.empty() || token.has_value(); }

  friend bool operator==(const BackendConfig&, const BackendConfig&) = default;
};

struct Config {
  LogConfig log;
  std::vector<HttpListenerConfig> http;  // At least one of the three is there.
  LimitsConfig limits;
  std::vector<TcpListenerConfig> tcp;
  std::vector<UdpListenerConfig> udp;
  AdminConfig admin;
  std::vector<BackendConfig> backends;  // At least one.
  Unrouted unrouted = Unrouted::kRefuse;
  // What an original relay's file says that has another meaning here, or none.
  std::vector<std::string> notes = {};

  std::vector<BackendId> BackendNames() const;
  std::string WriteAddresses() const;  // Of all listeners for writes, for people.
};

}  // namespace relay
