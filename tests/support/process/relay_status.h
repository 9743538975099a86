// A relay's reported status, as values to compare.
//
// ERRORS. A relay that does not answer, or does not know the backend, is a
// std::runtime_error.
//
// THREADS. Free functions without state; any number at once.
#pragma once

#include <string>

#include "relay/status/relay_status.h"
#include "tests/support/eventually.h"
#include "tests/support/process/relay_process.h"

namespace relay::test {

// Reads the JSON of /api/v1/status or of `status --json`.
BackendStatus BackendIn(const std::string& status_json, const std::string& backend);

// Asks a running relay.
BackendStatus StatusOf(const RelayProcess& relay, const std::string& backend);

// Waits until the backend is in that state; false if that takes longer.
bool WaitForState(const RelayProcess& relay, const std::string& backend, const std::string& state,
                  milliseconds within = kPatience);

}  // namespace relay::test
