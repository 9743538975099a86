// The changes that operators make to a running relay. Each verb is declared once,
// as a row of Verbs(); the admin port's routes, their OpenAPI description and the
// commands are generated from it. A new verb needs a value of Verb, a row and its
// plan here, and the log's command for it (wal/log_command.h). All require the operators' role.
//
// THREADS. Pure functions over a log.
//
// ERRORS. A plan fails with kInvalidInput or kNotFound if it cannot be done; others
// as Log::Execute.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

enum class Verb : std::uint8_t {
  kPause,  // `length`
  kResume,
  kRewind,    // `to`, `partial`
  kSkip,      // `to`, or everything on hold in `lane`
  kHold,      // `lane`
  kRelease,   // `lane`
  kGiveUp,    // `lane`
  kRedrive,   // `letters`
  kDropDead,  // `letters`
  kForget,
};

struct Operation {
  Verb verb = Verb::kPause;
  std::string backend;
  std::string to;  // A position (ParsePosition).
  Lane lane;       // Empty database: no lane.
  std::vector<std::uint64_t> letters;
  bool all_letters = false;  // All at this moment.
  bool partial = false;      // Do what is possible.
  std::string note;          // The reason.
  std::string length;        // The length of a pause that ends by itself; empty: none.
};

struct Requester {
  std::string who;
  bool dry_run = false;  // Describe what would be done, and whether it is possible.
};

// A field of a request, in the query or in the JSON body of a POST.
struct RouteParameter {
  std::string_view name;
  std::string_view type;  // "string", "position", "integer", "boolean", "integers".
  std::string_view description;
  bool required = false;
};

// Returns the description; for a position also its forms.
std::string DescriptionOf(const RouteParameter& parameter);

// Returns whether nothing shows that anybody writes to the lane's database: it is not on hold, and
// the newest records do not name it.
bool IsUnseen(const LogView& log, const BackendId& backend, const Lane& lane);

struct VerbPlan {
  std::string description;  // Says what is done, or would be.
  LogCommand command;
  std::optional<std::chrono::nanoseconds> length = {};  // The length of a pause that ends.
};

// An operation on a backend of the log.
struct VerbCall {
  const Log& log;
  const Clock& clock;
  const BackendId& backend;
  const Operation& operation;
  const std::string& who;
  bool configured;  // The backend is in the configuration.
};

struct VerbSpec {
  Verb verb;
  std::string_view command;  // "pause", "dead drop".
  std::string_view path;     // "/api/v1/backends/{backend}/pause".
  std::string_view description;
  std::vector<RouteParameter> parameters;  // Besides `by` and `dry_run`.
  bool undoable;                           // Can be undone, so needs no confirmation.
  Result<VerbPlan> (*plan)(const VerbCall& call);
};

const std::vector<VerbSpec>& Verbs();
const VerbSpec& SpecOf(Verb verb);

}  // namespace relay
