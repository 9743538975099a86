// Records that were read and the outcome of each, oldest first: resolved records at the front may
// be forgotten.
//
// THREADS. One at a time.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "wal/log.h"

namespace relay {

struct WindowEntry {
  Entry entry;
  // Its sendable lines (sendable.h). nullptr: it has none, or its stored bytes are damaged.
  std::shared_ptr<const Record> record;
  std::size_t batches_left = 1;
  PointCount delivered = 0;
  std::vector<DeadLetter> letters;
  std::vector<DeadLetter> unsendable;  // The letters that it had when it was read.
  std::optional<Gap> gap;
  bool hold_whole = false;  // It goes on hold as a whole, whatever was delivered of it.

  bool is_resolved() const { return batches_left == 0 || hold_whole; }
};

// The resolved records at the front.
struct ResolvedPrefix {
  Sequence first = Sequence::BeforeFirst();
  Position through;
  PointCount delivered = 0;
  PointCount resolved = 0;  // Points of all of them.
  std::vector<DeadLetter> letters;
  std::vector<Gap> gaps;
  std::vector<Sequence> held;
};

class Window {
 public:
  // Forgets everything; reading goes on behind `after`.
  void Restart(Sequence after);

  // Appends a record that was read. A damaged one is a gap at once, and so is one up to
  // `old_through`, which is too old, unless it is a statement; a line that is not sendable is a
  // dead letter. REQUIRES: each sequence above the one before.
  void Add(StoredRecord stored, WallTime now, Sequence old_through = Sequence::BeforeFirst());

  // Returns whether the oldest record is unresolved and Add would make it a gap now.
  bool IsTooOld(Sequence old_through) const;

  // Makes those of the records a gap that are unresolved and that Add would make one now, but for
  // the points of them that are resolved. Returns them; no line of theirs may be sent any more.
  std::set<Sequence> DropTooOld(const std::vector<Sequence>& of, WallTime now,
                                Sequence old_through);

  bool empty() const { return entries_.empty(); }
  RecordCount records() const { return entries_.size(); }
  Bytes bytes() const { return bytes_; }
  Sequence read_through() const { return read_through_; }            // The last one read.
  Sequence forgotten_through() const { return forgotten_through_; }  // The last one forgotten.
  // REQUIRES: not empty.
  Sequence first() const { return entries_.front().entry.position.sequence; }

  // REQUIRES: it is in the window.
  WindowEntry& At(Sequence sequence);

  // Takes a record out of the flow, or puts it back as if it had just been read.
  void Hold(Sequence sequence);
  void Unhold(Sequence sequence);

  // Returns the sequences of the records with such parameters that are to go on hold.
  std::vector<Sequence> SequencesToHold(
      const std::function<bool(const WriteParams&)>& are_wanted) const;

  // nullopt: the oldest record is not resolved.
  std::optional<ResolvedPrefix> Resolved() const;

  // Forgets the records up to `through`: the log has what Resolved returned.
  void Forget(Sequence through);

 private:
  std::deque<WindowEntry> entries_;
  Bytes bytes_{0};
  Sequence read_through_ = Sequence::BeforeFirst();
  Sequence forgotten_through_ = Sequence::BeforeFirst();
};

}  // namespace relay
