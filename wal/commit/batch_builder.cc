#include "wal/commit/batch_builder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "wal/base/invariant.h"
#include "wal/record/rows.h"

namespace relay {

void BatchBuilder::Begin(const LoadedLog& log, std::unique_ptr<StoreBatch> batch) {
  numbers_ = {.tails = {}, .last_payload = log.last_payload, .last_backend = log.last_backend};
  for (const auto& [backend, queue] : log.queues) {
    numbers_.tails.emplace(backend, Tail{queue.number, queue.head, queue.last_accepted});
  }
  batch_ = std::move(batch);
}

void BatchBuilder::Clear() {
  INVARIANT(batch_ != nullptr);
  batch_->Clear();
}

void BatchBuilder::AddRow(std::string_view key, const std::optional<std::string>& value) {
  if (value) {
    batch_->Put(Family::kState, key, *value);
  } else {
    batch_->Delete(Family::kState, key);
  }
}

void BatchBuilder::Add(Group& group) {
  INVARIANT(batch_ != nullptr);
  for (const WaitingBackends* waiting : group.backends) StageBackends(*waiting);
  for (WaitingAppend& append : group.appends) StageAppend(append);
  for (WaitingChange* waiting : group.changes) StageChange(*waiting);
  if (!group.changes.empty()) {
    // This change may delete the newest payload; the stored number keeps its id from being reused.
    batch_->Put(Family::kState, kLastPayloadKey,
                EncodeNumber(kLastPayloadKey, numbers_.last_payload.value()));
  }
  for (const auto& [backend, state] : group.cursors) {
    PutQueueState(*batch_, numbers_.tails.at(backend).number, state);
  }
}

void BatchBuilder::StageBackends(const WaitingBackends& waiting) {
  for (const BackendId& backend : waiting.names) {
    if (numbers_.tails.contains(backend)) continue;  // Two callers asked for the same name.
    const BackendNumber number(++numbers_.last_backend);
    const std::string key = BackendKey(backend);
    batch_->Put(Family::kState, key, EncodeNumber(key, number.value()));
    PutQueueState(*batch_, number, QueueState());
    numbers_.tails.emplace(backend, Tail{number, Position(), WallTime()});
  }
  batch_->Put(Family::kState, kLastBackendKey,
              EncodeNumber(kLastBackendKey, numbers_.last_backend));
}

void BatchBuilder::StageAppend(WaitingAppend& append) {
  AppendRequest& request = append.Encoded();
  const PayloadId payload = numbers_.last_payload.Next();
  numbers_.last_payload = payload;
  append.payload = payload;
  batch_->Put(Family::kPayloads, PayloadKey(payload), request.record.Seal(payload));
  for (const BackendId& backend : *request.backends) {
    const auto known = numbers_.tails.find(backend);
    if (known == numbers_.tails.end()) continue;  // Forgotten since the write was routed.
    StageEntry(known->second, request);
  }
}

void BatchBuilder::StageEntry(Tail& tail, const AppendRequest& request) {
  Entry entry;
  entry.payload = numbers_.last_payload;
  entry.size = request.record.size();
  // The clock may step back; order in the log is by sequence alone, and a
  // search by time needs times that never fall.
  entry.accepted_at = std::max(tail.last_accepted, request.accepted_at);
  entry.position.sequence = tail.head.sequence.Next();
  entry.position.totals = tail.head.totals + entry.size;
  const std::string key = EntryKey(tail.number, entry.position.sequence);
  batch_->Put(Family::kEntries, key, EncodeEntry(key, entry));
  tail.head = entry.position;
  tail.last_accepted = entry.accepted_at;
}

void BatchBuilder::StageChange(WaitingChange& waiting) {
  for (WaitingAppend& append : waiting.appends) StageAppend(append);
  for (const Change::Row& row : waiting.change.rows) {
    if (row.value) {
      batch_->Put(row.family, row.key, *row.value);
    } else {
      batch_->Delete(row.family, row.key);
    }
  }
  if (waiting.change.state) {
    PutQueueState(*batch_, numbers_.tails.at(waiting.backend).number, *waiting.change.state);
  }
}

}  // namespace relay
