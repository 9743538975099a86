#include "replay/transport/redirect.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "wal/base/ascii.h"

namespace relay {
namespace {

constexpr int kTemporary = 307;
constexpr int kPermanent = 308;
constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool IsPath(std::string_view text) {
  constexpr char kDelete = 0x7f;
  return text.starts_with('/') && !text.starts_with("//") &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == kDelete; });
}

bool TakeStart(std::string_view& text, std::string_view start) {
  if (!EqualIgnoringCase(text.substr(0, start.size()), start)) return false;
  text.remove_prefix(start.size());
  return true;
}

// Splits "host", "host:port" or "[host]:port". nullopt: it has another form.
std::optional<std::pair<std::string_view, std::uint16_t>> Split(std::string_view authority,
                                                                std::uint16_t default_port) {
  std::string_view host = authority.substr(0, authority.find(':'));
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
  } else {
    authority.remove_prefix(host.size());
  }
  if (authority.empty()) return std::pair(host, default_port);
  std::uint16_t port = 0;
  const char* end = authority.data() + authority.size();
  const auto parsed = std::from_chars(authority.data() + 1, end, port);
  if (authority.front() != ':' || parsed.ec != std::errc() || parsed.ptr != end)
    return std::nullopt;
  return std::pair(host, port);
}

// The same port, or from http to https; never back.
bool MayGo(const Peer& from, const Destination& to) {
  const bool upgraded = to.tls && !from.tls;
  return upgraded || (to.tls == from.tls.has_value() && to.port == from.port);
}

}  // namespace

std::optional<Destination> SameHostDestination(const Peer& from, const Reply& reply) {
  if (reply.http_status != kTemporary && reply.http_status != kPermanent) return std::nullopt;
  std::string_view rest = reply.location;
  rest = rest.substr(0, rest.find('#'));
  Destination to{.tls = from.tls.has_value(), .port = from.port};
  if (!rest.starts_with('/')) {
    to.tls = TakeStart(rest, "https://");
    if (!to.tls && !TakeStart(rest, "http://")) return std::nullopt;
    const std::size_t path_at = std::min(rest.find('/'), rest.size());
    const auto place = Split(rest.substr(0, path_at), to.tls ? kHttpsPort : kHttpPort);
    if (!place || !EqualIgnoringCase(place->first, from.host)) return std::nullopt;
    to.port = place->second;
    rest.remove_prefix(path_at);
  }
  if (!IsPath(rest) || !MayGo(from, to)) return std::nullopt;
  to.path = rest;
  return to;
}

}  // namespace relay
