// The last steps of every write, whatever listener it came by: its parts are
// encoded, here and now, and appended in one batch. Parts that were appended
// one by one could be half refused; a client that sends the whole again would
// give new times to points without one, and so write some of them twice.
#pragma once

#include <functional>
#include <vector>

#include "relay/routing/router.h"
#include "wal/log.h"
#include "wal/record/record.h"

namespace relay {

// The attributes of a write besides its lines.
struct Accepted {
  const WriteParams& params;
  Codec codec = Codec::kZstd;
  WallTime at;
};

// A part that is on stable storage, and whom it is for.
struct StoredPart {
  Durable durable;
  BackendSet backends;
};
using PartsDone = std::function<void(Result<std::vector<StoredPart>>)>;

// `done` is called exactly once, as Log::AppendParts calls it: with every part
// in their order when all are on stable storage for all of their backends; else
// none is.
// kInvalidInput: a name is too long to be stored.
// REQUIRES: there is a part.
void AppendParts(Log& log, const Accepted& accepted, RoutedLines routed, PartsDone done);

// The same for those who do not ask where it lies.
void AppendRouted(Log& log, const Accepted& accepted, RoutedLines routed, AppendDone done);

}  // namespace relay
