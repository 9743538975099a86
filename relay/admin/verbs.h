// The changes that operators make of a running relay. Each verb is declared once,
// as a row of Verbs(): the routes of the admin port, their OpenAPI description
// and the commands are made of it. A new verb is a value of Verb, a row and its
// plan here, and what the log has to do for it. All need the operators' role.
//
// THREADS. Pure functions over a log. The log and the clock outlive the plans.
//
// ERRORS. Of a plan: kInvalidInput and kNotFound say why it cannot be done; else
// as the log's verbs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

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

// A field of a request: of the query, or of the JSON body of a POST.
struct RouteParameter {
  std::string_view name;
  std::string_view type;  // "string", "position", "integer", "boolean", "integers".
  std::string_view sentence;
  bool required = false;
};

// The sentence; of a position also the forms that it has.
std::string DescriptionOf(const RouteParameter& parameter);

struct VerbPlan {
  std::string words;  // What is done, or would be.
  std::function<Status()> act;
};

// An operation on a backend that the log knows.
struct VerbCall {
  Log& log;
  const Clock& clock;
  const BackendId& backend;
  const Operation& operation;
  const std::string& who;
  bool configured;  // Whether the backend is one of the configuration.
};

struct VerbSpec {
  Verb verb;
  std::string_view command;  // "pause", "dead drop".
  std::string_view path;     // "/api/v1/backends/{backend}/pause".
  std::string_view sentence;
  std::vector<RouteParameter> parameters;  // Beside `by` and `dry_run`.
  bool undoable;                           // Needs no confirmation: it can be taken back.
  Result<VerbPlan> (*plan)(const VerbCall& call);
};

const std::vector<VerbSpec>& Verbs();
const VerbSpec& SpecOf(Verb verb);

}  // namespace relay
