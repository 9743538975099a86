#include "relay/admin/access.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace relay {
namespace {

constexpr std::string_view kBearer = "Bearer ";

std::string_view TokenIn(const HttpRequest& request) {
  const std::string_view header = request.Header("Authorization");
  return header.starts_with(kBearer) ? header.substr(kBearer.size()) : std::string_view();
}

bool Holds(const std::optional<SecretSource>& source, std::string_view token) {
  if (!source || token.empty()) return false;
  const Result<Secret> secret = source->Read();
  return secret.ok() && SameSecret(secret.value().Reveal(), token);
}

// Removes the port: "[::1]:9097" is "::1".
std::string_view WithoutPort(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

bool IsLiteralAddress(std::string_view host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const std::string text(host);
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

bool SendsJson(const HttpRequest& request) {
  std::string_view type = request.Header("Content-Type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type == "application/json";
}

bool IsOfThisSite(const HttpRequest& request) {
  const std::string_view site = request.Header("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none") return false;
  const std::string_view origin = request.Header("Origin");
  if (origin.empty()) return true;
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == request.Header("Host");
}

// Returns whether it is `curl -XPOST`: nothing is sent, and no browser sends it, which would say
// where it comes from.
bool IsEmptyByHand(const HttpRequest& request) {
  return request.body.empty() && request.Header("Content-Type").empty() &&
         request.Header("Origin").empty() && request.Header("Sec-Fetch-Site").empty();
}

std::optional<Refusal> CheckOrigin(const HttpRequest& request) {
  if (!IsOfThisSite(request)) return Refusal{403, "a page of another site cannot make changes"};
  if (SendsJson(request) || IsEmptyByHand(request)) return std::nullopt;
  return Refusal{415, "send changes with Content-Type: application/json"};
}

}  // namespace

bool SameSecret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const char mine = a.empty() ? '\0' : a[i % a.size()];
    difference |= static_cast<unsigned>(static_cast<unsigned char>(mine ^ b[i]));
  }
  return difference == 0;
}

bool IsAddressOrLocalhost(std::string_view host) {
  const std::string_view name = WithoutPort(host);
  return name == "localhost" || IsLiteralAddress(name);
}

bool IsLoopback(std::string_view host) {
  return host == "::1" || (host.starts_with("127.") && IsLiteralAddress(host));
}

Access::Access(const AdminConfig& admin)
    : loopback_(IsLoopback(admin.address.host)), operate_(admin.token), read_(admin.read_token) {}

std::optional<Refusal> Access::Check(const HttpRequest& request, Role role) const {
  if (role == Role::kProbe) return std::nullopt;
  const std::string_view host = request.Header("Host");
  if (!has_token() && !host.empty() && !IsAddressOrLocalhost(host)) {
    return Refusal{403,
                   "without admin.token_file, request this port by IP address or as localhost, not "
                   "by another name"};
  }
  if (role == Role::kOperate) {
    if (auto refused = CheckOrigin(request)) return refused;
  }
  return CheckToken(request, role);
}

std::optional<Refusal> Access::CheckToken(const HttpRequest& request, Role role) const {
  const std::string_view token = TokenIn(request);
  if (role == Role::kRead) {
    if (loopback_ || !has_token()) return std::nullopt;
    if (Holds(read_, token) || Holds(operate_, token)) return std::nullopt;
    return Refusal{401, "a token is required: Authorization: Bearer TOKEN"};
  }
  if (!operate_) {
    if (loopback_ && !read_) return std::nullopt;
    return Refusal{403, "changes over this port require a token: set admin.token_file"};
  }
  if (Holds(operate_, token)) return std::nullopt;
  if (Holds(read_, token)) return Refusal{403, "this token is read-only"};
  return Refusal{401, "the operators' token is required: Authorization: Bearer TOKEN"};
}

std::string Access::WhoIs(const HttpRequest& request) const {
  return fmt::format("{}, {}", operate_ ? "holder of the operators' token" : "unauthenticated",
                     request.client);
}

}  // namespace relay
