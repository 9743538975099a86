// Delivers one backend's records, oldest first, each at least once.
//
// A worker reads a window of records after the cursor and cuts it into pieces,
// one request each: records with equal parameters, joined up to the batch caps.
// Within one set of parameters the pieces go in order, and the next is sent
// only when the one before it is resolved. A refused piece is halved, down to
// the line, and the line that fails alone becomes a dead letter. The cursor
// moves over a record once every line of it is delivered or set aside.
//
// INVARIANT. The cursor never passes a record that is not resolved; whatever
// happens to the process, the same lines are sent again, never skipped.
//
// THREADS. One thread runs a worker (Step or Run); Snapshot may be read from any.
// Log, transport and clock outlive it; workers share only the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "replay/backoff.h"
#include "replay/clock.h"
#include "replay/transport.h"
#include "replay/verdict.h"
#include "wal/log.h"

namespace relay {

enum class WorkerState : std::uint8_t {
  kCaughtUp,    // Nothing is owed.
  kDelivering,  // The last request was taken.
  kRetrying,    // The backend does not take anything now.
  kHeld,        // Something is wrong with the set-up; see `why`.
  kLogFailing,  // The log cannot be read or written.
};

// "caught up", "delivering", "retrying", "held", "log failing".
std::string_view ToString(WorkerState state);

// What there is to say of a worker beside the log's figures.
struct WorkerStatus {
  WorkerState state = WorkerState::kCaughtUp;
  WallTime since;           // When the state began.
  std::string why;          // Empty while all is well.
  std::string last_answer;  // The last one that was not a success, with its status; cut.
  std::uint32_t failures_in_a_row = 0;
  std::uint64_t requests = 0;
};

class Worker {
 public:
  struct Options {
    BackendId backend;
    PointCount batch_points_max = 10'000;
    Bytes batch_bytes_max = 4_MiB;
    Backoff retry{.first = std::chrono::milliseconds(100), .max = std::chrono::seconds(5)};
    // Held: probing more often would only fill the backend's log.
    Backoff probe{.first = std::chrono::seconds(1), .max = std::chrono::seconds(30)};
    // At its limit: give the backend time to write its cache out.
    Backoff rest{.first = std::chrono::seconds(5), .max = std::chrono::seconds(60)};
    std::uint64_t jitter_seed = 0;
    // Told of every change of state or of its reason, on the worker's thread.
    std::function<void(const WorkerStatus&)> on_change = [](const WorkerStatus&) {};
  };

  // How a step ended, and how long to wait before the next one.
  struct StepResult {
    WorkerState state = WorkerState::kCaughtUp;
    Clock::Duration wait{0};
  };

  Worker(Options options, Log& log, Transport& transport, Clock& clock);

  // Sends at most one request. Does not wait but for the transport's answer.
  StepResult Step();

  // Steps and waits until `stop` is requested. `more` is raised when the log
  // has more to read.
  void Run(Signal& more, const std::stop_token& stop);

  WorkerStatus Snapshot() const;

 private:
  // A record of the window and what became of it.
  struct Slot {
    StoredRecord stored;
    std::size_t pieces_left = 1;  // 0: resolved.
    PointCount delivered = 0;
    std::vector<DeadLetter> letters;
    std::optional<Gap> gap;  // Its stored bytes are damaged.
  };

  // What goes in one request: whole records, or some lines of one.
  struct Piece {
    std::vector<std::size_t> slots;  // Ascending, with equal parameters.
    PointCount points = 0;
    Bytes bytes{0};
    std::uint32_t first_line = 1;  // Of a single record: the lines from here ...
    std::size_t offset = 0;        // ... which begin at this byte.
  };

  StepResult LoadWindow();
  void CutIntoPieces();
  bool Fits(const Piece& piece, const StoredRecord& next) const;
  void GiveUpDamaged(std::size_t at);
  const Record& RecordOf(const Piece& piece) const;
  std::string_view LinesOf(const Piece& piece);

  StepResult SendFront();
  StepResult Act(const Verdict& verdict, const Reply& reply);
  StepResult Refused(const Verdict& verdict, const Reply& reply);
  StepResult WaitAndRetry(const Verdict& verdict, const Backoff& backoff, WorkerState state);
  StepResult Finished();

  void BuryFront(const Verdict& verdict, const Reply& reply);
  void HalveFront();
  void LearnSmallerBatch(const Piece& piece);
  Status Settle();
  void ForgetWindow();

  StepResult LogFailed(const Error& error);
  void Note(WorkerState state, std::string_view why);
  void NoteRequest(const Result<Reply>& answer);
  double Chance();

  const Options options_;
  Log& log_;
  Transport& transport_;
  Clock& clock_;

  std::vector<Slot> window_;
  Sequence cursor_ = Sequence::BeforeFirst();  // Where the log's was when it last moved.
  std::size_t settled_ = 0;                    // Slots of the window that the cursor has passed.
  std::deque<Piece> pieces_;
  std::string joined_;     // The lines of a piece of several records.
  Bytes batch_bytes_max_;  // Less than configured once the backend said 413.
  std::uint32_t failures_in_a_row_ = 0;
  std::minstd_rand random_;

  mutable std::mutex status_mutex_;
  WorkerStatus status_;
};

}  // namespace relay
