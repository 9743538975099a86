// A group as the body of a message of the order: what a relay appends and changes, in the form in
// which every relay stages it.
//
// Names. Backends are named by their numbers, which are the same in every log of the order; only
// new backends are named by name.
//
// Changes. A change carries the rows as its relay planned them, the epoch of the relay's claim on
// the backend and the edition that it follows: it counts only where both still hold.
//
// THREADS. Pure functions.
//
// ERRORS. kCorruption: the body is no group.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/group/group.h"
#include "wal/record/rows.h"

namespace relay {

// A claim on a backend that a change or a cursor names.
struct UnderClaim {
  BackendNumber backend{0};
  std::uint64_t epoch = 0;
};

// Returns the number of a backend and the epoch of this relay's claim on it. Number 0, which no
// backend has: it was forgotten meanwhile.
using ClaimOf = std::function<UnderClaim(const BackendId&)>;

std::string EncodeGroup(Group& group, const ClaimOf& claim_of);

// A change as another relay planned it.
struct RemoteChange {
  UnderClaim claim;
  Change change;
};

struct RemoteCursor {
  UnderClaim claim;
  QueueState state;
};

struct RemoteAppend {
  EncodedRecord record;
  std::vector<BackendNumber> backends;
  WallTime accepted_at;
};

struct RemoteGroup {
  std::vector<BackendId> names;
  std::vector<RemoteAppend> appends;
  std::vector<RemoteChange> changes;
  std::vector<RemoteCursor> cursors;
};

Result<RemoteGroup> DecodeGroup(std::string_view body);

}  // namespace relay
