#include "relay/check/config_check.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "replay/net/tls.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

using Findings = std::vector<ConfigFinding>;

// ---------------------------------------------------------------- secrets and certificates

// `setting`: without "_file".
void CheckSecret(const std::optional<SecretSource>& source, const std::string& setting,
                 Findings& found) {
  if (!source) return;
  const Result<Secret> secret = source->Read();
  if (secret.ok()) return;
  const std::string file = source->file();
  // The relay runs as another user, who may be allowed to read it.
  const bool is_hidden = !file.empty() && access(file.c_str(), R_OK) != 0 && errno == EACCES;
  found.push_back({.setting = setting + (file.empty() ? "" : "_file"),
                   .expected = secret.error().message(),
                   .is_warning = is_hidden});
}

void CheckTls(const TlsOptions& tls, const std::string& setting, Findings& found) {
  const auto add = [&](std::string_view key, const std::string& expected) {
    found.push_back({.setting = fmt::format("{}.{}", setting, key), .expected = expected});
  };
  bool are_there = true;
  const std::array<std::pair<std::string_view, const std::string*>, 3> files{
      std::pair("ca", &tls.ca), std::pair("cert", &tls.cert), std::pair("key", &tls.key)};
  for (const auto& [key, path] : files) {
    if (path->empty() || access(path->c_str(), R_OK) == 0) continue;
    are_there = false;
    add(key, fmt::format("{}: {}", *path, std::generic_category().message(errno)));
  }
  if (!are_there) return;
  if (const Status usable = CheckTlsFiles({.ca = tls.ca, .cert = "", .key = ""}); !usable.ok()) {
    add("ca", usable.error().message());
  }
  const Status usable = CheckTlsFiles({.ca = "", .cert = tls.cert, .key = tls.key});
  if (!usable.ok()) add("key", usable.error().message() + " (is it the key of cert?)");
}

void CheckListeners(const Config& config, Findings& found) {
  for (std::size_t i = 0; i < config.http.size(); ++i) {
    const HttpListenerConfig& http = config.http[i];
    const std::string at = fmt::format("http[{}]", i);
    for (std::size_t u = 0; u < http.users.size(); ++u) {
      CheckSecret(http.users[u].password, fmt::format("{}.users[{}].password", at, u), found);
      CheckSecret(http.users[u].token, fmt::format("{}.users[{}].token", at, u), found);
    }
    Findings of_tls;
    CheckTls({.ca = http.tls.client_ca, .cert = http.tls.certificate, .key = http.tls.key},
             at + ".tls", of_tls);
    for (ConfigFinding& one : of_tls) {
      if (one.setting.ends_with(".ca")) one.setting = at + ".tls.client_ca";
      found.push_back(std::move(one));
    }
  }
  CheckSecret(config.admin.token, "admin.token", found);
  CheckSecret(config.admin.read_token, "admin.read_token", found);
  CheckSecret(config.webhook.token, "webhook.token_file", found);
  CheckSecret(config.webhook.url_file, "webhook.url_file", found);
}

// ---------------------------------------------------------------- directories and the disk

// Returns the directory itself, or the innermost one above it that exists.
fs::path Existing(const std::string& directory) {
  std::error_code failed;
  fs::path at = fs::absolute(directory, failed);
  while (!fs::exists(at, failed) && at.has_relative_path()) at = at.parent_path();
  return at;
}

void CheckDirectory(const std::string& directory, const std::string& setting, Findings& found) {
  const fs::path at = Existing(directory);
  std::error_code failed;
  std::string why;
  bool is_hidden = false;
  if (!fs::is_directory(at, failed)) {
    why = std::generic_category().message(ENOTDIR);
  } else if (access(at.c_str(), W_OK | X_OK) != 0) {
    is_hidden = errno == EACCES;
    why = std::generic_category().message(errno);
  }
  if (why.empty()) return;
  found.push_back(
      {.setting = setting,
       .expected = fmt::format("expected a directory that can be {}: {}: {}",
                               at == fs::absolute(directory, failed) ? "written to" : "made",
                               at.string(), why),
       .is_warning = is_hidden});
}

