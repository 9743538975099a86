// Delivers one backend's records, oldest first within each lane, each at least
// once: what to do next, and what an answer means for it. It does no input or
// output but on the log's own verbs; somebody else sends and reads for it (the
// threads of a Worker, or a simulation) and tells it what came of it.
//
// Records are read in windows after the cursor and go to their lanes (database
// and retention policy). Each lane joins its records up to the batch caps and
// has at most one request under way; several lanes may. A refused piece is
// halved, down to the line, and the line that fails alone becomes a dead letter.
// The cursor moves over a record once every line of it is resolved.
//
// Slow. An attempt whose time is up, or that somebody in between gave up, is
// repeated; the third time in smaller pieces, since on a slow line a large one
// would never be answered.
//
// Hold. Where the backend lacks a database or a retention policy, the records of
// that lane go to the log's `held`, so that the cursor moves on and the other
// lanes with it. Where the backend as a whole cannot take anything, everything
// waits. A failure that says the latter of a backend that meanwhile took others'
// records concerns a lane all the same.
//
// Poison. A backend that fails on one lane's lines with an answer that blames
// nobody may be poisoned by one of them. After some tries a canary is sent: the
// line that this lane took last, once more, which changes nothing; or, where none
// is known, a line from behind, which is sent again when its turn comes. If that
// is taken, the lines are at fault and are halved like refused ones.
//
// Clients. Where records go with their clients' own credentials, the backend may
// refuse one client and take the others. A refused one is told from a backend
// that refuses everybody by what another client's lines are answered: a canary
// of one that waits in the same lane, or what other lanes get meanwhile. Others
// are taken: the lines become dead letters, and nobody waits for them. Nobody
// is: the backend is set up wrongly, and everything waits. A statement of a
// refused client is not carried out at all: everything behind it would wait.
//
// Statements. One that changes a database is sent alone, once everything read
// before it is resolved or on hold, and nothing behind it is read until it is
// resolved itself. What it may have deleted is never sent again as a canary.
//
// INVARIANT. The cursor never passes a record that is not resolved, and no
// record of a lane is sent before the one before it is resolved; whatever
// happens to the process, the same lines are sent again, never skipped.
//
// THREADS. One at a time, but Snapshot from any. Log and clock outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "replay/delivery/lanes.h"
#include "replay/delivery/request_gate.h"
#include "replay/delivery/status_board.h"
#include "replay/delivery/window.h"
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
    std::uint64_t epoch = 0;  // Of the lane: what was read since is something else.
    Clock::TimePoint started;
    std::shared_ptr<const SendBatch> piece;
  };
  // A verdict, and why in words: those of the error where no answer came.
  struct Judged : Verdict {
    std::string why;
  };
  // delivery.cc: what to do next, the log.
  Job ChooseJob();
  std::optional<Job> NextOfLanes();
  std::optional<Job> StartLane(LaneQueue& lane);
  Job StartRequest(LaneQueue& lane, Kind kind, std::shared_ptr<const SendBatch> piece);
  std::shared_ptr<const SendBatch> FormPiece(LaneQueue& lane);
  std::optional<Job> NextRead();
  Wait WaitForWork();
  bool MayReadOn() const;
  void TakeIntoLanes(std::vector<StoredRecord> records);
  LaneQueue& LaneFor(const WriteParams& params, LaneQueue* last);
  void TakeIntoLane(LaneQueue& lane, Sequence sequence);
  void TakeHeld(LaneQueue& lane, std::vector<StoredRecord> records);

  void LookAtLog();
  void LookAtHeldLanes();
  void CompareHeld(LaneQueue& lane, const HeldLane* held);
  void LookAtRate();
  bool CommitResolved();
  bool SettleFlow();
  bool SettleHeld(LaneQueue& lane);
  void HeldSettled(LaneQueue& lane);
  void NoteHeld(const ResolvedPrefix& settlement);
  void StartOver();
  bool LogFailed(const Error& error);

  // delivery_holds.cc: lanes on hold.
  void PutOnHold(LaneQueue& lane, std::string why, std::string remedy);
  void TakeOutOfFlow(LaneQueue& lane);
  void Drain(LaneQueue& lane);
  void FinishIfAllRead(LaneQueue& lane);
  void PutBackIntoFlow(LaneQueue& lane);
  void GoLive(LaneQueue& lane);
  void HoldByOperator(LaneQueue& lane, bool held);
  void ForgetHeldRead(LaneQueue& lane);

  // delivery_answers.cc: what an answer means.
  UnderWay Report(JobId id, const Result<Reply>& answer);
  void Act(LaneQueue& lane, const UnderWay& job, const Judged& verdict, const Reply& reply);
  void Delivered(LaneQueue& lane, const UnderWay& job);
  void Refused(LaneQueue& lane, const SendBatch& piece, const Judged& verdict, const Reply& reply);
  bool RefusedByName(LaneQueue& lane, const UnderWay& job, const Judged& verdict,
                     const Reply& reply);
  DeadLetter LetterOf(const SendBatch::Part& part, const Judged& verdict, const Reply& reply) const;
  void RecordDeadLetters(LaneQueue& lane, const SendBatch& piece, const Judged& verdict,
                         const Reply& reply);
  void ReplaceFront(LaneQueue& lane, std::vector<SendBatch> parts);
  void FinishFront(LaneQueue& lane, const SendBatch& piece);
  void ForgetTaken(const std::string& database);
  void Hold(LaneQueue& lane, const Judged& verdict, const WriteParams& params);
  void Retry(LaneQueue& lane, const Judged& verdict, const Backoff& backoff, WorkerState state);
  void CutIfSlow(LaneQueue& lane, const UnderWay& job);
  void WaitAndRetry(LaneQueue& lane, const Judged& verdict, const Backoff& backoff,
                    WorkerState state);
  void Suspect(LaneQueue& lane, const SendBatch& piece, const Judged& verdict, const Reply& reply);
  void SuspectClient(LaneQueue& lane, const SendBatch& piece, const Judged& verdict,
                     const Reply& reply);
  void RefuseClient(LaneQueue& lane, const SendBatch& piece, const Judged& verdict,
                    const Reply& reply);
  std::shared_ptr<const SendBatch> FindOtherClient(LaneQueue& lane);
  void FormPieceOfOther(LaneQueue& lane, const ClientCredentials& than);
  std::shared_ptr<const SendBatch> FindCanary(LaneQueue& lane);
  void CanaryAnswered(LaneQueue& lane, const Judged& verdict);
  void AfterCanary(LaneQueue& lane);
  void Succeeded(const UnderWay& job);
  std::string RemedyOf(const Judged& verdict, const WriteParams& params) const;
  bool FailsAlone(const LaneQueue& lane, std::uint32_t tries) const;
  Window& WindowOf(LaneQueue& lane) { return lane.held.empty() ? window_ : lane.held; }

  // delivery_status.cc: what is shown.
  DeliveryStatusBoard::State StateNow() const;
  void ShowState();
  void ShowLanes();
  const LaneQueue* LongestHeld() const;
  static LaneStatus NamedStatusOf(const LaneQueue& lane);
  double Chance();

  const DeliveryOptions options_;
  Log& log_;
  Clock& clock_;

  Window window_;
  bool fenced_ = false;             // A statement comes next, or is alone in the window.
  Marks marks_;                     // As of the last look.
  std::optional<JobId> flow_read_;  // Under way; what another one read is thrown away.
  Clock::TimePoint read_again_at_;  // While requests are under way.
  JobId last_job_ = 0;
  std::map<JobId, UnderWay> under_way_;
  LaneQueues lanes_;
  std::set<LaneQueue*> on_hold_;    // Not live.
  std::set<LaneQueue*> held_open_;  // Reading or sending what they hold.

  std::uint32_t log_failures_ = 0;
  Clock::TimePoint log_retry_at_;
  std::uint64_t taken_ = 0;           // Requests.
  std::uint64_t clients_taken_ = 0;   // Those of them with a client's credentials, and when ...
  Clock::TimePoint client_taken_at_;  // ... the last one was.
  bool is_paused_ = false;
  std::string log_why_;  // Of its last failure.
  bool lanes_changed_ = false;
  Clock::TimePoint look_again_at_;
  Clock::TimePoint holds_full_until_;
  RequestGate gate_;
  DeliveryStatusBoard board_;
  std::minstd_rand random_;
};

}  // namespace relay
