#include "relay/admin/write_positions.h"

#include <nlohmann/json.hpp>

#include <charconv>

namespace relay {
namespace {

HttpResponse JsonAnswer(int status, const nlohmann::json& body) {
  return {.status = status, .content_type = "application/json", .body = body.dump() + "\n"};
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

HttpResponse AnswerPosition(const LogView& log, std::string_view number) {
  std::uint64_t position = 0;
  const char* const end = number.data() + number.size();
  const auto parsed = std::from_chars(number.data(), end, position);
  if (number.empty() || parsed.ec != std::errc() || parsed.ptr != end) {
    return JsonAnswer(400, {{"error", "expected a number, as in /api/v1/positions/17"}});
  }
  nlohmann::json backends = nlohmann::json::object();
  for (const BackendId& backend : log.Backends()) {
    const Result<WriteOutcome> outcome = log.OutcomeOf(backend, PayloadId(position));
    backends[backend.text()] = outcome.ok() ? ToString(outcome.value()) : outcome.error().message();
  }
  return JsonAnswer(200, {{"position", position}, {"backends", backends}});
}

}  // namespace relay
