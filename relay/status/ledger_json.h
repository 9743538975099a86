// Formats dead letters, gaps and the audit trail as JSON, for the admin port and the
// commands.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "relay/status/audit_log.h"
#include "wal/log.h"

namespace relay {

// Returns "refused", "expired", "limit" or "damaged".
std::string_view WordFor(DeadReason reason);

// Formats one as an object, as in the lists below.
std::string LetterJson(const StoredDeadLetter& letter);
std::string GapJson(const StoredGap& gap);

// Returns {"letters":[…]}.
std::string LettersJson(const std::vector<StoredDeadLetter>& letters);

// Returns {"gaps":[…]}.
std::string GapsJson(const std::vector<StoredGap>& gaps);

// Returns {"entries":[…]}.
std::string AuditJson(const std::vector<AuditEntry>& entries);

}  // namespace relay
