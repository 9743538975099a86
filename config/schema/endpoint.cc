#include "config/schema/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace relay {
namespace {

constexpr std::size_t kHostNameSizeMax = 253;
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHostNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
constexpr std::string_view kPathCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/%:!$&'()*+,;=";

bool Only(std::string_view characters, std::string_view text) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

struct HostAndPort {
  std::string_view host;  // Without brackets.
  bool bracketed = false;
  std::optional<std::string_view> port;
};

// Accepts "host", "host:port", "[host]" and "[host]:port".
std::optional<HostAndPort> Split(std::string_view text) {
  HostAndPort parts;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    parts.host = text.substr(1, close - 1);
    parts.bracketed = true;
    text.remove_prefix(close + 1);
  } else {
    parts.host = text.substr(0, text.find(':'));
    text.remove_prefix(parts.host.size());
  }
  if (text.empty()) return parts;
  if (!text.starts_with(':')) return std::nullopt;
  parts.port = text.substr(1);
  return parts;
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || rest != end) return std::nullopt;
  return port;
}

// Returns the shortest form of a literal address; nullopt: not a literal address.
std::optional<std::string> Literal(const HostAndPort& parts) {
  const int family = parts.bracketed ? AF_INET6 : AF_INET;
  std::array<unsigned char, sizeof(in6_addr)> address{};
  std::array<char, INET6_ADDRSTRLEN> shortest{};
  if (inet_pton(family, std::string(parts.host).c_str(), address.data()) != 1) return std::nullopt;
  if (inet_ntop(family, address.data(), shortest.data(), shortest.size()) == nullptr) {
    return std::nullopt;
  }
  return shortest.data();
}

// A host whose last label is a number is an IPv4 address or a typing error, not a name.
bool IsHostName(std::string_view host) {
  if (host.empty() || host.size() > kHostNameSizeMax) return false;
  if (host.starts_with('.') || host.starts_with('-')) return false;
  if (host.find("..") != std::string_view::npos) return false;
  return Only(kHostNameCharacters, host) && !Only(kDigits, host.substr(host.rfind('.') + 1));
}

std::optional<std::string> ParseHost(const HostAndPort& parts) {
  if (auto literal = Literal(parts)) return literal;
  if (!parts.bracketed && IsHostName(parts.host)) return std::string(parts.host);
  return std::nullopt;
}

// Refuses the parts of a URL that a backend's must not have, and says where their content belongs.
// Any @ counts: a password may contain every other character.
Status RefuseParts(std::string_view text) {
  if (text.find('@') != std::string_view::npos) {
    return Expected("no user in the URL: use username and password, or token");
  }
  if (text.find('?') != std::string_view::npos) {
    return Expected(
        "no query in the URL: use username and password, or token, for credentials; "
        "a write brings its own parameters");
  }
  if (text.find('#') != std::string_view::npos) return Expected("no fragment (#) in the URL");
  return Ok();
}

Result<std::string> ParsePathPrefix(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (!Only(kPathCharacters, path)) return Expected(kUrlExpected);
  if (path.ends_with("/write")) return Expected("the URL without /write: the relay appends it");
  return std::string(path);
}

std::string JoinHostPort(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

bool IsAny(const ListenAddress& address) {
  return address.host.empty() || address.host == "0.0.0.0" || address.host == "::";
}

bool IsV6(const ListenAddress& address) {
  return address.host.find(':') != std::string::npos;
}

}  // namespace

Error Expected(std::string_view what) {
  return {ErrorCode::kInvalidInput, fmt::format("expected {}", what)};
}

std::string ToString(const ListenAddress& address) {
  return JoinHostPort(address.host, address.port);
}

std::string HostToBind(const std::string& host) {
  if (!host.empty()) return host;
  const int probe = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return "0.0.0.0";
  close(probe);
  return "::";
}

std::string ToString(const BackendUrl& url) {
  const std::string_view scheme = url.udp ? "udp" : url.tls ? "https" : "http";
  return fmt::format("{}://{}{}", scheme, JoinHostPort(url.host, url.port), url.path_prefix);
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  const auto parts = Split(text);
  const auto port = parts && parts->port ? ParsePort(*parts->port) : std::nullopt;
  if (!port) return Expected(kAddressExpected);
  if (text.starts_with(':')) return ListenAddress{.host = "", .port = *port};
  if (!parts->bracketed && IsHostName(parts->host)) {
    return Expected("an address, not a host name, as in 127.0.0.1:9096 or [::1]:9096");
  }
  auto host = Literal(*parts);
  if (!host) return Expected(kAddressExpected);
  return ListenAddress{.host = std::move(*host), .port = *port};
}

bool Overlap(const ListenAddress& a, const ListenAddress& b) {
  if (a.port == 0 || a.port != b.port) return false;
  if (a.host.empty() || b.host.empty()) return true;
  if (IsV6(a) != IsV6(b)) return false;
  return a.host == b.host || IsAny(a) || IsAny(b);
}

Result<BackendUrl> ParseBackendUrl(std::string_view text) {
  RETURN_IF_ERROR(RefuseParts(text));
  BackendUrl url;
  url.tls = text.starts_with("https://");
  url.udp = text.starts_with("udp://");
  if (!url.tls && !url.udp && !text.starts_with("http://")) return Expected(kUrlExpected);
  text.remove_prefix(text.find("//") + 2);

  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto parts = Split(text.substr(0, slash));
  auto host = parts ? ParseHost(*parts) : std::nullopt;
  if (!host) return Expected(kUrlExpected);
  url.host = std::move(*host);

  const auto port = parts->port ? ParsePort(*parts->port) : url.port;
  const bool left_out = url.udp && !parts->port;
  if (!port || *port == 0 || left_out) return Expected("a port from 1 to 65535 after the host");
  url.port = *port;

  auto path = ParsePathPrefix(text.substr(slash));
  if (!path.ok()) return std::move(path).error();
  url.path_prefix = std::move(path).value();
  if (url.udp && !url.path_prefix.empty()) return Expected("no path in a udp:// URL");
  return url;
}

}  // namespace relay
