// Performs operators' changes: each is checked, described, noted in the audit
// trail, made, and its outcome noted.
//
// THREADS. Operators: any number at once. Log, audit and clock outlive it.
//
// ERRORS. As Log::Execute; kNotFound: no such backend. kIo: cannot write the
// audit trail; nothing was changed.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "relay/admin/pause_ends.h"
#include "relay/admin/verbs.h"
#include "relay/status/audit_log.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

class Operators {
 public:
  // `configured` returns whether a backend is configured.
  Operators(Log& log, Audit& audit, const Clock& clock,
            std::function<bool(const BackendId&)> configured, PauseEnds& pause_ends);

  // Returns a description of what was done, or would be.
  Result<std::string> Perform(const Operation& operation, const Requester& requester);

  // Dead letters that operators took away, since the start.
  struct TakenLetters {
    std::uint64_t redriven = 0;
    std::uint64_t dropped = 0;
  };
  TakenLetters TakenFrom(const std::string& backend) const;

  // The same for a change outside the log, described by `description`.
  Result<std::string> Audited(const std::string& description, const std::string& note,
                              const Requester& requester, const std::function<Status()>& act);

 private:
  Result<BackendId> KnownBackend(const std::string& name) const;
  Status Execute(const BackendId& backend, const VerbPlan& plan);
  void CountTaken(const BackendId& backend, const LogCommand& command);

  Log& log_;
  Audit& audit_;
  const Clock& clock_;
  const std::function<bool(const BackendId&)> configured_;
  PauseEnds& pause_ends_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::map<std::string, TakenLetters> taken_;
};

}  // namespace relay
