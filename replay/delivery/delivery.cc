#include "replay/delivery/delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replay/batch/divide_by_answer.h"
#include "replay/delivery/dead_letters.h"
#include "replay/delivery/lane_batches.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

// After a line was given up, lines of its lane with the same answer are given up at once.
constexpr Clock::Duration kGivesUpAlike = std::chrono::minutes(1);

// Ends of the connection at the same lines before other backends wait for what is found: a backend
// that is stopped ends it once.
constexpr std::uint32_t kEndsBeforeSearch = 2;

// A lane whose lines another backend's search is for looks again after this.
constexpr Clock::Duration kSearchLooks{250};

// The read-ahead in batches: one under way, one waiting, one being read.
constexpr std::uint64_t kBatchesRead = 3;
constexpr RecordCount kReadRecordsMax = 10'000;
constexpr RecordCount kWindowRecordsMax = 4 * kReadRecordsMax;

// While a request is under way, new records are read this often, not each time one is accepted.
constexpr Clock::Duration kReadAgain{5};

// With many backends each gathers new records for a moment: fewer, larger requests cost less. So
// many of them add a millisecond.
constexpr std::uint64_t kReadersPerMillisecond = 8;

// A delivery that another relay does checks this often whether it is its turn.
constexpr Clock::Duration kWhileElsewhere{50};

// A paused delivery checks this often whether it may go on.
constexpr Clock::Duration kWhilePaused{1'000};

// An answer that takes longer is a sign of load.
constexpr std::chrono::seconds kAtOnce{1};

// For this long after a client's lines were accepted, another client's refusal counts as that
// client's own problem, and nobody waits for it.
constexpr std::chrono::seconds kClientsFresh{10};

// Returns a remedy, with a command to copy to a shell.
std::string RemedyOf(const Verdict& verdict, const WriteParams& params,
                     const DeliveryOptions& options) {
  const WriteParams named = options.renamed(params);
  std::string remedy = Remedy(verdict.text->remedy, options.backend.text(), named);
  std::string command;
  if (verdict.text->command == Command::kPing) command = options.ping_command;
  if (verdict.text->command == Command::kCreate) command = options.create_command(params);
  return command.empty() ? remedy : remedy + ": " + command;
}

// Returns the reason of a verdict; that of a redirect names its target.
std::string ReasonOf(const Verdict& verdict, const Result<Reply>& answer) {
  if (!answer.ok()) return answer.error().message();
  std::string reason(verdict.text->reason);
  const Reply& reply = answer.value();
  constexpr std::size_t kShownMax = 256;
  if (reply.http_status / 100 == 3 && !reply.location.empty()) {
    reason += ": " + reply.location.substr(0, kShownMax);
  }
  return reason;
}

// The reason of a dead letter whose line ended a backend: this one, or another.
std::string EndedHere(const Verdict& verdict) {
  return fmt::format(
      "no answer: {} each time when this line was sent alone, while others were "
      "accepted; it is not sent to the other backends either",
      verdict.text->reason);
}
std::string EndedElsewhere(const BackendId& ended) {
  return fmt::format("not sent: this line ended the backend {}, which did not answer it",
                     ended.text());
}

EndingLines EndingLinesOf(const BackendId& ended, const SendBatch& batch) {
  LineWalk walk(batch.parts.front().lines());
  return {ended, batch.params().database, batch.points, std::string(walk.Next())};
}

std::string RemedyByCreating(const WriteParams& params, const DeliveryOptions& options) {
  const WriteParams named = options.renamed(params);
  std::string remedy =
      fmt::format("create database \"{}\" on {}", named.database, options.backend.text());
  const std::string command = options.create_command(params);
  if (!command.empty()) remedy += ": " + command;
  return remedy;
}

// A log that cannot say what is too old is asked again for the next record.
LaneBook::OldThrough OldThrough(const DeliveryOptions& options, const Log& log,
                                const Clock& clock) {
  if (options.max_age.count() == 0) return [] { return Sequence::BeforeFirst(); };
  return [&options, &log, &clock] {
    const Result<Sequence> last = log.LastOlderThan(options.backend, options.max_age, clock.Now());
    return last.ok() ? last.value() : Sequence::BeforeFirst();
  };
}

}  // namespace

