// The last steps of a write of any listener: encodes its parts and appends them in
// one batch. Appended one by one, some parts could be refused; the client's resend
// would give new times to points without one, and so write some of them twice.
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
  ColumnsJudge* judge = nullptr;  // See Encode; it outlives the log.
};

// A part on stable storage, and its backends.
struct StoredPart {
  Durable durable;
  BackendSet backends;
};
using PartsDone = std::function<void(Result<std::vector<StoredPart>>)>;

// Calls `done` exactly once, as Log::AppendParts does: with all parts in order when
// all are on stable storage for all of their backends; otherwise none is.
// kInvalidInput: a name is too long to be stored.
// REQUIRES: at least one part.
void AppendParts(Log& log, const Accepted& accepted, RoutedLines routed, PartsDone done);

// The same for callers that need no positions.
void AppendRouted(Log& log, const Accepted& accepted, RoutedLines routed, AppendDone done);

}  // namespace relay
