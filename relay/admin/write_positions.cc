#include "relay/admin/write_positions.h"

#include <nlohmann/json.hpp>

namespace relay {
namespace {

HttpResponse JsonAnswer(int status, const nlohmann::json& body) {
  return {.status = status, .content_type = "application/json", .body = body.dump() + "\n"};
}

// Returns what the backend has of a write whose position the log gave.
std::string StateOf(const LogView& log, const BackendId& backend, PayloadId payload) {
  const Result<WriteOutcome> outcome = log.OutcomeOf(backend, payload);
  return outcome.ok() ? std::string(ToString(outcome.value())) : outcome.error().message();
}

}  // namespace

std::string_view ToString(WriteOutcome outcome) {
  switch (outcome) {
    case WriteOutcome::kNotRouted: return "not routed";
    case WriteOutcome::kOwed: return "owed";
    case WriteOutcome::kHeld: return "held";
    case WriteOutcome::kPassed: return "passed";
    case WriteOutcome::kTrimmed: return "trimmed";
  }
  return "unknown";
}

HttpResponse AnswerPosition(const LogView& log, std::string_view position) {
  const Result<WritePosition> parsed = WritePosition::Parse(position);
  if (!parsed.ok()) return JsonAnswer(400, {{"error", parsed.error().message()}});
  const PayloadId payload = parsed.value().payload;
  const bool is_known = log.Gave(parsed.value());
  nlohmann::json backends = nlohmann::json::object();
  for (const BackendId& backend : log.Backends()) {
    backends[backend.text()] = is_known ? StateOf(log, backend, payload) : "unknown";
  }
  return JsonAnswer(200, {{"position", payload.value()}, {"backends", backends}});
}

}  // namespace relay
