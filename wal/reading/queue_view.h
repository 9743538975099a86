// Implements the read methods of LogView for any class that can open a queue: shared by the running
// log and offline inspection.
#pragma once

#include <shared_mutex>
#include <utility>
#include <vector>

#include "wal/log.h"
#include "wal/reading/queue_reader.h"

namespace relay {

// A queue, with whatever keeps its store open while it is read.
struct OpenQueue {
  QueueReader reader;
  std::shared_lock<std::shared_mutex> open;
};

// `Base` is LogView or a class derived from it.
template <typename Base>
class QueueView : public Base {
 public:
  Result<QueueStats> StatsOf(const BackendId& backend) const final {
    return Ask(backend, [](const QueueReader& reader) { return reader.ReadStats(); });
  }
  Result<std::vector<StoredRecord>> Read(const BackendId& backend, Sequence after,
                                         ReadLimit limit) const final {
    return Ask(backend, [&](const QueueReader& reader) { return reader.Read(after, limit); });
  }
  Result<Sequence> LastBefore(const BackendId& backend, WallTime time) const final {
    return Ask(backend, [&](const QueueReader& reader) { return reader.LastBefore(time); });
  }
  Result<std::vector<StoredDeadLetter>> ReadDead(const BackendId& backend, std::uint64_t after,
                                                 std::size_t count_max) const final {
    return Ask(backend,
               [&](const QueueReader& reader) { return reader.ReadDead(after, count_max); });
  }
  Result<std::vector<StoredGap>> ReadGaps(const BackendId& backend, std::uint64_t after,
                                          std::size_t count_max) const final {
    return Ask(backend,
               [&](const QueueReader& reader) { return reader.ReadGaps(after, count_max); });
  }
  Result<std::vector<HeldLane>> HeldLanes(const BackendId& backend) const final {
    return Ask(backend, [](const QueueReader& reader) {
      return Result<std::vector<HeldLane>>(reader.HeldLanes());
    });
  }
  Result<std::vector<StoredRecord>> ReadHeld(const BackendId& backend, const Lane& lane,
                                             Sequence after, ReadLimit limit) const final {
    return Ask(backend,
               [&](const QueueReader& reader) { return reader.ReadHeld(lane, after, limit); });
  }
  Result<WriteOutcome> OutcomeOf(const BackendId& backend, PayloadId payload) const final {
    return Ask(backend, [&](const QueueReader& reader) { return reader.OutcomeOf(payload); });
  }

 protected:
  virtual Result<OpenQueue> OpenQueueOf(const BackendId& backend) const = 0;

 private:
  template <typename Question>
  auto Ask(const BackendId& backend, const Question& question) const
      -> decltype(question(std::declval<const QueueReader&>())) {
    ASSIGN_OR_RETURN(OpenQueue queue, OpenQueueOf(backend));
    return question(queue.reader);
  }
};

}  // namespace relay
