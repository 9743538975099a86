// The last steps of every write, whatever listener it came by: its parts are
// encoded, here and now, and appended.
#pragma once

#include <functional>
#include <vector>

#include "relay/router.h"
#include "wal/log.h"
#include "wal/record.h"

namespace relay {

// A part that is on stable storage, and whom it is for.
struct StoredPart {
  Durable durable;
  BackendSet backends;
};
using PartsDone = std::function<void(Result<std::vector<StoredPart>>)>;

// `done` is called exactly once, as Log::Append calls it: when every part is on
// stable storage for all of its backends, with all of them in their order. After
// an error some parts may turn out to be stored.
// kInvalidInput: a name is too long to be stored; nothing was appended.
// REQUIRES: there is a part.
void AppendParts(Log& log, const WriteParams& params, RoutedLines routed, Codec codec,
                 WallTime accepted_at, PartsDone done);

// The same for those who do not ask where it lies.
void AppendRouted(Log& log, const WriteParams& params, RoutedLines routed, Codec codec,
                  WallTime accepted_at, AppendDone done);

}  // namespace relay
