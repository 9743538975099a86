// Which backends have a write: what `X-Relay-Position` of its answer is for.
#pragma once

#include <string_view>

#include "relay/http/server.h"
#include "wal/log.h"

namespace relay {

// `/api/v1/positions/NUMBER`. 400: no number.
HttpResponse AnswerPosition(const LogView& log, std::string_view number);

// The form of a fate for programs: "owed", "passed".
std::string_view ToString(WriteOutcome fate);

}  // namespace relay
