#include "relay/cli/admin_session.h"

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include <array>
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

constexpr std::string_view kScheme = "http://";
constexpr int kElsewhereStatus = 307;

httplib::Headers TokenFor(const AdminTarget& admin) {
  const auto bearer = [](const std::string& token) {
    return httplib::Headers{{"Authorization", "Bearer " + token}};
  };
  if (admin.own_token) {
    const Result<Secret> secret = admin.own_token->Read();
    if (secret.ok()) return bearer(secret.value().Reveal());
    fmt::print(stderr, "{}\n", secret.error().message());
    return {};
  }
  if (const char* token = std::getenv("INFLUXDB_RELAY_TOKEN"); token != nullptr) {
    return bearer(token);
  }
  for (const auto* source : {&admin.token, &admin.read_token}) {
    if (!source->has_value()) continue;
    const Result<Secret> secret = (*source)->Read();
    if (secret.ok()) return bearer(secret.value().Reveal());
  }
  return {};
}

httplib::Client ClientFor(const std::string& relay) {
  constexpr std::chrono::seconds kConnect{5};
  constexpr std::chrono::seconds kAnswer{60};  // A change waits for the disk.
  httplib::Client client(relay);
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
    case 421: return ErrorCode::kElsewhere;
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

Result<std::string> BodyOf(const httplib::Result& answer, std::string relay) {
  if (!answer) {
    if (relay.starts_with(kScheme)) relay.erase(0, kScheme.size());
    return Error(ErrorCode::kUnavailable, fmt::format("no relay answers at {}", relay));
  }
  if (answer->status == 200) return answer->body;
  return Error(CodeFor(answer->status), MessageOf(*answer));
}

Result<std::string> PostToAdmin(const AdminTarget& admin, const std::string& path,
                                const std::string& body) {
  const std::string& here = admin.url;
  const httplib::Result answer =
      ClientFor(here).Post(path, TokenFor(admin), body, "application/json");
  if (!answer || answer->status != kElsewhereStatus) return BodyOf(answer, here);
  std::string there = answer->get_header_value("Location");
  if (!there.ends_with(path)) return BodyOf(answer, here);
  there.resize(there.size() - path.size());
  return PostToRelay(admin, there, path, body);
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
  const int exit_code = PrintFailure(change.command.c_str(), error, change.json);
  if (error.code() == ErrorCode::kUnavailable && !change.if_unavailable.empty()) {
    fmt::print(stderr, "{}\n", change.if_unavailable);
  }
  return exit_code;
}

// Returns "paused the delivery to a" for "pause the delivery to a".
std::string InThePast(const std::string& change) {
  using Words = std::pair<std::string_view, std::string_view>;
  constexpr std::array kPast = {
      Words{"pause ", "paused "},
      Words{"resume ", "resumed "},
      Words{"hold ", "holding "},
      Words{"skip ", "skipped "},
      Words{"release ", "released "},
      Words{"rewind ", "rewound "},
      Words{"forget ", "forgot "},
      Words{"delete ", "deleted "},
      Words{"make ", "made "},
      Words{"deliver ", "redrove "},
      Words{"permanently delete ", "permanently deleted "},
  };
  for (const auto& [present, past] : kPast) {
    if (change.starts_with(present)) return std::string(past) + change.substr(present.size());
  }
  return "done: " + change;
}

int PrintAnswer(const AdminSession::Json& answer, bool json) {
  if (json) {
    fmt::print("{}\n", answer.dump());
  } else {
    const std::string message = answer.value("message", "");
    fmt::print("{}\n", answer.value("done", false) ? InThePast(message) : "would " + message);
  }
  return kDone;
}

}  // namespace

Result<std::string> GetFromAdmin(const AdminTarget& admin, const std::string& path) {
  return BodyOf(ClientFor(admin.url).Get(path, TokenFor(admin)), admin.url);
}

Result<std::string> GetFromRelay(const AdminTarget& admin, const std::string& url,
                                 const std::string& path) {
  httplib::Headers headers = TokenFor(admin);
  headers.emplace("Content-Type", "application/json");
  return BodyOf(ClientFor(url).Get(path, headers), url);
}

Result<std::string> PostToRelay(const AdminTarget& admin, const std::string& url,
                                const std::string& path, const std::string& body) {
  return BodyOf(ClientFor(url).Post(path, TokenFor(admin), body, "application/json"), url);
}

Status KeepNote(const AdminTarget& admin, nlohmann::ordered_json note) {
  note["by"] = LoginName();
  RETURN_IF_ERROR(PostToAdmin(admin, "/api/v1/history/notes", DumpJson(note)));
  return Ok();
}

std::string CheckpointNamed(const std::string& directory) {
  if (directory.find('/') == std::string::npos) return directory;
  return std::filesystem::absolute(directory).lexically_normal().string();
}

Result<AdminSession> AdminSession::For(const std::string& config_path) {
  Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) return Error(ErrorCode::kInvalidInput, config.error().message());
  AdminTarget target = TargetOf(config.value().admin);
  return AdminSession(std::move(config).value(), std::move(target));
}

Result<AdminSession> AdminSession::For(const std::string& config_path, const RelayAt& at) {
  ASSIGN_OR_RETURN(std::vector<AdminTarget> named,
                   NamedRelays(at, config_path == kDefaultConfigPath));
  if (named.empty()) return For(config_path);
  if (named.size() == 1) return AdminSession(Config(), std::move(named.front()));
  return Error(ErrorCode::kInvalidInput, "specify one relay: only status takes several");
}

Result<AdminSession::Json> AdminSession::Get(const std::string& path) const {
  return Parsed(GetFromAdmin(target_, path));
}

Result<AdminSession::Json> AdminSession::Post(const AdminChange& change, bool dry_run) const {
  Json body = Json::parse(change.body);
  body["by"] = LoginName();
  body["dry_run"] = dry_run;
  return Parsed(PostToAdmin(target_, change.path, DumpJson(body)));
}

int AdminSession::Change(const AdminChange& change,
                         const std::function<int(const Json&)>& done) const {
  const Result<Json> plan = Post(change, true);
  if (!plan.ok()) return PrintRefusal(change, plan.error());
  if (change.dry_run) return PrintAnswer(plan.value(), change.json);
  const std::string description = plan.value().value("message", "");
  const bool asks = change.needs_consent || plan.value().value("ask", false);
  const bool sure = change.yes || !asks;
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

int PrintNoSession(const Error& error, bool json) {
  if (json) {
    fmt::print("{}\n", DumpJson({{"error", error.message()}}));
  } else {
    fmt::print(stderr, "{}\n", error.message());
  }
  return kWrongUsage;
}

}  // namespace relay
