#include "relay/cli/admin_session.h"

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "config/load.h"
#include "relay/base/json_text.h"
#include "relay/cli/commands.h"
#include "relay/cli/confirm.h"
#include "relay/cli/log_directory.h"

namespace relay {
namespace {

// Replaces the wildcard address by loopback.
ListenAddress Reachable(const AdminConfig& admin) {
  ListenAddress reachable = admin.address;
  if (reachable.host.empty() || reachable.host == "0.0.0.0") reachable.host = "127.0.0.1";
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

// Returns the relay's error message; an answer without one as it is.
std::string MessageOf(const httplib::Response& answer) {
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
  return Error(CodeFor(answer->status), MessageOf(*answer));
}

Result<std::string> PostToAdmin(const AdminConfig& admin, const std::string& path,
                                const std::string& body) {
  const ListenAddress address = Reachable(admin);
  httplib::Client client = ClientFor(address);
  return BodyOf(client.Post(path, TokenFor(admin), body, "application/json"), address);
}

Result<AdminSession::Json> Parsed(const Result<std::string>& answer) {
  if (!answer.ok()) return Error(answer.error());
  auto json = AdminSession::Json::parse(answer.value(), nullptr, false);
  if (!json.is_object()) {
    return Error(ErrorCode::kIo, "cannot parse the relay's answer: " + answer.value());
  }
  return json;
}

int PrintRefusal(const AdminChange& change, const Error& error) {
  const int exit_code = PrintFailure(change.command.c_str(), error);
  if (error.code() == ErrorCode::kUnavailable && !change.if_unavailable.empty()) {
    fmt::print(stderr, "{}\n", change.if_unavailable);
  }
  return exit_code;
}

int PrintAnswer(const AdminSession::Json& answer, bool json) {
  if (json) {
    fmt::print("{}\n", answer.dump());
  } else {
    fmt::print("{}{}\n", answer.value("done", false) ? "done: " : "would ",
               answer.value("message", ""));
  }
  return kDone;
}

}  // namespace

Result<std::string> GetFromAdmin(const AdminConfig& admin, const std::string& path) {
  const ListenAddress address = Reachable(admin);
  httplib::Client client = ClientFor(address);
  return BodyOf(client.Get(path, TokenFor(admin)), address);
}

std::string CheckpointNamed(const std::string& directory) {
  if (directory.find('/') == std::string::npos) return directory;
  return std::filesystem::absolute(directory).lexically_normal().string();
}

Result<AdminSession> AdminSession::For(const std::string& config_path) {
  Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) return Error(ErrorCode::kInvalidInput, config.error().message());
  return AdminSession(std::move(config).value());
}

Result<AdminSession::Json> AdminSession::Get(const std::string& path) const {
  return Parsed(GetFromAdmin(config_.admin, path));
}

Result<AdminSession::Json> AdminSession::Post(const AdminChange& change, bool dry_run) const {
  Json body = Json::parse(change.body);
  body["by"] = LoginName();
  body["dry_run"] = dry_run;
  return Parsed(PostToAdmin(config_.admin, change.path, DumpJson(body)));
}

int AdminSession::Change(const AdminChange& change,
                         const std::function<int(const Json&)>& done) const {
  const Result<Json> plan = Post(change, true);
  if (!plan.ok()) return PrintRefusal(change, plan.error());
  if (change.dry_run) return PrintAnswer(plan.value(), change.json);
  const std::string description = plan.value().value("message", "");
  const bool sure = change.yes || !change.needs_consent;
  if (const int refused = AskConsent(change.command, description, sure); refused != kDone) {
    return refused;
  }
  const Result<Json> answer = Post(change, false);
  if (!answer.ok()) return PrintRefusal(change, answer.error());
  return done(answer.value());
}

int AdminSession::Change(const AdminChange& change) const {
  return Change(change, [&change](const Json& answer) { return PrintAnswer(answer, change.json); });
}

int PrintNoSession(const Error& error) {
  fmt::print(stderr, "{}\n", error.message());
  return kWrongUsage;
}

}  // namespace relay
