// Commands that change a running relay. Each first shows the relay's description
// of the change, and asks for confirmation if it cannot be undone.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "relay/admin/verbs.h"
#include "relay/base/json_text.h"
#include "relay/base/parse.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "wal/base/clock.h"

namespace relay {
namespace {

constexpr std::string_view kBackendInPath = "{backend}";

std::string PathFor(const OperateArgs& args) {
  std::string path(args.verb->path);
  const std::size_t at = path.find(kBackendInPath);
  return at == std::string::npos ? path : path.replace(at, kBackendInPath.size(), args.backend);
}

// Returns the given fields. Positions relative to now are pinned, so that plan and
// change mean the same.
std::string BodyFor(const OperateArgs& args) {
  const WallTime now = SystemClock().WallNow();
  nlohmann::ordered_json body = nlohmann::ordered_json::object();
  for (const RouteParameter& parameter : args.verb->parameters) {
    const std::string name(parameter.name);
    if (parameter.type == "integers") {
      body[name] = args.numbers;
    } else if (parameter.type == "boolean") {
      body[name] = args.flags.at(name);
    } else if (parameter.name == "backend") {
      body[name] = args.backend;
    } else {
      const std::string& text = args.texts.at(name);
      body[name] = parameter.type == "position" ? PinnedPosition(text, now) : text;
    }
  }
  return DumpJson(body);
}

}  // namespace

int Operate(const OperateArgs& args) {
  const Result<AdminSession> session = AdminSession::For(args.config_path, args.at);
  if (!session.ok()) return PrintNoSession(session.error(), args.json);
  return session.value().Change({.command = std::string(args.verb->command),
                                 .path = PathFor(args),
                                 .body = BodyFor(args),
                                 .needs_consent = !args.verb->undoable,
                                 .yes = args.yes,
                                 .dry_run = args.dry_run,
                                 .json = args.json,
                                 .if_unavailable = ""});
}

}  // namespace relay
