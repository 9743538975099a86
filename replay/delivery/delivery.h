// Delivers one backend's records, oldest first within each lane, each at least
// once. It says what to do next and takes in what came of it; the threads of a
// Worker, or a simulation, send and read for it. It does no input or output except
// the log's own commands.
//
// Parts. It routes jobs between them and holds nothing that they know:
//   LaneBook            the lanes and what was read for them
//   RequestGate         when a request may start, and how large
//   AnswerPolicy        what an answer means (poison, clients, lanes that fail alone)
//   CursorCommitter     the cursor in the log
//   DeliveryStatusBoard what is shown
//
// Records are read in windows after the cursor and go to their lanes (database
// and retention policy). Each lane joins its records up to the batch caps and
// has at most one request under way; several lanes may. A refused piece is
// halved, down to the line, and the line that fails alone becomes a dead letter.
// The cursor moves over a record once every line of it is resolved.
//
// Slow. An attempt that timed out, here or at a proxy, is repeated; the third time
// in smaller pieces, since on a slow line a large one would never be answered.
//
// Hold. Where the backend lacks a database or a retention policy, the records of
// that lane go to the log's `held`, so that the cursor moves on and the other
// lanes with it. Where the backend as a whole cannot take anything, everything
// waits.
//
// Statements. One that changes a database is sent alone, once everything read
// before it is resolved or on hold, and nothing behind it is read until it is
// resolved itself. What it may have deleted is never sent again as a canary.
//
// INVARIANT. The cursor never passes a record that is not resolved, and no
// record of a lane is sent before the one before it is resolved; whatever
// happens to the process, the same lines are sent again, never skipped.
//
// THREADS. One at a time, except Snapshot from any. Log and clock outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "replay/delivery/answer_policy.h"
#include "replay/delivery/cursor_committer.h"
#include "replay/delivery/lane_book.h"
#include "replay/delivery/request_gate.h"
#include "replay/delivery/send_batch.h"
#include "replay/delivery/status_board.h"
#include "replay/delivery/worker_status.h"
#include "replay/transport/transport.h"
#include "replay/transport/verdict.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

