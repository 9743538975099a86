#include "relay/cli/admin_session.h"

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdlib>
#include <utility>

namespace relay {
namespace {

// What listens on every address is reached on the loopback one.
ListenAddress Reachable(const AdminConfig& admin) {
  ListenAddress reachable = admin.address;
  if (reachable.host == "0.0.0.0") reachable.host = "127.0.0.1";
  if (reachable.host == "::") reachable.host = "::1";
  return reachable;
}

httplib::Headers TokenFor(const AdminConfig& admin) {
  if (const char* token = std::getenv("INFLUXDB_RELAY_TOKEN"); token != nullptr) {
    return {{"Authorization", std::string("Bearer ") + token}};
  }
  for (const auto* source : {&admin.token, &admin.read_token}) {
    if (!source->has_value()) continue;
    const Result<Secret> secret = (*source)->Read();
    if (secret.ok()) return {{"Authorization", "Bearer " + secret.value().Reveal()}};
  }
  return {};
}

httplib::Client ClientFor(const ListenAddress& address) {
  constexpr std::chrono::seconds kConnect{5};
  constexpr std::chrono::seconds kAnswer{60};  // A change waits for the disk.
  httplib::Client client(fmt::format("http://{}", ToString(address)));
  client.set_connection_timeout(kConnect);
  client.set_read_timeout(kAnswer);
  return client;
}

ErrorCode CodeFor(int status) {
  switch (status) {
    case 400:
    case 401:
    case 403: return ErrorCode::kInvalidInput;
    case 404: return ErrorCode::kNotFound;
    case 409: return ErrorCode::kConflict;
    case 503: return ErrorCode::kFull;
    default: return ErrorCode::kIo;
  }
}

// The relay's own words, where the answer is one of a relay.
std::string WordsOf(const httplib::Response& answer) {
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (json.is_object() && json.contains("error") && json.at("error").is_string()) {
    return json.at("error").get<std::string>();
  }
  return fmt::format("answered {}: {}", answer.status, answer.body);
}

Result<std::string> BodyOf(const httplib::Result& answer, const ListenAddress& address) {
  if (!answer) {
    return Error(ErrorCode::kUnavailable, fmt::format("no relay answers at {}", ToString(address)));
  }
  if (answer->status == 200) return answer->body;
  return Error(CodeFor(answer->status), WordsOf(*answer));
}

}  // namespace

Result<std::string> GetFromAdmin(const AdminConfig& admin, const std::string& path) {
  const ListenAddress address = Reachable(admin);
  httplib::Client client = ClientFor(address);
  return BodyOf(client.Get(path, TokenFor(admin)), address);
}

Result<std::string> PostToAdmin(const AdminConfig& admin, const std::string& path,
                                const std::string& body) {
  const ListenAddress address = Reachable(admin);
  httplib::Client client = ClientFor(address);
  return BodyOf(client.Post(path, TokenFor(admin), body, "application/json"), address);
}

}  // namespace relay
