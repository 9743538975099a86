// One backend's run as it is held in memory: what its marks and sums are.
#pragma once

#include <map>

#include "wal/format.h"
#include "wal/log.h"

namespace relay {

struct Run {
  BackendNumber number{0};
  Position head;
  WallTime last_accepted;  // Of the record at head.
  RunState state;

  Marks marks() const { return {state.trimmed.sequence, state.cursor.sequence, head.sequence}; }
};

using Runs = std::map<BackendId, Run>;

}  // namespace relay
