// The command `checkpoint`: makes, lists and deletes copies of a running relay's
// log.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>
#include <vector>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/cli/log_directory.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

std::string IfStopped(const AdminSession& session) {
  if (session.config().backends.empty()) return "";  // It runs elsewhere.
  return fmt::format("If the relay is stopped, `cp -a {} DIR` makes an equivalent checkpoint.",
                     session.config().log.path);
}

int List(const AdminSession& session, const CheckpointArgs& args) {
  const Result<Json> answer = session.Get("/api/v1/checkpoints");
  if (!answer.ok()) {
    const int exit_code = PrintFailure("checkpoint", answer.error());
    const std::string hint = IfStopped(session);
    if (answer.error().code() == ErrorCode::kUnavailable && !hint.empty()) {
      fmt::print(stderr, "{}\n", hint);
    }
    return exit_code;
  }
  if (args.json) {
    fmt::print("{}\n", answer.value().dump());
    return kDone;
  }
  std::vector<Cells> rows = {{"NAME", "MADE", "SIZE", "UNSHARED"}};
  for (const Json& one : answer.value().value("checkpoints", Json::array())) {
    rows.push_back({one.value("name", ""), one.value("made", ""),
                    ShownBytes(Bytes(one.value("bytes", std::uint64_t{0}))),
                    ShownBytes(Bytes(one.value("own_bytes", std::uint64_t{0})))});
  }
  fmt::print("{}", Aligned(rows, 2));
  return kDone;
}

// Only a deletion needs consent.
int MakeOrDrop(const AdminSession& session, const CheckpointArgs& args) {
  return session.Change({.command = "checkpoint",
                         .path = args.drop ? "/api/v1/checkpoints/drop" : "/api/v1/checkpoints",
                         .body = DumpJson(Json{{"name", CheckpointNamed(args.directory)}}),
                         .needs_consent = args.drop,
                         .yes = args.yes,
                         .dry_run = args.dry_run,
                         .json = args.json,
                         .if_unavailable = IfStopped(session)});
}

}  // namespace

int Checkpoint(const CheckpointArgs& args) {
  const Result<AdminSession> session = AdminSession::For(args.config_path, args.at);
  if (!session.ok()) return PrintNoSession(session.error());
  if (args.list) return List(session.value(), args);
  if (!args.directory.empty()) return MakeOrDrop(session.value(), args);
  fmt::print(stderr, "checkpoint: specify DIR or --list\n");
  return kWrongUsage;
}

}  // namespace relay
