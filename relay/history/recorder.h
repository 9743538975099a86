// Records the history of a running relay: looks at its status every second, writes a row a minute
// and each change when it is seen. What lasts less than a second may be missed.
//
// A disk that is full or fails never stops the relay: rows are then left out, and the newest events
// wait in memory for it.
//
// THREADS. Has one of its own, from Start to Stop; methods from any number. Clock and store outlive
// it; so does what the status refers to, until Stop.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "relay/history/store.h"
#include "relay/status/relay_status.h"
#include "wal/base/clock.h"

namespace relay {

class HistoryRecorder {
 public:
  static constexpr std::size_t kWaitingMax = 1'000;

  HistoryRecorder(HistoryStore& store, Clock& clock, std::function<RelayStatus()> status);
  ~HistoryRecorder() { Stop(); }
  HistoryRecorder(const HistoryRecorder&) = delete;
  HistoryRecorder& operator=(const HistoryRecorder&) = delete;

  // Notes the start, and how the relay ended before.
  void Start();

  // Writes what was seen since the last row, and that the relay was stopped in good order.
  void Stop();

  // Looks once; called every second.
  void Look();

  // Returns the row that is not on disk yet; nullopt: there is none.
  std::optional<HistoryRow> Present() const;

  // Notes an event that the status does not show; sets its time.
  void Note(HistoryEvent event);

 private:
  // Remembers of a backend what the row does not say.
  struct Watched {
    std::string down;  // The state that was noted; empty: it takes writes.
    std::optional<Clock::TimePoint> down_since;  // nullopt: since before the start.
    bool recovers = false;                       // It was down and lacks some of it still.
    std::optional<Sequence> recovered_at;        // The head when it came back.
    PointCount points_worst = 0;                 // During the outage.
    double age_worst = 0;
    std::optional<CounterTotals> totals;  // At the last look.
    Histogram::Reading sent_before;       // The send times when the row began ...
    Histogram::Reading sent;              // ... and at the last look.
  };

  void Remember(const HistoryEvent& event);
  HistoryEvent StartedNow() const;
  void NoteClock();
  void NoteBackend(const BackendStatus& backend, WallTime now);
  void NoteOutage(const BackendStatus& backend, Watched& watched);
  void NoteRecovery(const BackendStatus& backend, Watched& watched);
  void AddSample(const BackendStatus& backend, WallTime now, Watched& watched);
  void CloseRowIfDue(WallTime now);
  void CloseRow();
  void Write(HistoryEvent event);
  void WriteWaiting();
  void Report(const Status& written);

  HistoryStore& store_;
  Clock& clock_;
  const std::function<RelayStatus()> status_;
  mutable std::mutex mutex_;  // Guards what follows.
  bool started_ = false;
  std::map<std::string, Watched> watched_;
  std::optional<HistoryRow> row_;
  std::uint64_t looks_ = 0;  // In the row.
  std::optional<Moment> last_look_;
  std::deque<HistoryEvent> waiting_;  // Oldest first.
  bool failing_ = false;
  std::jthread thread_;
};

}  // namespace relay
