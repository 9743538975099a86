// The commands that change something of a running relay: each says first what
// it will do, in the relay's own words, and asks where that cannot be undone.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <utility>

#include "config/load.h"
#include "relay/base/json_text.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/cli/confirm.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

// What can simply be taken back needs no confirmation.
bool IsHarmless(const std::string& verb) {
  return verb == "pause" || verb == "resume" || verb == "hold" || verb == "release";
}

std::string PathFor(const OperateArgs& args) {
  if (args.verb == "redrive" || args.verb == "drop") return "/api/v1/dead/" + args.verb;
  return fmt::format("/api/v1/backends/{}/{}", args.backend, args.verb);
}

std::string BodyFor(const OperateArgs& args, bool dry_run) {
  Json body;
  body["backend"] = args.backend;
  body["to"] = args.to;
  body["database"] = args.database;
  body["retention_policy"] = args.retention_policy;
  body["numbers"] = args.numbers;
  body["all"] = args.all;
  body["note"] = args.note;
  body["by"] = LoginName();
  body["dry_run"] = dry_run;
  return DumpJson(body);
}

int Fail(const OperateArgs& args, const Error& error) {
  fmt::print(stderr, "{}: {}\n", args.verb, error.message());
  return error.code() == ErrorCode::kInvalidInput ? kWrongUsage : kFailed;
}

// The answer's sentence.
Result<std::string> Ask(const AdminConfig& admin, const OperateArgs& args, bool dry_run) {
  Result<std::string> answer = PostToAdmin(admin, PathFor(args), BodyFor(args, dry_run));
  if (!answer.ok()) return answer;
  const Json json = Json::parse(answer.value(), nullptr, false);
  if (!json.is_object() || !json.contains("words")) {
    return Error(ErrorCode::kIo, "the relay's answer is not understood: " + answer.value());
  }
  return json.at("words").get<std::string>();
}

void Print(const OperateArgs& args, const std::string& words, bool done) {
  if (args.json) {
    fmt::print("{}\n", Json{{"done", done}, {"words", words}}.dump());
  } else {
    fmt::print("{}{}\n", done ? "done: " : "would ", words);
  }
}

}  // namespace

int Operate(const OperateArgs& args) {
  const Result<Config> config = LoadConfig(args.config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  const AdminConfig& admin = config.value().admin;
  const Result<std::string> plan = Ask(admin, args, true);
  if (!plan.ok()) return Fail(args, plan.error());
  if (args.dry_run) {
    Print(args, plan.value(), false);
    return kDone;
  }
  const bool sure = args.yes || IsHarmless(args.verb);
  if (const int refused = AskConsent(args.verb, plan.value(), sure); refused != kDone) {
    return refused;
  }
  const Result<std::string> done = Ask(admin, args, false);
  if (!done.ok()) return Fail(args, done.error());
  Print(args, done.value(), true);
  return kDone;
}

}  // namespace relay
