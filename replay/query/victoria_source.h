// Reads a single VictoriaMetrics through its export.
//
// It has metrics of numbers, not points: `measurement_field` with the database in the label `db`,
// at milliseconds, rounded to 12 digits or more. Strings are stored as zeros, and are left out.
//
// ERRORS and THREADS. As Source.
#pragma once

#include <memory>
#include <string>

#include "replay/compare/source.h"
#include "replay/transport/http_transport.h"

namespace relay {

// Returns whether the server says that it is a VictoriaMetrics. kUnavailable: no answer came.
Result<bool> IsVictoriaMetrics(const HttpTransportOptions& options);

std::unique_ptr<Source> MakeVictoriaSource(std::string name, HttpTransportOptions options);

}  // namespace relay
