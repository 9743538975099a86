// The changes that an operator can make, as values: each is checked,
// said in words, noted in the audit trail, done, and its outcome noted.
//
// THREADS. Operators: any number at once. Log, audit and clock outlive it.
//
// ERRORS. As the log's verbs; kNotFound: no such backend. kIo: the audit trail
// cannot be written; nothing was changed.
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
  // `configured` tells whether a backend is one of the configuration.
  Operators(Log& log, Audit& audit, const Clock& clock,
            std::function<bool(const BackendId&)> configured);

  // Says what was done, or would be.
  Result<std::string> Perform(const Operation& operation, const Asker& asker);

  // The same of a change that is none of the log: what `words` say.
  Result<std::string> Audited(const std::string& words, const std::string& note, const Asker& asker,
                              const std::function<Status()>& act);

 private:
  Result<VerbPlan> PlanFor(const Operation& operation, const Asker& asker) const;

  Log& log_;
  Audit& audit_;
  const Clock& clock_;
  const std::function<bool(const BackendId&)> configured_;
};

}  // namespace relay