void CheckDisk(const LogConfig& log, Findings& found) {
  std::error_code failed;
  const fs::space_info space = fs::space(Existing(log.path), failed);
  if (failed || log.max_size <= Bytes(space.capacity)) return;
  constexpr std::uint64_t kMiB = 1U << 20U;
  found.push_back(
      {.setting = "log.max_size",
       .expected = fmt::format("expected at most {}MiB, the size of its file system: log.min_free "
                               "would stop writes long before",
                               space.capacity / kMiB)});
}

// ---------------------------------------------------------------- loops

using Addresses = std::set<std::string>;

std::string Numeric(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> text{};
  const int failed =
      getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  return failed != 0 ? "" : text.data();
}

Addresses AddressesOf(const std::string& host) {
  addrinfo* first = nullptr;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  Addresses all;
  if (getaddrinfo(host.c_str(), nullptr, &wanted, &first) != 0) return all;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(first, &freeaddrinfo);
  for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
    all.insert(Numeric(one->ai_addr, one->ai_addrlen));
  }
  return all;
}

Addresses OwnAddresses() {
  ifaddrs* first = nullptr;
  Addresses all;
  if (getifaddrs(&first) != 0) return all;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owned(first, &freeifaddrs);
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const int family = one->ifa_addr->sa_family;
    if (family == AF_INET) all.insert(Numeric(one->ifa_addr, sizeof(sockaddr_in)));
    if (family == AF_INET6) all.insert(Numeric(one->ifa_addr, sizeof(sockaddr_in6)));
  }
  return all;
}

bool IsEverywhere(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

// Returns whether what is sent to the URL arrives at the listener.
bool LeadsTo(const BackendUrl& url, const ListenAddress& listener, const Addresses& own) {
  if (url.port != listener.port) return false;
  const Addresses there = AddressesOf(url.host);
  if (!IsEverywhere(listener.host)) return there.contains(listener.host);
  return std::any_of(there.begin(), there.end(), [&own](const std::string& address) {
    return own.contains(address) || IsEverywhere(address);
  });
}

void CheckLoops(const Config& config, Findings& found) {
  const Addresses own = OwnAddresses();
  std::vector<std::pair<bool, ListenAddress>> listeners;  // With whether it is UDP.
  for (const HttpListenerConfig& http : config.http) listeners.emplace_back(false, http.address);
  for (const UdpListenerConfig& udp : config.udp) listeners.emplace_back(true, udp.address);
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    const BackendUrl& url = config.backends[i].url;
    for (const auto& [is_udp, listener] : listeners) {
      if (url.udp != is_udp || !LeadsTo(url, listener, own)) continue;
      found.push_back({.setting = fmt::format("backends[{}].url", i),
                       .expected = fmt::format("expected another server: {} is this relay's own "
                                               "listener, and each write would come back",
                                               ToString(listener))});
      break;
    }
  }
}

void CheckBackends(const Config& config, Findings& found) {
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    const BackendConfig& backend = config.backends[i];
    const std::string at = fmt::format("backends[{}]", i);
    CheckSecret(backend.password, at + ".password", found);
    CheckSecret(backend.token, at + ".token", found);
    CheckTls({.ca = backend.tls.ca, .cert = backend.tls.cert, .key = backend.tls.key}, at + ".tls",
             found);
  }
}

}  // namespace

std::vector<ConfigFinding> CheckAlone(const Config& config) {
  Findings found;
  const bool passes = std::any_of(config.http.begin(), config.http.end(),
                                  [](const auto& http) { return http.pass_credentials; });
  for (std::size_t i = 0; i < config.backends.size(); ++i) {
    const BackendConfig& backend = config.backends[i];
    if (backend.api != Api::kV2 || backend.has_credentials() || passes) continue;
    found.push_back({.setting = fmt::format("backends[{}].api", i),
                     .expected = "v2 without a token: InfluxDB 2 refuses such writes",
                     .is_warning = true});
  }
  return found;
}

std::vector<ConfigFinding> CheckOnThisMachine(const Config& config) {
  Findings found;
  CheckDirectory(config.log.path, "log.path", found);
  if (!config.log.checkpoint_dir.empty()) {
    CheckDirectory(config.log.checkpoint_dir, "log.checkpoint_dir", found);
  }
  CheckDisk(config.log, found);
  CheckSecret(config.log.jetstream.password, "log.jetstream.password", found);
  CheckListeners(config, found);
  CheckBackends(config, found);
  CheckLoops(config, found);
  return found;
}

}  // namespace relay
