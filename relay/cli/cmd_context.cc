// The commands `context list`, `use` and `add`.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "relay/base/human_format.h"
#include "relay/cli/commands.h"
#include "relay/contexts/contexts.h"

namespace relay {
namespace {

int FailContext(const Error& error) {
  fmt::print(stderr, "context: {}\n", error.message());
  return error.code() == ErrorCode::kInvalidInput ? kWrongUsage : kFailed;
}

int WriteAll(const Contexts& contexts, const std::string& done) {
  const Status written = WriteContexts(ContextsPath(), contexts);
  if (!written.ok()) return FailContext(written.error());
  fmt::print("{}\n", done);
  return kDone;
}

}  // namespace

int ListContexts() {
  constexpr std::size_t kLeftColumns = 4;
  const Result<Contexts> contexts = ReadContexts(ContextsPath());
  if (!contexts.ok()) return FailContext(contexts.error());
  std::vector<Cells> rows = {{"CURRENT", "NAME", "ADMIN", "TOKEN FILE"}};
  for (const RelayContext& one : contexts.value().all) {
    const bool is_current = one.name == contexts.value().current;
    rows.push_back({is_current ? "*" : "", one.name, one.admin,
                    one.token_file.empty() ? "-" : one.token_file});
  }
  fmt::print("{}", Aligned(rows, kLeftColumns));
  return kDone;
}

int UseContext(const std::string& name) {
  Result<Contexts> contexts = ReadContexts(ContextsPath());
  if (!contexts.ok()) return FailContext(contexts.error());
  if (name == "-") {
    contexts.value().current.clear();
    return WriteAll(contexts.value(),
                    "no context is used: commands speak to the relay of the "
                    "configuration");
  }
  const Result<RelayContext> found = contexts.value().Find(name);
  if (!found.ok()) return FailContext(found.error());
  contexts.value().current = name;
  return WriteAll(contexts.value(),
                  fmt::format("commands speak to {}: {}", name, found.value().admin));
}

int AddContext(const std::string& name, const std::string& admin, const std::string& token_file) {
  const Result<std::vector<AdminTarget>> target = NamedRelays({{admin}, {}, ""}, false);
  if (!target.ok()) return FailContext(target.error());
  Result<Contexts> contexts = ReadContexts(ContextsPath());
  if (!contexts.ok()) return FailContext(contexts.error());
  std::erase_if(contexts.value().all, [&](const RelayContext& one) { return one.name == name; });
  const std::string file =
      token_file.empty() ? "" : std::filesystem::absolute(token_file).lexically_normal().string();
  contexts.value().all.push_back({name, target.value().front().url, file});
  return WriteAll(contexts.value(),
                  fmt::format("added the context {}; use it for one command with "
                              "--context {}, for all with: influxdb-relay context "
                              "use {}",
                              name, name, name));
}

}  // namespace relay
