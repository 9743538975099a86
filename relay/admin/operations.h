// What an operator can change of a running relay, as values: each is checked,
// said in words, noted in the audit trail, done, and its outcome noted.
//
// THREADS. Operators: any number at once. Log, audit and clock outlive it.
//
// ERRORS. As the log's verbs; kNotFound: no such backend. kIo: the audit trail
// cannot be written; nothing was changed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "relay/status/audit_log.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

enum class Verb : std::uint8_t {
  kPause,
  kResume,
  kRewind,    // `to`
  kSkip,      // `to`, or all that `lane` holds
  kHold,      // `lane`
  kRelease,   // `lane`
  kRedrive,   // `letters`
  kDropDead,  // `letters`
  kForget,
};

struct Operation {
  Verb verb = Verb::kPause;
  std::string backend;
  std::string to;  // As ParsePosition takes it.
  Lane lane;       // Its database is empty where none is meant.
  std::vector<std::uint64_t> letters;
  bool all_letters = false;  // Those that are there at the moment.
  std::string note;          // Why.
};

struct Asker {
  std::string who;
  bool dry_run = false;  // Say what would be done, and whether it can be.
};

class Operators {
 public:
  // `configured` tells whether a backend is one of the configuration.
  Operators(Log& log, Audit& audit, const Clock& clock,
            std::function<bool(const BackendId&)> configured);

  // What was done, or would be, in words.
  Result<std::string> Perform(const Operation& operation, const Asker& asker);

  // The same of a change that is none of the log: what `words` say.
  Result<std::string> Audited(const std::string& words, const std::string& note, const Asker& asker,
                              const std::function<Status()>& act);

 private:
  struct Plan {
    std::string words;
    std::function<Status()> act;
  };

  // Where a rewind or a skip ends.
  struct Target {
    Sequence last;                 // The last record before it.
    std::optional<WallTime> time;  // nullopt: it was not given as a time.
  };

  struct Letters {
    std::vector<std::uint64_t> numbers;
    PointCount points = 0;
  };

  Result<Plan> PlanFor(const Operation& operation, const Asker& asker);
  Plan PlanPause(const BackendId& backend, bool paused);
  Result<Plan> PlanRewind(const BackendId& backend, const Operation& operation);
  Result<Plan> PlanSkip(const BackendId& backend, const Operation& operation, const Asker& asker);
  Result<Plan> PlanSkipLane(const BackendId& backend, const Operation& operation,
                            const Asker& asker);
  Result<Plan> PlanLane(const BackendId& backend, const Operation& operation);
  Result<Plan> PlanLetters(const BackendId& backend, const Operation& operation);
  Result<Plan> PlanForget(const BackendId& backend);
  Result<Target> TargetOf(const BackendId& backend, const std::string& to) const;
  Result<Letters> LettersOf(const BackendId& backend, const Operation& operation) const;
  Result<Letters> AllLetters(const BackendId& backend, Verb verb) const;
  Result<Letters> NumberedLetters(const BackendId& backend,
                                  const std::vector<std::uint64_t>& numbers) const;

  Log& log_;
  Audit& audit_;
  const Clock& clock_;
  const std::function<bool(const BackendId&)> configured_;
};

}  // namespace relay
