// Finds mistakes of a configuration that its form does not show: it names files, variables and
// addresses that are not there, or settings that cannot have been meant.
//
// ERRORS. None: what cannot be found out is no finding.
//
// THREADS. Free functions; any number at once. Names are looked up, which may take seconds.
#pragma once

#include <string>
#include <vector>

#include "config/model/config.h"

namespace relay {

struct ConfigFinding {
  std::string setting;   // "backends[0].password_file"
  std::string expected;  // Never repeats a secret.
  bool is_warning = false;
};

// Checks what the configuration alone shows.
std::vector<ConfigFinding> CheckAlone(const Config& config);

// Checks what it names: secrets, certificates, directories, the disk, and backends that are this
// relay itself. Changes nothing.
std::vector<ConfigFinding> CheckOnThisMachine(const Config& config);

}  // namespace relay
