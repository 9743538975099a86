// Dead letters, gaps and the audit trail as JSON: the same for the admin port
// and for the commands.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "relay/status/audit_log.h"
#include "wal/log.h"

namespace relay {

// "refused", "expired", "limit", "damaged".
std::string_view WordFor(DeadReason reason);

// One of them as an object, as the lists below have it.
std::string LetterJson(const StoredDeadLetter& letter);
std::string GapJson(const StoredGap& gap);

// {"letters":[…]}
std::string LettersJson(const std::vector<StoredDeadLetter>& letters);

// {"gaps":[…]}
std::string GapsJson(const std::vector<StoredGap>& gaps);

// {"entries":[…]}
std::string AuditJson(const std::vector<AuditEntry>& entries);

}  // namespace relay
