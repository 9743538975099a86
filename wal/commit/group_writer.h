// Writes groups to the store: stages their rows, writes and syncs them as one batch, makes them
// visible and answers their callers, in this order. Opens the store, and opens it anew after a
// failure.
//
// INVARIANT. A caller is told of success only after the batch with its append or change was synced
// and can be read.
//
// DURABILITY. A store that failed a write is never written to again before it was opened anew.
//
// THREADS. One: it alone writes to the store, so that a record never becomes visible before the one
// that it follows.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/commit/batch_builder.h"
#include "wal/commit/batch_timer.h"
#include "wal/commit/opener.h"
#include "wal/commit/queue_table.h"
#include "wal/commit/reserve.h"
#include "wal/commit/shared_store.h"
#include "wal/group/group.h"
#include "wal/log.h"
#include "wal/reading/record_cache.h"

namespace relay {

// The parts of a log that its writer uses; they outlive it.
struct WrittenParts {
  SharedStore& store;
  QueueTable& queues;
  RecentRecords& recent;
  Opener& opener;
  const DiskReserve& reserve;
};

// An append that is on stable storage, with those who wait for it.
struct StoredAppend {
  PayloadId first;  // The first part's.
  PayloadId last;
  std::vector<WaitingAppend::Completion> completions;
};

class GroupWriter {
 public:
  GroupWriter(const WrittenParts& parts, BatchTimer& timer) : parts_(parts), timer_(timer) {}

  // Opens the store to write; a disk without room gets that of the reserve. `because`: as
  // Opener::Open.
  Status Open(const std::optional<Error>& because);

  // Closes the store and opens it anew, while nobody reads.
  Status Reopen(const std::optional<Error>& because);

  // Releases the batch, which must not outlive its store.
  void End() { builder_.End(); }

  // Takes the cursors that moved into a group that is to be committed.
  void TakeCursors(Group& group);

  // Begins a new batch.
  void Clear() { builder_.Clear(); }

  // Adds the rows of a group to the batch, and numbers its appends.
  void Stage(Group& group) { builder_.Add(group); }

  void StageRow(std::string_view key, const std::optional<std::string>& value) {
    builder_.AddRow(key, value);
  }

  // Writes and syncs the batch.
  Status Write();

  // Makes a group of the batch that was written visible to readers.
  void Publish(Group& group);

  // Answers everybody who waits for the group: the caller may be gone afterwards.
  void Answer(Group& group);

  // Takes those who wait for the group's appends, to be answered later: Answer then leaves them
  // out.
  static std::vector<StoredAppend> TakeAppends(Group& group);
  void AnswerAppends(std::vector<StoredAppend>& appends);  // Any thread.

  // Answers the same callers with an error.
  static void Refuse(Group& group, const Error& refusal);
  static void RefuseAppends(std::vector<StoredAppend>& appends, const Error& refusal);

  // Describes damage that the store has found and that only Reopen can set aside; empty: none that
  // was not described before.
  std::string NewDamage();

  void OnReadable(std::function<void()> listener) { on_readable_ = std::move(listener); }

  const Numbers& numbers() const { return builder_.numbers(); }
  const WrittenParts& parts() const { return parts_; }

 private:
  const WrittenParts parts_;
  BatchTimer& timer_;
  BatchBuilder builder_;
  std::string last_damage_;
  std::function<void()> on_readable_;
};

}  // namespace relay
