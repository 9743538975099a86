// Commands about the log as a whole. `found` lets the relays that share it go on after the servers
// of NATS have lost writes; `acknowledge` takes note that it was started on a checkpoint, or that a
// backend diverged.
#include <nlohmann/json.hpp>

#include "relay/base/json_text.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"

namespace relay {

int Found(const FoundArgs& args) {
  const Result<AdminSession> session = AdminSession::For(args.config_path, args.at);
  if (!session.ok()) return PrintNoSession(session.error(), args.json);
  return session.value().Change({.command = "found",
                                 .path = "/api/v1/log/found",
                                 .yes = args.yes,
                                 .dry_run = args.dry_run,
                                 .json = args.json,
                                 .if_unavailable = "Start the relay that has the highest place."});
}

int Acknowledge(const AcknowledgeArgs& args) {
  const Result<AdminSession> session = AdminSession::For(args.config_path, args.at);
  if (!session.ok()) return PrintNoSession(session.error(), args.json);
  nlohmann::ordered_json body{{"note", args.note}};
  if (!args.backend.empty()) body["backend"] = args.backend;
  return session.value().Change({.command = "acknowledge",
                                 .path = "/api/v1/log/acknowledge",
                                 .body = DumpJson(body),
                                 .yes = args.yes,
                                 .dry_run = args.dry_run,
                                 .json = args.json,
                                 .if_unavailable = ""});
}

}  // namespace relay
