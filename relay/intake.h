// The last steps of every write, whatever listener it came by: its parts are
// encoded, here and now, and appended.
#pragma once

#include "relay/router.h"
#include "wal/log.h"
#include "wal/record.h"

namespace relay {

// `done` is called exactly once, as Log::Append calls it: with a Durable when
// every part is on stable storage for all of its backends. After an error some
// parts may turn out to be stored.
// kInvalidInput: a name is too long to be stored; nothing was appended.
// REQUIRES: there is a part.
void AppendRouted(Log& log, const WriteParams& params, RoutedLines routed, Codec codec,
                  WallTime accepted_at, AppendDone done);

}  // namespace relay
