#include "relay/base/url_path.h"

namespace relay {

std::string_view WithoutPrefix(std::string_view path, std::string_view prefix) {
  if (prefix.empty() || !path.starts_with(prefix)) return path;
  const std::string_view rest = path.substr(prefix.size());
  if (rest.empty()) return "/";
  return rest.front() == '/' ? rest : path;
}

std::string RoutePath(std::string_view path, std::string_view prefix) {
  std::string route;
  route.reserve(path.size());
  for (const char c : path) {
    if (c != '/' || !route.ends_with('/')) route += c;
  }
  if (route.size() > 1 && route.ends_with('/')) route.pop_back();
  return std::string(WithoutPrefix(route, prefix));
}

}  // namespace relay
