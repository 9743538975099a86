#include "wal/order/nats_connection.h"

#if __has_include(<nats/nats.h>)

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace relay {
namespace {

// Without a leader nobody answers: to ask again soon finds the next one soon.
constexpr std::int64_t kAskWaitMs = 1'000;
constexpr std::int64_t kReconnectWaitMs = 200;
constexpr std::int64_t kConnectWaitMs = 2'000;
constexpr std::int64_t kPingMs = 2'000;

}  // namespace

NatsConnection::~NatsConnection() {
  if (context_ != nullptr) nats_.jsCtx_Destroy(context_);
  if (connection_ != nullptr) nats_.natsConnection_Destroy(connection_);
}

void NatsConnection::Close() {
  if (connection_ != nullptr) nats_.natsConnection_Close(connection_);
}

bool NatsConnection::IsRefused() const {
  // The library gives up only where a server that it has reached refuses it.
  return connection_ != nullptr && nats_.natsConnection_IsClosed(connection_);
}

Status NatsConnection::CheckMessages(std::size_t size) const {
  const std::int64_t most = nats_.natsConnection_GetMaxPayload(connection_);
  if (most <= 0) return Failed("asking for its max_payload", NATS_CONNECTION_DISCONNECTED);
  if (static_cast<std::uint64_t>(most) >= size) return Ok();
  return Error(ErrorCode::kInvalidInput,
               fmt::format("the servers of NATS take messages of at most {} bytes (max_payload): "
                           "expected at least {}; raise it on each of them",
                           most, size));
}

Error NatsConnection::Failed(std::string_view doing, natsStatus status) const {
  const char* last = nullptr;
  if (connection_ != nullptr) nats_.natsConnection_GetLastError(connection_, &last);
  std::string reason = last != nullptr && *last != '\0' ? fmt::format(": {}", last) : "";
  if (IsRefused()) {
    reason += "; a server refuses the user, password or certificate: correct it, and restart";
  }
  const bool is_connected = connection_ != nullptr &&
                            nats_.natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED;
  const std::string where =
      is_connected ? "" : fmt::format(" (not connected to {})", fmt::join(options_.servers, ", "));
  return {ErrorCode::kUnavailable,
          fmt::format("NATS{}, {}: {}{}", where, doing, nats_.natsStatus_GetText(status), reason)};
}

Status NatsConnection::SetOptions(natsOptions* options) const {
  std::vector<const char*> servers;
  for (const std::string& server : options_.servers) servers.push_back(server.c_str());
  const auto check = [this](std::string_view setting, natsStatus status) -> Status {
    if (status == NATS_OK) return Ok();
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("log.jetstream.{}: {}", setting, nats_.natsStatus_GetText(status)));
  };
  RETURN_IF_ERROR(check("servers", nats_.natsOptions_SetServers(options, servers.data(),
                                                                static_cast<int>(servers.size()))));
  nats_.natsOptions_SetName(options, "influxdb-relay");
  nats_.natsOptions_SetMaxReconnect(options, -1);
  nats_.natsOptions_SetReconnectWait(options, kReconnectWaitMs);
  nats_.natsOptions_SetTimeout(options, kConnectWaitMs);
  nats_.natsOptions_SetPingInterval(options, kPingMs);
  // Otherwise a thread of the library collects for a moment what is sent.
  nats_.natsOptions_SetSendAsap(options, true);
  // With a callback, connecting does not wait for a server.
  nats_.natsOptions_SetRetryOnFailedConnect(
      options, true, [](natsConnection*, void*) {}, nullptr);
  if (!options_.user.empty()) {
    const std::string password = options_.password ? options_.password->Reveal() : "";
    RETURN_IF_ERROR(check("username", nats_.natsOptions_SetUserInfo(options, options_.user.c_str(),
                                                                    password.c_str())));
  }
  if (!options_.credentials_file.empty()) {
    RETURN_IF_ERROR(check("credentials", nats_.natsOptions_SetUserCredentialsFromFiles(
                                             options, options_.credentials_file.c_str(), nullptr)));
  }
  if (!options_.ca_file.empty()) {
    nats_.natsOptions_SetSecure(options, true);
    RETURN_IF_ERROR(check(
        "tls.ca", nats_.natsOptions_LoadCATrustedCertificates(options, options_.ca_file.c_str())));
  }
  if (!options_.certificate_file.empty()) {
    RETURN_IF_ERROR(check(
        "tls.cert", nats_.natsOptions_LoadCertificatesChain(
                        options, options_.certificate_file.c_str(), options_.key_file.c_str())));
  }
  return Ok();
}

Status NatsConnection::Open() {
  natsOptions* options = nullptr;
  if (nats_.natsOptions_Create(&options) != NATS_OK) {
    return Error(ErrorCode::kInvalidInput, "NATS: no memory for its options");
  }
  Status set = SetOptions(options);
  natsStatus status = NATS_OK;
  if (set.ok()) status = nats_.natsConnection_Connect(&connection_, options);
  nats_.natsOptions_Destroy(options);
  RETURN_IF_ERROR(set);
  if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED) return Failed("connecting", status);
  jsOptions asking;
  nats_.jsOptions_Init(&asking);
  asking.Wait = kAskWaitMs;
  status = nats_.natsConnection_JetStream(&context_, connection_, &asking);
  return status == NATS_OK ? Ok() : Status(Failed("using JetStream", status));
}

Status NatsConnection::Subscribe(const std::string& subject,
                                 natsSubscription** subscription) const {
  natsStatus status =
      nats_.natsConnection_SubscribeSync(subscription, connection_, subject.c_str());
  if (status != NATS_OK) return Failed("subscribing", status);
  status = nats_.natsSubscription_SetPendingLimits(*subscription, -1, -1);
  return status == NATS_OK ? Ok() : Status(Failed("subscribing", status));
}

NatsMessage NatsConnection::NextMessage(natsSubscription* subscription,
                                        std::int64_t wait_ms) const {
  natsMsg* message = nullptr;
  const natsStatus status = nats_.natsSubscription_NextMsg(&message, subscription, wait_ms);
  return {status == NATS_OK ? message : nullptr, NatsMessageDeleter{&nats_}};
}

}  // namespace relay

#endif