Delivery::Delivery(DeliveryOptions options, Log& log, Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      share_(options_.read_budget),
      random_(static_cast<std::minstd_rand::result_type>(options_.jitter_seed)),
      book_(options_.probe, OldThrough(options_, log, clock), clock, random_),
      gate_({.batch_points_max = options_.batch_points_max,
             .batch_bytes_max = options_.batch_bytes_max,
             .at_once_max = options_.at_once_max,
             .timeout = options_.timeout,
             .rate = options_.rate}),
      policy_({.unknown_refusals = options_.unknown_refusals,
               .create_databases = options_.create_databases,
               .passes_credentials = options_.passes_credentials}),
      board_(options_.stuck_after, options_.on_change, clock),
      cursor_(options_.backend, options_.retry,
              {.log = log,
               .on_gap = options_.on_gap,
               .on_rewound = options_.on_rewound,
               .book = book_,
               .gate = gate_,
               .board = board_,
               .clock = clock,
               .random = random_}) {
  board_.Show({}, {.batch_bytes_max = options_.batch_bytes_max});
}

Delivery::Job Delivery::Next() {
  Job job = ChooseJob();
  ShowState();
  if (auto* wait = std::get_if<Wait>(&job)) wait->state = board_.state();
  return job;
}

void Delivery::TryNow() {
  gate_.RetryNow(clock_.Now());
  book_.TryNow();
}

Delivery::Job Delivery::ChooseJob() {
  cursor_.Look(under_way_.empty());
  const Clock::TimePoint now = clock_.Now();
  const bool log_rests = cursor_.retry_at() > now;
  if (log_rests || !cursor_.Commit()) {
    return Wait{WorkerState::kLogFailing,
                std::chrono::ceil<Clock::Duration>(cursor_.retry_at() - now), false};
  }
  if (!cursor_.elsewhere().empty()) return Wait{WorkerState::kStandby, kWhileElsewhere, false};
  if (cursor_.is_paused()) return Wait{WorkerState::kPaused, kWhilePaused, true};
  if (std::optional<Job> job = NextOfLanes()) return *std::move(job);
  if (std::optional<Job> job = NextRead()) return *std::move(job);
  return WaitForWork();
}

// ------------------------------------------------------------------- requests

std::optional<Delivery::Job> Delivery::NextOfLanes() {
  const Clock::TimePoint now = clock_.Now();
  if (!gate_.MayStart(now)) return std::nullopt;
  const bool may_read_held = book_.reading_held().size() < options_.at_once_max;
  while (LaneQueue* const next = book_.lanes().Next(now, may_read_held)) {
    LaneQueue& lane = *next;
    if (lane.wants_held_read()) return StartHeldRead(lane);
    if (lane.batches.empty()) FormBatch(lane, book_.WindowOf(lane), gate_.Limit());
    const std::shared_ptr<const SendBatch> front = lane.batches.front();
    if (lane.create_due) return StartRequest(lane, Kind::kCreate, front);
    if (lane.canary) return StartRequest(lane, Kind::kCanary, lane.canary);
    if (!KeepsSuspects(lane)) return StartRequest(lane, Kind::kBatch, front);
    book_.lanes().Queue(lane, now);
  }
  return std::nullopt;
}

// Keeps lines that ended a backend, or may have, from this one. Returns true if the front batch is
// not to be sent now: the lane waits, or has another front batch.
bool Delivery::KeepsSuspects(LaneQueue& lane) {
  const SendBatch& front = *lane.batches.front();
  if (options_.suspects->empty() || front.params().api == Api::kStatement) return false;
  if (const auto ended = options_.suspects->EndedBy(front)) {
    SetEndingLinesAside(lane, *ended);
    return true;
  }
  if (lane.searches) return false;
  const Clock::TimePoint now = clock_.Now();
  const auto by = options_.suspects->SearchedBy(front, options_.backend, now);
  if (!by) return false;
  lane.not_before = now + kSearchLooks;
  elsewhere_ = {
      now + 2 * kSearchLooks,
      fmt::format("lines wait while those that end the backend {} are searched for", by->text())};
  return true;
}

// Makes those lines of the front batch that ended the other backend dead letters.
void Delivery::SetEndingLinesAside(LaneQueue& lane, const BackendId& ended) {
  Window& window = book_.WindowOf(lane);
  const std::shared_ptr<const SendBatch> front = lane.batches.front();
  auto divided = Divide(*front, [&](std::string_view line) {
    return options_.suspects->HasEnded(ended, front->params(), line);
  });
  if (divided) ReplaceFront(lane, window, {std::move(divided->chosen), std::move(divided->others)});
  const std::shared_ptr<const SendBatch> chosen = lane.batches.front();
  const Verdict verdict{Action::kSplit, Cause::kBrokenOff};
  const Reply reply{.body = EndedElsewhere(ended)};
  AddDeadLetters(*chosen, {verdict, reply, clock_.WallNow()}, window);
  options_.on_ending_lines(EndingLinesOf(ended, *chosen));
  FinishFront(lane, window);
  if (lane.batches.empty()) book_.DrainIfHeld(lane);
  EndSearch(lane);
  cursor_.Commit();
}

Delivery::Job Delivery::StartHeldRead(LaneQueue& lane) {
  book_.HeldReadStarted(lane);
  lane.is_busy = true;
  book_.lanes().Queue(lane, clock_.Now());
  under_way_[++last_job_] = {.kind = Kind::kReadHeld,
                             .lane = &lane,
                             .epoch = lane.epoch,
                             .started = clock_.Now(),
                             .batch = nullptr};
  const bool is_shared = lane.lane == OverflowLane();
  return Read{
      last_job_,
      lane.lane,
      is_shared ? book_.overflow().round_after() : Sequence::BeforeFirst(),
      {.records = is_shared ? book_.overflow().read_most() : kReadRecordsMax,
       .bytes = std::min(share_.Take(), std::max(gate_.Limit().bytes, options_.read_least))}};
}

Delivery::Job Delivery::StartRequest(LaneQueue& lane, Kind kind,
                                     std::shared_ptr<const SendBatch> batch) {
  const Clock::TimePoint now = clock_.Now();
  lane.is_busy = true;
  book_.lanes().Queue(lane, now);
  gate_.Started(*batch, now);
  under_way_[++last_job_] = {
      .kind = kind, .lane = &lane, .epoch = lane.epoch, .started = now, .batch = batch};
  if (kind == Kind::kCreate) return Create{last_job_, batch->params()};
  return Send{last_job_, std::move(batch)};
}

// ---------------------------------------------------------------------- reads

// Returns whether the book does not know yet whose records the overflow lane holds.
bool Delivery::IsLearning() const {
  return book_.overflow().learning_after().has_value();
}

Bytes Delivery::ReadAtOnce() const {
  return std::max(options_.batch_bytes_max, options_.read_least);
}

bool Delivery::MayReadOn() {
  const Window& window = book_.flow();
  const Bytes wanted(kBatchesRead * ReadAtOnce().count());
  const Bytes most = std::min(wanted, share_.Take());
  const bool is_reading = flow_read_.id && flow_read_.restarts == cursor_.restarts();
  if (is_reading || book_.is_fenced() || IsLearning()) return false;
  return window.bytes() < most && window.records() < kWindowRecordsMax;
}

std::optional<Delivery::Job> Delivery::NextRead() {
  const Sequence after = book_.flow().read_through();
  if (!MayReadOn() || after >= cursor_.marks().head) return std::nullopt;
  if (clock_.Now() < ReadsAt()) return std::nullopt;
  flow_read_.id = ++last_job_;
  flow_read_.restarts = cursor_.restarts();
  return Read{last_job_,
              std::nullopt,
              after,
              {.records = kReadRecordsMax, .bytes = std::min(share_.Take(), ReadAtOnce())}};
}

void Delivery::HasRead(JobId id, Result<std::vector<StoredRecord>> read) {
  const auto held = under_way_.find(id);
  if (held == under_way_.end()) return HasReadFlow(id, std::move(read));
  const UnderWay job = held->second;
  under_way_.erase(held);
  LaneQueue& lane = *job.lane;
  lane.is_busy = false;
  book_.HeldReadEnded(lane);
  if (!read.ok()) {
    cursor_.ReadFailed(read.error());
  } else if (job.epoch == lane.epoch) {
    cursor_.ReadSucceeded();
    const bool ends_round = read.value().empty() && book_.EndRound(lane);
    if (ends_round) {
      cursor_.LookAgainNow();
    } else if (read.value().empty()) {  // Somebody removed them: the next look shows it.
      cursor_.LookAgainNow();
      lane.not_before = clock_.Now() + kReadAgain;
    } else {
      book_.TakeHeld(lane, std::move(read).value());
    }
  }
  book_.lanes().Queue(lane, clock_.Now());
}

void Delivery::HasReadFlow(JobId id, Result<std::vector<StoredRecord>> read) {
  // Discards a read from before a restart.
  if (flow_read_.id != id || flow_read_.restarts != cursor_.restarts()) return;
  flow_read_.id.reset();
  if (!read.ok()) return cursor_.ReadFailed(read.error());
  cursor_.ReadSucceeded();
  book_.TakeFlow(std::move(read).value());
  // At the head, records after the first few come one by one.
  const Clock::Duration gather(share_.readers() / kReadersPerMillisecond);
  const bool has_read_all = cursor_.has_read_all();
  flow_read_.again_at = has_read_all ? clock_.Now() + kReadAgain : Clock::TimePoint{};
  flow_read_.gathered_at = has_read_all ? clock_.Now() + gather : Clock::TimePoint{};
}

// Until then no new records are read, so that more come together.
Clock::TimePoint Delivery::ReadsAt() const {
  if (gate_.under_way() == 0) return flow_read_.gathered_at;
  return std::max(flow_read_.gathered_at, flow_read_.again_at);
}

Delivery::Wait Delivery::WaitForWork() {
  const Clock::TimePoint now = clock_.Now();
  if (IsLearning()) return {WorkerState::kDelivering, Clock::Duration(1), false};
  Clock::TimePoint until = std::max(cursor_.look_again_at(), now);
  if (const auto turn = book_.lanes().NextTurn(); turn && gate_.has_room()) {
    // A lane that is due but waits for another to finish reading does not count.
    const Clock::TimePoint at = std::max(*turn, gate_.OpensAt(now));
    if (at > now) until = std::min(until, at);
  }
  const bool may_read = MayReadOn();
  const bool reads_later = may_read && ReadsAt() > now;
  if (reads_later) until = std::min(until, ReadsAt());
  if (book_.flow().empty() && book_.reading_held().empty()) share_.Leave();
  return {WorkerState::kCaughtUp, std::chrono::ceil<Clock::Duration>(until - now),
          may_read && !reads_later};
}

// -------------------------------------------------------------------- answers

Delivery::UnderWay Delivery::TakeReport(JobId id, const Result<Reply>& answer) {
  const auto found = under_way_.find(id);
  INVARIANT(found != under_way_.end());
  UnderWay job = std::move(found->second);
  under_way_.erase(found);
  gate_.Ended();
  job.lane->is_busy = false;
  options_.on_request(clock_.Now() - job.started);
  board_.Answered(answer);
  if (std::string shown = ShownAnswer(answer); !shown.empty()) {
    job.lane->last_answer = std::move(shown);
  }
  return job;
}

void Delivery::Sent(JobId id, const Result<Reply>& answer) {
  const UnderWay job = TakeReport(id, answer);
  LaneQueue& lane = *job.lane;
  const Verdict verdict = Judge(answer, clock_.WallNow());
  const bool is_slow = clock_.Now() - job.started >= kAtOnce;
  if (!answer.ok() && !is_slow) {
    gate_.Unreachable();
  } else if (SlowsDown(verdict.cause)) {
    gate_.Overloaded();
  }
  if (job.epoch == lane.epoch) {
    Judged judged{verdict, answer.ok() ? answer.value() : Reply{}, ReasonOf(verdict, answer)};
    if (job.kind == Kind::kBatch) {
      NoteEnd(lane, verdict);
      judged.divided = DivideByAnswer(*lane.batches.front(), verdict, judged.reply.body);
    }
    const LaneFacts facts = FactsOf(lane, is_slow, judged);
    if (job.kind == Kind::kCanary) {
      CanaryAnswered(lane, job, facts, judged);
    } else {
      Apply(policy_.Decide(facts, verdict), lane, job, judged);
    }
    EndSearch(lane);
  }
  if (lane.by_operator && lane.mode != LaneMode::kHeld) book_.PutOnHold(lane, kHeldByOperator, "");
  book_.lanes().Queue(lane, clock_.Now());
  cursor_.Commit();
  ShowState();
}

void Delivery::Created(JobId id, const Result<Reply>& answer) {
  const UnderWay job = TakeReport(id, answer);
  LaneQueue& lane = *job.lane;
  if (job.epoch == lane.epoch) {
    lane.create_due = false;
    const bool created = answer.ok() && answer.value().http_status / 100 == 2;
    const bool unanswered = !answer.ok() && (answer.error().code() == ErrorCode::kUnavailable ||
                                             answer.error().code() == ErrorCode::kBrokenOff);
    const Verdict verdict = Judge(answer, clock_.WallNow());
    const Judged judged{verdict, {}, std::string(verdict.text->reason)};
    if (unanswered) {
      lane.create_tried = false;
      Apply(policy_.DecideOnNoCreation(FactsOf(lane, false, judged)), lane, job, judged);
    } else if (!created) {
      const std::string message =
          answer.ok() ? MessageOf(answer.value()) : answer.error().message();
      book_.PutOnHold(
          lane, "the database does not exist on the backend and could not be created: " + message,
          RemedyByCreating(job.batch->params(), options_));
    } else {
      NoteWorking(job);
    }
  }
  book_.lanes().Queue(lane, clock_.Now());
  ShowState();
}

// Notes whether the connection ended without an answer to the front batch.
void Delivery::NoteEnd(LaneQueue& lane, const Verdict& verdict) {
  if (verdict.cause != Cause::kBrokenOff) return;
  const SendBatch& front = *lane.batches.front();
  const bool others_accepted = lane.ends > 0 && accepted_.requests > lane.accepted_at_end;
  const bool has_canary = HasCanary(lane, book_.WindowOf(lane));
  if (front.points == 1 && others_accepted && !has_canary) ++lane.line_suspicions;
  lane.accepted_at_end = accepted_.requests;
  ++lane.ends;
  const bool may_search = front.params().api != Api::kStatement && lane.ends >= kEndsBeforeSearch;
  if (!may_search && !lane.searches) return;
  const SuspectLines::Searcher searcher{options_.backend, lane.lane};
  if (options_.suspects->Search(searcher, front, clock_.Now())) lane.searches = true;
}

// Ends the search once no line of the lane is suspected any more.
void Delivery::EndSearch(LaneQueue& lane) {
  if (!lane.searches || lane.ends > 0 || lane.is_suspect) return;
  options_.suspects->EndSearch({options_.backend, lane.lane});
  lane.searches = false;
}

LaneFacts Delivery::FactsOf(LaneQueue& lane, bool is_slow, const Judged& answer) {
  const Clock::TimePoint now = clock_.Now();
  const SendBatch& front = *lane.batches.front();
  const bool refuses_client =
      options_.passes_credentials && answer.verdict.cause == Cause::kCredentials;
  LaneFacts facts;
  facts.points = front.points;
  facts.is_statement = front.params().api == Api::kStatement;
  facts.has_client = !front.params().credentials.empty();
  facts.is_slow = is_slow;
  facts.names_refused =
      answer.verdict.action == Action::kPartial && NamesRefused(front, answer.reply);
  facts.gave_up_lately = lane.gave_up_on != 0 && lane.gave_up_on == answer.reply.http_status &&
                         now - lane.gave_up_at < kGivesUpAlike;
  facts.gives_up = lane.gives_up;
  facts.is_divided = answer.divided.has_value();
  facts.failures = lane.failures;
  facts.ends = lane.ends;
  facts.line_suspicions = lane.line_suspicions;
  facts.is_suspect = lane.is_suspect;
  facts.create_tried = lane.create_tried;
  facts.is_live = lane.mode == LaneMode::kLive;
  facts.knows_accepted = KnowsAccepted(lane);
  facts.has_canary = HasCanary(lane, book_.WindowOf(lane));
  facts.has_other_client = refuses_client && HasOtherClient(lane, book_.WindowOf(lane));
  facts.others_accepted = accepted_.requests > lane.accepted_before;
  facts.clients_accepted =
      lane.clients_accepted_before && accepted_.of_clients > *lane.clients_accepted_before;
  facts.clients_accepted_lately =
      accepted_.of_clients > 0 && now - accepted_.client_at < kClientsFresh;
  facts.may_hold = cursor_.may_hold();
  return facts;
}

// Carries out a decision on the front batch.
void Delivery::Apply(const Decision& decision, LaneQueue& lane, const UnderWay& job,
                     const Judged& answer) {
  Window& window = book_.WindowOf(lane);
  if (decision.cut_first) CutFront(lane, window, gate_.Limit());
  if (decision.asks_for_clients) lane.clients_accepted_before = accepted_.of_clients;
  switch (decision.step) {
    case Step::kDelivered:
    case Step::kNamedLines: return OnAccepted(lane, job, decision.step, answer);
    case Step::kDeadLetter:
    case Step::kDivide:
    case Step::kHalve: return Refused(lane, decision.step, answer);
    case Step::kSendCanary:
    case Step::kFirstLineApart:
    case Step::kTryOtherClient: return Suspect(lane, decision, answer);
    case Step::kRetry: return RetryLater(lane, decision, answer);
    case Step::kHold: return Hold(lane, decision, answer);
    case Step::kWaitAlone:
      ++lane.failures;
      lane.not_before = clock_.Now() + options_.retry.After(lane.failures, Chance(random_));
      return;
    case Step::kCreate:
      lane.create_due = lane.create_tried = true;
      lane.not_before = {};
      return;
    case Step::kSendAgain: lane.failures = 0; return;
  }
  INVARIANT(false);
}

// Notes that the backend handles requests, whatever became of this one.
void Delivery::NoteWorking(const UnderWay& job) {
  const Clock::TimePoint now = clock_.Now();
  gate_.Took(std::chrono::duration_cast<Clock::Duration>(now - job.started), job.batch->points,
             now);
}

// Handles a front batch that the backend has, but for the lines that the answer names.
void Delivery::OnAccepted(LaneQueue& lane, const UnderWay& job, Step step, const Judged& answer) {
  const SendBatch& batch = *job.batch;
  const WriteParams& params = batch.params();
  Window& window = book_.WindowOf(lane);
  NoteWorking(job);
  ++accepted_.requests;
  if (params.api == Api::kStatement) {
    options_.on_statement(params.database);
  } else {
    options_.on_delivered(LaneOf(params), batch.parts.back().sequence);
  }
  if (step == Step::kNamedLines) {
    const Refusal refusal{answer.verdict, answer.reply, clock_.WallNow()};
    if (auto last = AddNamedDeadLetters(batch, refusal, window))
      lane.last_accepted = std::move(last);
  } else {
    if (!params.credentials.empty()) {
      ++accepted_.of_clients;
      accepted_.client_at = clock_.Now();
    }
    gate_.TookWhole(batch.bytes, clock_.Now());
    if (params.api == Api::kStatement) {
      book_.lanes().ForgetAccepted(params.database);
    } else {
      lane.last_accepted = EndOf(batch);
    }
    CreditAll(batch, window);
  }
  board_.Resolved(batch.points);
  FinishFront(lane, window);
  // A lane that is probed is accepted once all of the probe is: one of its lines may be the cause.
  if (lane.batches.empty()) book_.DrainIfHeld(lane);
}

// Handles a front batch of which some or all lines will never be accepted.
void Delivery::Refused(LaneQueue& lane, Step step, const Judged& answer) {
  const std::shared_ptr<const SendBatch> front = lane.batches.front();
  Window& window = book_.WindowOf(lane);
  if (answer.verdict.cause == Cause::kTooLarge) gate_.TooLarge(front->bytes, clock_.Now());
  gate_.Open(clock_.Now());  // The backend answers.
  if (step == Step::kDeadLetter) return GiveUp(lane, answer);
  if (step == Step::kDivide) {
    return ReplaceFront(lane, window, {answer.divided->chosen, answer.divided->others});
  }
  auto [first, second] = Halve(*front);
  ReplaceFront(lane, window, {std::move(first), std::move(second)});
}

// Makes all of the front batch dead letters.
void Delivery::GiveUp(LaneQueue& lane, const Judged& answer) {
  const std::shared_ptr<const SendBatch> front = lane.batches.front();
  Window& window = book_.WindowOf(lane);
  Reply reply = answer.reply;
  if (answer.verdict.cause == Cause::kUnknownRefusal) {
    lane.gave_up_on = reply.http_status;
    lane.gave_up_at = clock_.Now();
  }
  if (answer.verdict.cause == Cause::kBrokenOff) {
    reply.body = EndedHere(answer.verdict);
    options_.suspects->Found(options_.backend, *front);
    options_.on_ending_lines(EndingLinesOf(options_.backend, *front));
  }
  AddDeadLetters(*front, {answer.verdict, reply, clock_.WallNow()}, window);
  FinishFront(lane, window);
  if (lane.batches.empty()) book_.DrainIfHeld(lane);
}

// Finds out whether the front batch's lines, or its client, are at fault.
void Delivery::Suspect(LaneQueue& lane, const Decision& decision, const Judged& answer) {
  Window& window = book_.WindowOf(lane);
  if (decision.step == Step::kFirstLineApart) {
    ReplaceFront(lane, window, FirstLineApart(*lane.batches.front()));
    lane.is_suspect = true;
  } else {
    lane.canary = decision.step == Step::kSendCanary
                      ? FindCanary(lane, window, gate_.Limit(), random_)
                      : FindOtherClient(lane, window, gate_.Limit(), random_);
    lane.suspicion = {answer.verdict, answer.reply};
    // One from behind must not end the backend; another is found the next time.
    if (!KnowsAccepted(lane) && options_.suspects->EndedBy(*lane.canary)) lane.canary.reset();
  }
  if (decision.step != Step::kTryOtherClient) RetryLater(lane, decision, answer);
}

void Delivery::CanaryAnswered(LaneQueue& lane, const UnderWay& job, const LaneFacts& facts,
                              const Judged& answer) {
  const Suspicion suspicion = *lane.suspicion;
  if (AnswerPolicy::IsAway(answer.verdict, suspicion.verdict)) {
    return RetryLater(lane, {.step = Step::kRetry}, answer);
  }
  lane.canary.reset();
  const Decision decision = policy_.DecideOnCanary(facts, answer.verdict, suspicion.verdict);
  if (!AnswerPolicy::IsAccepted(answer.verdict)) {
    lane.is_suspect = false;  // The lines are not at fault.
    lane.line_suspicions = 0;
    Apply(decision, lane, job, answer);
    const bool retries = answer.verdict.action == Action::kRetry && lane.mode != LaneMode::kHeld;
    if (retries) lane.failures = 1;
    return;
  }
  if (suspicion.verdict.cause != Cause::kCredentials) {
    gate_.Open(clock_.Now());
    lane.is_suspect = true;
    if (facts.points == 1) ++lane.line_suspicions;
  }
  Apply(decision, lane, job, {suspicion.verdict, suspicion.reply, ""});
}

void Delivery::Hold(LaneQueue& lane, const Decision& decision, const Judged& answer) {
  const WriteParams params = lane.batches.front()->params();
  if (decision.clears_backend) gate_.ForgetFailures();
  ++lane.failures;
  if (decision.gives_up) {
    // The good lines before it were accepted, so that the failures in a row were counted anew.
    lane.failures = std::max(lane.failures, ++lane.holds);
    Verdict unknown = answer.verdict;
    unknown.text = &UnknownRefusal();
    std::string remedy = RemedyOf(unknown, params, options_);
    const std::string command = options_.give_up_command(lane.lane);
    if (!command.empty()) remedy += ": " + command;
    return book_.PutOnHold(lane, std::string(unknown.text->reason), std::move(remedy));
  }
  book_.PutOnHold(
      lane,
      decision.fails_alone ? "fails while other lanes succeed: " + answer.reason : answer.reason,
      RemedyOf(answer.verdict, params, options_));
}

// Makes the lane wait, and the whole backend with it.
void Delivery::RetryLater(LaneQueue& lane, const Decision& decision, const Judged& answer) {
  const Clock::TimePoint now = clock_.Now();
  const Backoff& backoff = decision.pace == Pace::kRest    ? options_.rest
                           : decision.pace == Pace::kProbe ? options_.probe
                                                           : options_.retry;
  if (++lane.failures == 1) lane.accepted_before = accepted_.requests;
  lane.not_before = now + backoff.After(lane.failures, Chance(random_));
  const std::string remedy = RemedyOf(answer.verdict, lane.batches.front()->params(), options_);
  gate_.Close(backoff, Chance(random_),
              {{decision.shown, answer.reason, remedy}, answer.verdict.retry_after}, now);
}

// ---------------------------------------------------------------------- shown

void Delivery::ShowState() {
  if (auto lanes = book_.TakeChanged(false)) board_.ShowLanes(*std::move(lanes));
  const auto show = [this](const DeliveryStatusBoard::State& state) {
    board_.Show(state, gate_.gauges());
  };
  if (cursor_.is_failing()) return show({WorkerState::kLogFailing, cursor_.failure()});
  if (!cursor_.elsewhere().empty()) return show({WorkerState::kStandby, cursor_.elsewhere()});
  if (cursor_.is_paused()) {
    return show({WorkerState::kPaused, "paused by an operator",
                 fmt::format("influxdb-relay resume --backend {}", options_.backend.text())});
  }
  if (gate_.is_failing()) return show(gate_.failure());
  if (const auto held = book_.LongestHeld()) {
    return show({WorkerState::kHeld, held->reason, held->remedy});
  }
  if (clock_.Now() < elsewhere_.until) return show({WorkerState::kRetrying, elsewhere_.reason});
  const bool idle = cursor_.marks().lag() == 0 && book_.flow().empty() && gate_.under_way() == 0 &&
                    book_.reading_held().empty();
  show({idle ? WorkerState::kCaughtUp : WorkerState::kDelivering});
}

}  // namespace relay
