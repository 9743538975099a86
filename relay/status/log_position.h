// Resolves a position that an operator typed to a sequence of a backend's queue, for
// the admin port and the commands that read a log's directory.
//
// ERRORS. As LogView's; kInvalidInput: ParsePosition's.
//
// THREADS. Pure functions over a log.
#pragma once

#include <string>
#include <string_view>

#include "relay/base/parse.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

// Returns the last record up to `position`: the sequence itself, the head, or the last
// record accepted before a time.
Result<Sequence> ResolvePosition(const LogView& log, const BackendId& backend,
                                 const TypedPosition& position);

// The records after `after` up to and including `last`.
struct LogRange {
  Sequence after = Sequence::BeforeFirst();
  Sequence last = Sequence::BeforeFirst();
};

// A range as typed. Sequences are included; with times, `from` includes records
// accepted at that time, `to` does not.
struct TypedRange {
  std::string from;  // Empty: as the whole range; also for `to`.
  std::string to;
  std::string_view prefix;  // Precedes the two names in messages: "--".
  WallTime now;             // The time that ages are subtracted from.
};

// Returns the given part of `whole`; `from` may lie before its start. A range that ends
// before it starts is empty.
Result<LogRange> ResolveRange(const LogView& log, const BackendId& backend, const TypedRange& typed,
                              LogRange whole);

}  // namespace relay
