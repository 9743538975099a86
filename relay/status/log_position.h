// From a position as an operator typed it to a sequence in a backend's queue:
// the same for the admin port and for the commands that read a log's directory.
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

// The last record up to `position`: the sequence itself, the head, or, of a
// time, the last record accepted before it.
Result<Sequence> ResolvePosition(const LogView& log, const BackendId& backend,
                                 const TypedPosition& position);

// The records after `after` up to and including `last`.
struct LogRange {
  Sequence after = Sequence::BeforeFirst();
  Sequence last = Sequence::BeforeFirst();
};

// A range as it was typed. A sequence is included; of a time, `from` includes
// what was accepted at it, and `to` does not.
struct TypedRange {
  std::string from;  // Empty: as the whole range. So is `to`.
  std::string to;
  std::string_view prefix;  // Of the two names in messages: "--".
  WallTime now;             // What ages are counted back from.
};

// The part of `whole` that is meant; `from` may lie before its start. It is
// empty where it ends before it starts.
Result<LogRange> ResolveRange(const LogView& log, const BackendId& backend, const TypedRange& typed,
                              LogRange whole);

}  // namespace relay
