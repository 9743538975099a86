// Delivers one backend's records, oldest first within each lane, each at least once. It decides
// what to do next and handles the outcome; the threads of a Worker, or a simulation, send and read
// for it. Its only input and output are the log's commands.
//
// Parts. It routes jobs between them and holds nothing that they know:
//   LaneBook            the lanes and what was read for them
//   RequestGate         when a request may start, and how large
//   AnswerPolicy        what an answer means (poison, clients, lanes that fail alone)
//   CursorCommitter     the cursor in the log
//   DeliveryStatusBoard what is shown
//
// Records are read in windows behind the cursor and go to their lanes (database and retention
// policy). Each lane joins its records up to the batch limits and has at most one request under
// way; several lanes may each have one. A refused batch is halved, down to the line; a line that
// fails alone becomes a dead letter. The cursor moves over a record once every line of it is
// resolved.
//
// Slow. An attempt that timed out, here or at a proxy, is repeated; the third time in smaller
// batches, since over a slow link a large one would never be answered.
//
// Hold. If the backend lacks a database or a retention policy, the records of that lane go to the
// log's `held`, so that the cursor and the other lanes move on. If the backend as a whole accepts
// nothing, everything waits.
//
// Suspects. Lines that end a backend are kept from the others: while another delivery searches
// among lines that come next in a lane, that lane waits; a line that was found becomes a dead
// letter without being sent.
//
// Statements. A statement that changes a database is sent alone, once everything read before it is
// resolved or on hold, and nothing behind it is read until it is resolved itself. Lines that it may
// have deleted are never sent again as a canary.
//
// INVARIANT. The cursor never passes an unresolved record, and no record of a lane is sent before
// the previous one is resolved; whatever happens to the process, lines may be sent again but are
// never skipped.
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

#include "replay/batch/send_batch.h"
#include "replay/delivery/answer_policy.h"
#include "replay/delivery/cursor_committer.h"
#include "replay/delivery/lane_book.h"
#include "replay/delivery/read_budget.h"
#include "replay/delivery/request_gate.h"
#include "replay/delivery/status_board.h"
#include "replay/delivery/suspects.h"
#include "replay/delivery/worker_status.h"
#include "replay/transport/transport.h"
#include "replay/transport/verdict.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

// Lines that ended a backend and become dead letters.
struct EndingLines {
  BackendId ended;
  std::string database;
  PointCount points = 0;
  std::string first;
};

