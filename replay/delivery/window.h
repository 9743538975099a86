// Records that were read and what became of each, oldest first: what may be
// forgotten is a run at the front of which every record is resolved.
//
// THREADS. One at a time.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wal/log.h"

namespace relay {

struct WindowEntry {
  Entry entry;
  std::shared_ptr<const Record> record;  // Nothing: its stored bytes are damaged.
  std::size_t pieces_left = 1;
  PointCount delivered = 0;
  std::vector<DeadLetter> letters;
  std::optional<Gap> gap;
  bool to_held = false;  // It goes on hold whole, whatever was delivered of it.

  bool is_resolved() const { return pieces_left == 0 || to_held; }
};

// The resolved run at the front.
struct ResolvedPrefix {
  Sequence first = Sequence::BeforeFirst();
  Position through;
  PointCount delivered = 0;
  PointCount resolved = 0;  // Points of the whole run.
  std::vector<DeadLetter> letters;
  std::vector<Gap> gaps;
  std::vector<Sequence> held;
};

class Window {
 public:
  // Forgets all; reading goes on behind `after`.
  void Restart(Sequence after);

  // Puts what was read behind the rest. A damaged record is a gap at once.
  // REQUIRES: each sequence above the one before.
  void Add(StoredRecord stored, WallTime now);

  bool empty() const { return slots_.empty(); }
  RecordCount records() const { return slots_.size(); }
  Bytes bytes() const { return bytes_; }
  Sequence read_through() const { return read_through_; }  // Read on from here.
  Sequence settled() const { return settled_; }            // The last one forgotten.
  // REQUIRES: not empty.
  Sequence first() const { return slots_.front().entry.position.sequence; }

  // REQUIRES: it is in the window.
  WindowEntry& At(Sequence sequence);

  // Takes it out of the flow, or puts it back as if it had just been read.
  void Hold(Sequence sequence);
  void Unhold(Sequence sequence);

  // The sequences of `lane` that are to go on hold.
  std::vector<Sequence> ToHeldOf(const Lane& lane) const;

  // Nothing where the oldest record is not resolved.
  std::optional<ResolvedPrefix> Resolved() const;

  // The log has what Resolved said, up to here.
  void Forget(Sequence through);

 private:
  std::deque<WindowEntry> slots_;
  Bytes bytes_{0};
  Sequence read_through_ = Sequence::BeforeFirst();
  Sequence settled_ = Sequence::BeforeFirst();
};

}  // namespace relay
