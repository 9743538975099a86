// Figures of what the process uses, under the names that Prometheus' clients give it.
//
// ERRORS. None: a figure that the system does not tell is 0.
//
// THREADS. Any number at once.
#pragma once

#include <cstdint>

#include "wal/base/types.h"

namespace relay {

struct ProcessFigures {
  double cpu_seconds = 0;  // User and system.
  Bytes resident{0};
  std::uint64_t open_files = 0;
  std::uint64_t open_files_max = 0;
  double started = 0;  // Seconds since 1970.
};

ProcessFigures ReadProcessFigures();

}  // namespace relay
