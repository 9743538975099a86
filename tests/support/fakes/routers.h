// Configurations and routers without filters, for tests of listeners.
#pragma once

#include <memory>
#include <vector>

#include "config/model/config.h"
#include "relay/routing/router.h"

namespace relay::test {

inline Config ConfigOf(const std::vector<BackendId>& backends) {
  Config config;
  for (const BackendId& backend : backends) config.backends.push_back({.name = backend});
  return config;
}

inline std::shared_ptr<const Router> RouterTo(const std::vector<BackendId>& backends) {
  return std::make_shared<const Router>(ConfigOf(backends), std::vector<BackendId>{});
}

}  // namespace relay::test
