// Answers which backends have a write, by the `X-Relay-Position` of its answer.
#pragma once

#include <string_view>

#include "relay/http/server.h"
#include "wal/log.h"

namespace relay {

// Answers `/api/v1/positions/POSITION`. 400: not a position.
HttpResponse AnswerPosition(const LogView& log, std::string_view position);

// Returns "owed", "passed", and so on.
std::string_view ToString(WriteOutcome outcome);

}  // namespace relay
