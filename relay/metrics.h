// The text of /metrics, in Prometheus' exposition format.
#pragma once

#include <string>

#include "relay/counters.h"
#include "relay/status.h"

namespace relay {

std::string ToMetrics(const RelayStatus& status, const Counters& counters);

}  // namespace relay
