#include "relay/service/shared_order.h"

#include <string>
#include <utility>

#include "relay/base/host_name.h"
#include "wal/order/jetstream_order.h"

namespace relay {
namespace {

std::string NameOfThis() {
  std::string name = HostName();
  return name.empty() ? "relay" : name;
}

// Returns the URL of the admin port; empty: its address means nothing to other hosts.
std::string AdvertisedBy(const Config& config, const std::string& relay) {
  constexpr std::string_view kRelay = "{relay}";
  std::string url = config.log.jetstream.advertise;
  if (const std::size_t name = url.find(kRelay); name != std::string::npos) {
    url.replace(name, kRelay.size(), relay);
  }
  if (!url.empty()) return url;
  const std::string& host = config.admin.address.host;
  if (host.empty() || host == "0.0.0.0" || host == "::") return "";
  return "http://" + ToString(config.admin.address);
}

}  // namespace

Result<std::unique_ptr<Order>> OrderFor(const LogConfig& log, const Clock& clock) {
  if (log.engine == LogEngine::kLocal) return std::unique_ptr<Order>();
  const JetStreamConfig& from = log.jetstream;
  JetStreamOptions options{.servers = from.servers,
                           .log = from.log,
                           .replicas = from.replicas,
                           .size_max = from.max_bytes,
                           .user = from.username,
                           .password = {},
                           .credentials_file = from.credentials_file,
                           .ca_file = from.ca_file,
                           .certificate_file = from.certificate_file,
                           .key_file = from.key_file};
  if (from.password) {
    Result<Secret> password = from.password->Read();
    if (!password.ok()) return std::move(password).error().Within("log.jetstream.password");
    options.password = std::move(password).value();
  }
  return MakeJetStreamOrder(options, clock);
}

SharedLogOptions SharingFor(const Config& config, Order& order, Clock& clock) {
  const JetStreamConfig& from = config.log.jetstream;
  const std::string relay = from.relay.empty() ? NameOfThis() : from.relay;
  return {.order = &order,
          .clock = &clock,
          .relay = relay,
          .address = AdvertisedBy(config, relay),
          .takeover = from.takeover,
          .copies = from.copies,
          .copies_strict = from.copies_strict};
}

}  // namespace relay
