#include "tests/support/process/relay_status.h"

#include <algorithm>
#include <stdexcept>

namespace relay::test {

BackendStatus BackendIn(const std::string& status_json, const std::string& backend) {
  const Result<RelayStatus> status = StatusFromJson(status_json);
  if (!status.ok()) throw std::runtime_error(status.error().message() + ": " + status_json);
  const auto& backends = status.value().backends;
  const auto found =
      std::find_if(backends.begin(), backends.end(),
                   [&backend](const BackendStatus& one) { return one.name == backend; });
  if (found == backends.end()) throw std::runtime_error("no backend " + backend + " in status");
  return *found;
}

BackendStatus StatusOf(const RelayProcess& relay, const std::string& backend) {
  return BackendIn(relay.Status(), backend);
}

bool WaitForState(const RelayProcess& relay, const std::string& backend, const std::string& state,
                  milliseconds within) {
  return Eventually(within, [&] { return StatusOf(relay, backend).state == state; });
}

}  // namespace relay::test
