// Makes the jobs that fill a backend from another one: seeds and repairs.
//
// ERRORS. kNotFound: a backend is not configured. kInvalidInput: the one cannot be filled from the
// other; the message says why.
//
// THREADS. Any number at once.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/model/config.h"
#include "relay/admin/replay_jobs.h"
#include "relay/status/relay_status.h"
#include "replay/backend_job.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// REQUIRES: they outlive the jobs.
struct FillDeps {
  Log& log;
  Clock& clock;
  std::string relay_id;
  std::function<RelayStatus()> status;
  // Takes note that what a backend lacked, if it diverged, has been filled in.
  std::function<void(const std::string& backend)> acknowledge;
};

// REQUIRES: the report is of a seed or a repair.
Result<std::unique_ptr<BackendJob>> MakeFill(const Config& config, const ReplayReport& report,
                                             const FillDeps& deps);

}  // namespace relay