struct DeliveryOptions {
  BackendId backend;
  PointCount batch_points_max = 10'000;
  Bytes batch_bytes_max = 4_MiB;
  Bytes read_least = 1_MiB;     // Read from the log at once, however small batches are.
  std::size_t at_once_max = 1;  // Concurrent requests, each of another lane.
  std::chrono::milliseconds timeout{10'000};  // The limit for one attempt.
  RateLimit rate;
  UnknownRefusals unknown_refusals = UnknownRefusals::kHold;
  bool create_databases = false;
  // Records accepted longer ago become gaps; 0: none does.
  std::chrono::milliseconds max_age{0};
  bool passes_credentials = false;  // Clients' credentials; the backend has none of its own.
  // Returns the parameters with the backend's own names, for messages.
  std::function<WriteParams(const WriteParams&)> renamed = [](const WriteParams& params) {
    return params;
  };
  // Shell commands to show to a person: one asks whether the backend is there, one creates what the
  // parameters name, one gives up what is refused in a lane. Empty: there is none.
  std::string ping_command;
  std::function<std::string(const WriteParams&)> create_command = [](const WriteParams&) {
    return std::string();
  };
  std::function<std::string(const Lane&)> give_up_command = [](const Lane&) {
    return std::string();
  };
  Backoff retry{.first = std::chrono::milliseconds(100), .max = std::chrono::seconds(5)};
  // For held lanes: probing more often would only fill the backend's log.
  Backoff probe{.first = std::chrono::seconds(1), .max = std::chrono::seconds(30)};
  // For a backend at its limit: gives it time to write its cache out.
  Backoff rest{.first = std::chrono::seconds(5), .max = std::chrono::seconds(60)};
  std::chrono::milliseconds stuck_after{60'000};
  std::uint64_t jitter_seed = 0;
  // Called on every change of state or of its reason, and on getting stuck, on a thread of the
  // worker, which must not be called meanwhile.
  std::function<void(const WorkerStatus&)> on_change = [](const WorkerStatus&) {};
  // Called with each entry of the gap ledger that the delivery makes.
  std::function<void(const Gap&)> on_gap = [](const Gap&) {};
  // Called when the backend accepted lines of a lane, of records up to this one; when it executed a
  // statement that may have changed the database; when the cursor was set back.
  std::function<void(const Lane&, Sequence)> on_delivered = [](const Lane&, Sequence) {};
  std::function<void(const std::string&)> on_statement = [](const std::string&) {};
  std::function<void(const Marks&)> on_rewound = [](const Marks&) {};
  // Called when lines that ended this backend, or another, become dead letters.
  std::function<void(const EndingLines&)> on_ending_lines = [](const EndingLines&) {};
  // Shared by the deliveries of all backends.
  std::shared_ptr<SuspectLines> suspects = std::make_shared<SuspectLines>();
  // Shared likewise.
  std::shared_ptr<ReadBudget> read_budget = std::make_shared<ReadBudget>();
  // Called with the duration of each request, answered or not.
  std::function<void(Clock::TimePoint::duration)> on_request = [](Clock::TimePoint::duration) {};
};

class Delivery {
 public:
  using JobId = std::uint64_t;

  // Jobs for the caller to do and then report under the same id. Any number may be under way; each
  // is reported exactly once.
  struct Send {
    JobId id = 0;
    std::shared_ptr<const SendBatch> batch;
  };
  struct Create {
    JobId id = 0;
    WriteParams params;
  };
  struct Read {
    JobId id = 0;
    std::optional<Lane> held;  // The lane whose held records to read; nullopt: read the flow.
    Sequence after = Sequence::BeforeFirst();
    ReadLimit limit;
  };
  // No job: ask again after `duration` or after a report; if `for_more`, also when the log has more
  // to read.
  struct Wait {
    WorkerState state = WorkerState::kCaughtUp;
    Clock::Duration duration{0};
    bool for_more = false;
  };
  using Job = std::variant<Wait, Send, Create, Read>;

  Delivery(DeliveryOptions options, Log& log, Clock& clock);

  Job Next();

  // Ends the back-off of the backend and of its held lanes: the next job asks it again.
  void TryNow();

  void Sent(JobId id, const Result<Reply>& answer);
  void Created(JobId id, const Result<Reply>& answer);
  void HasRead(JobId id, Result<std::vector<StoredRecord>> read);

  WorkerStatus Snapshot() const { return board_.Snapshot(); }

 private:
  enum class Kind : std::uint8_t { kBatch, kCanary, kCreate, kReadHeld };
  struct UnderWay {
    Kind kind = Kind::kBatch;
    LaneQueue* lane = nullptr;
    std::uint64_t epoch = 0;  // The lane's at the start: a higher one now means a restart.
    Clock::TimePoint started;
    std::shared_ptr<const SendBatch> batch;
  };
  struct FlowRead {
    std::optional<JobId> id;     // Under way; nullopt: none.
    std::uint64_t restarts = 0;  // The committer's at the start.
    Clock::TimePoint gathered_at;
    Clock::TimePoint again_at;  // The next read, while requests are under way.
  };
  // Requests that the backend accepted.
  struct AcceptedCounts {
    std::uint64_t requests = 0;
    std::uint64_t of_clients = 0;  // Requests with a client's credentials;
    Clock::TimePoint client_at;    // the time of the last one.
  };
  // An answer and its reason: the error's if none came.
  struct Judged {
    Verdict verdict;
    Reply reply;
    std::string reason;
    std::optional<DividedBatch> divided = std::nullopt;  // The front batch, by this answer.
  };

  // The wait of lanes for another backend's search.
  struct SearchElsewhere {
    Clock::TimePoint until;
    std::string reason;
  };

  Job ChooseJob();
  std::optional<Job> NextOfLanes();
  bool KeepsSuspects(LaneQueue& lane);
  void SetEndingLinesAside(LaneQueue& lane, const BackendId& ended);
  Job StartHeldRead(LaneQueue& lane);
  Job StartRequest(LaneQueue& lane, Kind kind, std::shared_ptr<const SendBatch> batch);
  bool IsLearning() const;
  Bytes ReadAtOnce() const;
  bool MayReadOn();
  Clock::TimePoint ReadsAt() const;
  std::optional<Job> NextRead();
  void HasReadFlow(JobId id, Result<std::vector<StoredRecord>> read);
  Wait WaitForWork();

  UnderWay TakeReport(JobId id, const Result<Reply>& answer);
  void NoteEnd(LaneQueue& lane, const Verdict& verdict);
  void EndSearch(LaneQueue& lane);
  LaneFacts FactsOf(LaneQueue& lane, bool is_slow, const Judged& answer);
  void Apply(const Decision& decision, LaneQueue& lane, const UnderWay& job, const Judged& answer);
  void NoteWorking(const UnderWay& job);
  void OnAccepted(LaneQueue& lane, const UnderWay& job, Step step, const Judged& answer);
  void Refused(LaneQueue& lane, Step step, const Judged& answer);
  void GiveUp(LaneQueue& lane, const Judged& answer);
  void Suspect(LaneQueue& lane, const Decision& decision, const Judged& answer);
  void CanaryAnswered(LaneQueue& lane, const UnderWay& job, const LaneFacts& facts,
                      const Judged& answer);
  void Hold(LaneQueue& lane, const Decision& decision, const Judged& answer);
  void RetryLater(LaneQueue& lane, const Decision& decision, const Judged& answer);
  void ShowState();

  const DeliveryOptions options_;
  Clock& clock_;
  ReadBudget::Share share_;
  std::minstd_rand random_;
  LaneBook book_;
  RequestGate gate_;
  const AnswerPolicy policy_;
  DeliveryStatusBoard board_;
  CursorCommitter cursor_;
  JobId last_job_ = 0;
  std::map<JobId, UnderWay> under_way_;
  FlowRead flow_read_;
  AcceptedCounts accepted_;
  SearchElsewhere elsewhere_;
};

}  // namespace relay
