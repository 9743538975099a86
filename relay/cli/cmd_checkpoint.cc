// The command `checkpoint`: makes, lists and deletes copies of a running relay's
// log.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/cli/confirm.h"
#include "relay/cli/log_directory.h"
#include "relay/shipping/run_command.h"
#include "relay/shipping/tree_writer.h"
#include "wal/base/clock.h"

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
    const int exit_code = PrintFailure("checkpoint", answer.error(), args.json);
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

Result<Json> ChangeNow(const AdminSession& session, const std::string& path,
                       const std::string& name) {
  const std::string body = DumpJson(Json{{"name", name}, {"by", LoginName()}});
  ASSIGN_OR_RETURN(const std::string text,
                   PostToRelay(session.target(), session.target().url, path, body));
  return Json::parse(text, nullptr, false);
}

// Deletes the checkpoint at the relay.
class Shipped {
 public:
  Shipped(const AdminSession& session, std::string name)
      : session_(session), name_(std::move(name)) {}
  ~Shipped() {
    const Result<Json> dropped = ChangeNow(session_, "/api/v1/checkpoints/drop", name_);
    if (dropped.ok()) return;
    fmt::print(stderr, "checkpoint: {} stays at the relay: {}\n", name_, dropped.error().message());
  }
  Shipped(const Shipped&) = delete;
  Shipped& operator=(const Shipped&) = delete;

 private:
  const AdminSession& session_;
  const std::string name_;
};

Status Fetch(const AdminSession& session, const std::string& url, const std::string& path,
             TreeWriter& writer) {
  RETURN_IF_ERROR(writer.BeginFile(path));
  for (std::uint64_t offset = 0;;) {
    ASSIGN_OR_RETURN(const std::string part,
                     GetFromRelay(session.target(), session.target().url,
                                  fmt::format("{}/content?path={}&offset={}", url, path, offset)));
    if (part.empty()) return Ok();
    RETURN_IF_ERROR(writer.Append(part));
    offset += part.size();
  }
}

// By way of the admin port, so that the relay may run elsewhere.
Status FetchAll(const AdminSession& session, const std::string& name, const std::string& target) {
  const std::string url = "/api/v1/checkpoints/" + name;
  ASSIGN_OR_RETURN(const Json answer, session.Get(url + "/files"));
  ASSIGN_OR_RETURN(TreeWriter writer, TreeWriter::Begin(target));
  for (const Json& file : answer.value("files", Json::array())) {
    RETURN_IF_ERROR(Fetch(session, url, file.value("path", ""), writer));
  }
  return writer.Finish();
}

Status ShipTo(const AdminSession& session, const CheckpointArgs& args, const std::string& name,
              const std::string& path) {
  if (!args.to.empty()) {
    const auto target = std::filesystem::absolute(args.to) / name;
    return FetchAll(session, name, target.lexically_normal().string());
  }
  std::vector<std::string> words = WordsOf(args.command);
  words.push_back(path);
  return RunCommand(words, std::chrono::seconds(args.timeout_seconds), SystemClock(), {});
}

// Makes a checkpoint, copies it elsewhere and deletes it at the relay.
int Ship(const AdminSession& session, const CheckpointArgs& args) {
  const std::string name =
      !args.directory.empty()
          ? args.directory
          : fmt::format("copy-{:%Y%m%dT%H%M%SZ}",
                        std::chrono::floor<std::chrono::seconds>(SystemClock().WallNow()));
  const std::string where =
      args.to.empty() ? "to " + args.command : (std::filesystem::path(args.to) / name).string();
  const std::string message = fmt::format("ship a checkpoint {}", where);
  if (!args.dry_run) {
    const Result<Json> made = ChangeNow(session, "/api/v1/checkpoints", name);
    if (!made.ok()) return PrintFailure("checkpoint", made.error(), args.json);
    const Shipped shipped(session, name);
    const Status done = ShipTo(session, args, name, made.value().value("path", ""));
    if (!done.ok()) return PrintFailure("checkpoint", done.error(), args.json);
  }
  if (args.json) {
    fmt::print("{}\n",
               DumpJson(Json{{"done", !args.dry_run}, {"message", message}, {"path", where}}));
  } else {
    fmt::print("{}\n", args.dry_run ? "would " + message : "shipped a checkpoint " + where);
  }
  return kDone;
}

}  // namespace

int Checkpoint(const CheckpointArgs& args) {
  const Result<AdminSession> session = AdminSession::For(args.config_path, args.at);
  if (!session.ok()) return PrintNoSession(session.error(), args.json);
  if (args.list) return List(session.value(), args);
  if (!args.to.empty() || !args.command.empty()) return Ship(session.value(), args);
  if (!args.directory.empty()) return MakeOrDrop(session.value(), args);
  fmt::print(stderr, "checkpoint: specify DIR or --list\n");
  return kWrongUsage;
}

}  // namespace relay
