#include "relay/contexts/relay_at.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "relay/contexts/contexts.h"

namespace relay {
namespace {

// Replaces the wildcard address by loopback.
ListenAddress Reachable(const AdminConfig& admin) {
  ListenAddress reachable = admin.address;
  if (reachable.host.empty() || reachable.host == "0.0.0.0") reachable.host = "127.0.0.1";
  if (reachable.host == "::") reachable.host = "::1";
  return reachable;
}

// Takes "host:9097" too.
Result<AdminTarget> TargetAt(std::string url, const std::string& token_file) {
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  while (url.ends_with('/')) url.pop_back();
  const bool is_http = url.starts_with("http://") || url.starts_with("https://");
  const std::size_t host = url.find("://") + 3;
  if (!is_http || host >= url.size() || url.find_first_of(" /?#", host) != std::string::npos) {
    return Error(ErrorCode::kInvalidInput,
                 "--admin: expected the URL of an admin port, as in http://10.0.0.12:9097");
  }
  AdminTarget target{.url = std::move(url)};
  if (!token_file.empty()) target.own_token = SecretSource::FromFile(token_file);
  return target;
}

Result<AdminTarget> TargetIn(const Contexts& contexts, const std::string& name,
                             const std::string& token_file) {
  ASSIGN_OR_RETURN(const RelayContext context, contexts.Find(name));
  return TargetAt(context.admin, token_file.empty() ? context.token_file : token_file);
}

}  // namespace

AdminTarget TargetOf(const AdminConfig& admin) {
  return {.url = fmt::format("http://{}", ToString(Reachable(admin))),
          .token = admin.token,
          .read_token = admin.read_token};
}

Result<std::vector<AdminTarget>> NamedRelays(const RelayAt& at, bool may_be_current) {
  std::vector<AdminTarget> named;
  for (const std::string& url : at.admin) {
    ASSIGN_OR_RETURN(AdminTarget target, TargetAt(url, at.token_file));
    named.push_back(std::move(target));
  }
  may_be_current = may_be_current && named.empty() && at.contexts.empty();
  if (at.contexts.empty() && !may_be_current) return named;
  ASSIGN_OR_RETURN(const Contexts contexts, ReadContexts(ContextsPath()));
  for (const std::string& name : at.contexts) {
    ASSIGN_OR_RETURN(AdminTarget target, TargetIn(contexts, name, at.token_file));
    named.push_back(std::move(target));
  }
  if (may_be_current && !contexts.current.empty()) {
    ASSIGN_OR_RETURN(AdminTarget target, TargetIn(contexts, contexts.current, at.token_file));
    fmt::print(stderr, "context {}: {}\n", contexts.current, target.url);
    named.push_back(std::move(target));
  }
  return named;
}

}  // namespace relay
