// The command `checkpoint`: has the running relay copy its log, lists and
// deletes such copies.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <utility>

#include "config/load.h"
#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/checkpoint_name.h"
#include "relay/cli/commands.h"
#include "relay/cli/confirm.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

int Fail(const Config& config, const Error& error) {
  fmt::print(stderr, "checkpoint: {}\n", error.message());
  if (error.code() == ErrorCode::kUnavailable) {
    fmt::print(stderr, "Of a relay that is stopped, `cp -a {} DIR` is a checkpoint.\n",
               config.log.path);
  }
  return error.code() == ErrorCode::kInvalidInput ? kWrongUsage : kFailed;
}

Result<Json> Parsed(Result<std::string> answer) {
  if (!answer.ok()) return std::move(answer).error();
  Json json = Json::parse(answer.value(), nullptr, false);
  if (!json.is_object()) return Error(ErrorCode::kIo, "the relay's answer is not understood");
  return json;
}

Result<Json> Ask(const AdminConfig& admin, const CheckpointArgs& args, bool dry_run) {
  const Json body = {
      {"name", CheckpointNamed(args.directory)}, {"by", LoginName()}, {"dry_run", dry_run}};
  return Parsed(PostToAdmin(admin, args.drop ? "/api/v1/checkpoints/drop" : "/api/v1/checkpoints",
                            DumpJson(body)));
}

int List(const Config& config, const CheckpointArgs& args) {
  const Result<Json> answer = Parsed(GetFromAdmin(config.admin, "/api/v1/checkpoints"));
  if (!answer.ok()) return Fail(config, answer.error());
  if (args.json) {
    fmt::print("{}\n", answer.value().dump());
    return kDone;
  }
  std::vector<Cells> rows = {{"NAME", "MADE", "SIZE", "OF ITS OWN"}};
  for (const Json& one : answer.value().value("checkpoints", Json::array())) {
    rows.push_back({one.value("name", ""), one.value("made", ""),
                    ShownBytes(Bytes(one.value("bytes", std::uint64_t{0}))),
                    ShownBytes(Bytes(one.value("own_bytes", std::uint64_t{0})))});
  }
  fmt::print("{}", Aligned(rows, 2));
  return kDone;
}

void Print(const CheckpointArgs& args, const Json& answer) {
  if (args.json) {
    fmt::print("{}\n", answer.dump());
  } else {
    fmt::print("{}{}\n", answer.value("done", false) ? "done: " : "would ",
               answer.value("words", ""));
  }
}

int MakeOrDrop(const Config& config, const CheckpointArgs& args) {
  const Result<Json> plan = Ask(config.admin, args, true);
  if (!plan.ok()) return Fail(config, plan.error());
  if (args.dry_run) {
    Print(args, plan.value());
    return kDone;
  }
  // Only what is deleted needs a word more.
  const int refused =
      AskConsent("checkpoint", plan.value().value("words", ""), args.yes || !args.drop);
  if (refused != kDone) return refused;
  const Result<Json> done = Ask(config.admin, args, false);
  if (!done.ok()) return Fail(config, done.error());
  Print(args, done.value());
  return kDone;
}

}  // namespace

int Checkpoint(const CheckpointArgs& args) {
  const Result<Config> config = LoadConfig(args.config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  if (args.list) return List(config.value(), args);
  if (!args.directory.empty()) return MakeOrDrop(config.value(), args);
  fmt::print(stderr, "checkpoint: DIR is needed, or --list\n");
  return kWrongUsage;
}

}  // namespace relay
