// Asks the backends of a configuration what a first write would find out: whether they are there,
// let the relay in, have the databases that the configuration names, and which time they have.
//
// Only questions are sent, never a write. A database counts as there if its name stands in the
// backend's list.
//
// ERRORS. None: what a backend does not tell is not known.
//
// THREADS. ProbeAll asks all backends at once. REQUIRES: SIGPIPE is ignored.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/model/config.h"

namespace relay {

enum class BackendAccess : std::uint8_t { kNotAsked, kAllowed, kRefused };

struct Probed {
  std::string name = {};
  std::string url = {};
  bool is_packets = false;   // Nobody answers packets.
  std::string trouble = {};  // Empty: it answers.
  std::string version = {};
  BackendAccess access = BackendAccess::kNotAsked;
  std::vector<std::string> missing = {};  // Databases that the configuration names.
  std::size_t databases = 0;              // How many it names; 0 also if they cannot be asked for.
  std::optional<std::chrono::seconds> clock = {};  // How far it is ahead.

  // Larger differences of the clocks make times of points that the relay adds wrong for readers.
  static constexpr std::chrono::seconds kClockMax{5};

  bool is_good() const;
};

// In the configuration's order.
std::vector<Probed> ProbeAll(const Config& config);

std::string ToTable(const std::vector<Probed>& probes);

// Returns {"backends":[...]}.
std::string ToJson(const std::vector<Probed>& probes);

}  // namespace relay
