#include "config/model/config.h"

#include <fmt/format.h>

namespace relay {

std::vector<BackendId> Config::BackendNames() const {
  std::vector<BackendId> names;
  names.reserve(backends.size());
  for (const BackendConfig& backend : backends) names.push_back(backend.name);
  return names;
}

std::string Config::WriteAddresses() const {
  std::vector<std::string> all;
  for (const HttpListenerConfig& listener : http) all.push_back(ToString(listener.address));
  for (const TcpListenerConfig& listener : tcp) all.push_back("tcp " + ToString(listener.address));
  for (const UdpListenerConfig& listener : udp) all.push_back("udp " + ToString(listener.address));
  return fmt::format("{}", fmt::join(all, ", "));
}

}  // namespace relay
