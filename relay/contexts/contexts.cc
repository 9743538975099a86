#include "relay/contexts/contexts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/schema/section.h"
#include "config/schema/value_format.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

void Declare(Section& root, Contexts& contexts) {
  root.Value({"current", "The context that commands use."}, contexts.current, AnyText());
  contexts.all = {RelayContext{}};  // The initial values of an entry.
  root.List({.key = "contexts", .description = "The relays.", .off = true}, contexts.all,
            [](Section& section, RelayContext& one) {
              section.Value({.key = "name", .description = "Its name.", .required = true}, one.name,
                            SomeText("the name of a context"));
              section.Value({.key = "admin", .description = "Its admin port.", .required = true},
                            one.admin, SomeText("the URL of an admin port"));
              section.Value({"token_file", "The file of its token."}, one.token_file, AnyText());
            });
}

std::string TextOf(const Contexts& contexts) {
  std::string text = fmt::format("current: {}\ncontexts:{}\n", Quoted(contexts.current),
                                 contexts.all.empty() ? " []" : "");
  for (const RelayContext& one : contexts.all) {
    text += fmt::format("  - name: {}\n    admin: {}\n", Quoted(one.name), Quoted(one.admin));
    if (!one.token_file.empty())
      text += fmt::format("    token_file: {}\n", Quoted(one.token_file));
  }
  return text;
}

}  // namespace

Result<RelayContext> Contexts::Find(const std::string& name) const {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const RelayContext& one) { return one.name == name; });
  if (found != all.end()) return *found;
  std::string known;
  for (const RelayContext& one : all) known += (known.empty() ? "" : ", ") + one.name;
  return Error(ErrorCode::kInvalidInput,
               known.empty() ? fmt::format("no context \"{}\": there is none yet; add one with "
                                           "influxdb-relay context add {} --admin URL",
                                           name, name)
                             : fmt::format("no context \"{}\": there are {}", name, known));
}

std::string ContextsPath() {
  constexpr const char* kFile = "influxdb-relay/contexts.yaml";
  const char* const config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config != '\0') return fs::path(config) / kFile;
  const char* const home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? fs::path(home) / ".config" / kFile : fs::path();
}

Result<Contexts> ReadContexts(const std::string& path) {
  std::error_code failed;
  if (path.empty() || !fs::exists(path, failed)) return Contexts();
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return Error(ErrorCode::kIo, fmt::format("cannot read {}", path));
  Contexts contexts;
  RETURN_IF_ERROR(ReadYaml(text.str(), path, [&](Section& root) { Declare(root, contexts); }));
  return contexts;
}

Status WriteContexts(const std::string& path, const Contexts& contexts) {
  if (path.empty()) return Error(ErrorCode::kIo, "there is no home directory: set HOME");
  std::error_code failed;
  fs::create_directories(fs::path(path).parent_path(), failed);
  const std::string draft = path + ".new";
  {
    std::ofstream file(draft, std::ios::binary | std::ios::trunc);
    file << TextOf(contexts);
    if (!file.flush()) return Error(ErrorCode::kIo, fmt::format("cannot write {}", draft));
  }
  fs::rename(draft, path, failed);
  if (failed)
    return Error(ErrorCode::kIo, fmt::format("cannot write {}: {}", path, failed.message()));
  return Ok();
}

}  // namespace relay