struct DeliveryOptions {
  BackendId backend;
  PointCount batch_points_max = 10'000;
  Bytes batch_bytes_max = 4_MiB;
  Bytes read_least = 1_MiB;                   // Of the log at once, however small batches are.
  std::size_t at_once_max = 1;                // Requests under way, each of another lane.
  std::chrono::milliseconds timeout{10'000};  // After which an attempt is given up.
  RateLimit rate;
  bool create_databases = false;
  bool passes_credentials = false;  // Those of clients; the backend has none of its own.
  // For a shell, to be shown to a person: that asks the backend whether it is
  // there, and that creates what the parameters name. Empty: there is none.
  std::string ping_command;
  std::function<std::string(const WriteParams&)> create_command = [](const WriteParams&) {
    return std::string();
  };
  Backoff retry{.first = std::chrono::milliseconds(100), .max = std::chrono::seconds(5)};
  // Held: probing more often would only fill the backend's log.
  Backoff probe{.first = std::chrono::seconds(1), .max = std::chrono::seconds(30)};
  // At its limit: give the backend time to write its cache out.
  Backoff rest{.first = std::chrono::seconds(5), .max = std::chrono::seconds(60)};
  std::chrono::milliseconds stuck_after{60'000};
  std::uint64_t jitter_seed = 0;
  // Told of every change of state or of its reason, and of getting stuck, on a
  // thread of the worker, which must not be asked anything meanwhile.
  std::function<void(const WorkerStatus&)> on_change = [](const WorkerStatus&) {};
  // Told how long each request took, answered or not.
  std::function<void(Clock::TimePoint::duration)> on_request = [](Clock::TimePoint::duration) {};
};

class Delivery {
 public:
  using JobId = std::uint64_t;

  // What somebody is to do, and then to report under the same id. Any number
  // may be under way; each is reported exactly once.
  struct Send {
    JobId id = 0;
    std::shared_ptr<const SendBatch> piece;
  };
  struct Create {
    JobId id = 0;
    WriteParams params;
  };
  struct Read {
    JobId id = 0;
    std::optional<Lane> held;  // What this lane holds, or else the flow.
    Sequence after = Sequence::BeforeFirst();
    ReadLimit limit;
  };
  // Nothing: ask again after `duration`, or once a job was reported; where
  // `for_more`, also when the log has more to read.
  struct Wait {
    WorkerState state = WorkerState::kCaughtUp;
    Clock::Duration duration{0};
    bool for_more = false;
  };
  using Job = std::variant<Wait, Send, Create, Read>;

  Delivery(DeliveryOptions options, Log& log, Clock& clock);

  Job Next();

  void Sent(JobId id, const Result<Reply>& answer);
  void Created(JobId id, const Result<Reply>& answer);
  void HasRead(JobId id, Result<std::vector<StoredRecord>> read);

  WorkerStatus Snapshot() const { return board_.Snapshot(); }

 private:
  enum class Kind : std::uint8_t { kPiece, kCanary, kCreate, kReadHeld };
  struct UnderWay {
    Kind kind = Kind::kPiece;
    LaneQueue* lane = nullptr;
    std::uint64_t epoch = 0;  // The lane's: what was read since is something else.
    Clock::TimePoint started;
    std::shared_ptr<const SendBatch> piece;
  };
  struct FlowRead {
    std::optional<JobId> id;     // Under way. nullopt: none is.
    std::uint64_t restarts = 0;  // The committer's, when it started.
    Clock::TimePoint again_at;   // Not before, while requests are under way.
  };
  // Requests that the backend took.
  struct TakenCounts {
    std::uint64_t requests = 0;
    std::uint64_t of_clients = 0;  // Those of them with a client's credentials, and when ...
    Clock::TimePoint client_at;    // ... the last one was taken.
  };
  // An answer, and why in words: the error's where none came.
  struct Judged {
    Verdict verdict;
    Reply reply;
    std::string why;
  };

  Job ChooseJob();
  std::optional<Job> NextOfLanes();
  Job StartHeldRead(LaneQueue& lane);
  Job StartRequest(LaneQueue& lane, Kind kind, std::shared_ptr<const SendBatch> piece);
  bool MayReadOn() const;
  std::optional<Job> NextRead();
  void HasReadFlow(JobId id, Result<std::vector<StoredRecord>> read);
  Wait WaitForWork();

  UnderWay TakeReport(JobId id, const Result<Reply>& answer);
  LaneFacts FactsOf(LaneQueue& lane, bool is_slow, const Judged& answer);
  void Apply(const Decision& decision, LaneQueue& lane, const UnderWay& job, const Judged& answer);
  void NoteWorking(const UnderWay& job);
  void Taken(LaneQueue& lane, const UnderWay& job, Step step, const Judged& answer);
  void Refused(LaneQueue& lane, Step step, const Judged& answer);
  void Suspect(LaneQueue& lane, const Decision& decision, const Judged& answer);
  void CanaryAnswered(LaneQueue& lane, const UnderWay& job, const LaneFacts& facts,
                      const Judged& answer);
  void Hold(LaneQueue& lane, const Decision& decision, const Judged& answer);
  void RetryLater(LaneQueue& lane, const Decision& decision, const Judged& answer);
  void ShowState();

  const DeliveryOptions options_;
  Clock& clock_;
  std::minstd_rand random_;
  LaneBook book_;
  RequestGate gate_;
  const AnswerPolicy policy_;
  DeliveryStatusBoard board_;
  CursorCommitter cursor_;
  JobId last_job_ = 0;
  std::map<JobId, UnderWay> under_way_;
  FlowRead flow_read_;
  TakenCounts taken_;
};

}  // namespace relay
