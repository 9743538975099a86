// Returns the text of /metrics, in Prometheus' exposition format.
#pragma once

#include <string>

#include "relay/base/counters.h"
#include "relay/status/relay_status.h"

namespace relay {

std::string ToMetrics(const RelayStatus& status, const Counters& counters);

}  // namespace relay
