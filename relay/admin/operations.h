// Performs operators' changes: each is checked, described, noted in the audit
// trail, made, and its outcome noted.
//
// THREADS. Operators: any number at once. Log, audit and clock outlive it.
//
// ERRORS. As Log::Execute; kNotFound: no such backend. kIo: cannot write the
// audit trail; nothing was changed.
#pragma once

#include <functional>
#include <string>

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
            std::function<bool(const BackendId&)> configured);

  // Returns a description of what was done, or would be.
  Result<std::string> Perform(const Operation& operation, const Requester& requester);

  // The same for a change outside the log, described by `description`.
  Result<std::string> Audited(const std::string& description, const std::string& note,
                              const Requester& requester, const std::function<Status()>& act);

 private:
  Result<BackendId> KnownBackend(const std::string& name) const;

  Log& log_;
  Audit& audit_;
  const Clock& clock_;
  const std::function<bool(const BackendId&)> configured_;
};

}  // namespace relay
