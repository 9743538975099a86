// What an answer means for what was sent.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replay/delivery/delivery.h"
#include "replay/transport/refused_lines.h"

namespace relay {
namespace {

constexpr std::size_t kWordsMax = 4U << 10U;

// Kept for a canary: larger ones would hold too much memory.
constexpr std::size_t kTakenMax = 64U << 10U;

// A lane that failed so often while others did not has a trouble of its own.
constexpr std::uint32_t kTriesAlone = 8;
constexpr std::uint32_t kHoldsAlone = 3;

// Answers that blame nobody before one of the lines is suspected.
constexpr std::uint32_t kTriesUnsuspected = 8;

// Canaries taken, while a single line was not, before it is given up.
constexpr std::uint32_t kLineSuspicionsMax = 3;

// No answer after so long is a sign of load.
constexpr std::chrono::seconds kAtOnce{1};

// Tries of a request that takes too long before it is cut.
constexpr std::uint32_t kTriesWhole = 3;

// Tries of what most likely passes by itself before it is told as a hold.
constexpr std::uint32_t kTriesBeforeHold = 3;

std::string RemedyByCreating(const DeliveryOptions& options, const WriteParams& params) {
  std::string remedy =
      fmt::format("create database \"{}\" on {}", params.database, options.backend.text());
  const std::string command = options.create_command(params);
  if (!command.empty()) remedy += ": " + command;
  return remedy;
}

std::string WordsOf(const Reply& reply) {
  return reply.body.substr(0, kWordsMax);
}

std::shared_ptr<const SendBatch> EndOf(const SendBatch& piece) {
  const SendBatch::Part& last = piece.parts.back();
  if (last.record->lines.size() > kTakenMax) return nullptr;
  if (piece.is_of_one_record()) return std::make_shared<const SendBatch>(piece);
  SendBatch end;
  Join(end, last, {});
  return std::make_shared<const SendBatch>(std::move(end));
}

}  // namespace

Delivery::UnderWay Delivery::Report(JobId id, const Result<Reply>& answer) {
  const auto found = under_way_.find(id);
  INVARIANT(found != under_way_.end());
  UnderWay job = std::move(found->second);
  under_way_.erase(found);
  gate_.Ended();
  job.lane->is_busy = false;
  options_.on_request(clock_.Now() - job.started);
  board_.Answered(answer);
  return job;
}

void Delivery::Sent(JobId id, const Result<Reply>& answer) {
  const UnderWay job = Report(id, answer);
  LaneQueue& lane = *job.lane;
  const Verdict verdict = Judge(answer, clock_.WallNow());
  const bool at_once = clock_.Now() - job.started < kAtOnce;
  if (!answer.ok() && at_once) {
    gate_.Unreachable();
  } else if (SlowsDown(verdict.cause)) {
    gate_.Overloaded();
  }
  if (job.epoch == lane.epoch) {
    const Reply none;
    const Reply& reply = answer.ok() ? answer.value() : none;
    const Judged worded{verdict,
                        answer.ok() ? std::string(verdict.text->why) : answer.error().message()};
    if (job.kind == Kind::kCanary) {
      CanaryAnswered(lane, worded);
    } else {
      Act(lane, job, worded, reply);
    }
  }
  if (lane.by_operator && lane.mode != LaneMode::kHeld) PutOnHold(lane, kHeldByOperator, "");
  lanes_.Queue(lane, clock_.Now());
  CommitResolved();
  ShowState();
}

void Delivery::Act(LaneQueue& lane, const UnderWay& job, const Judged& verdict,
                   const Reply& reply) {
  const SendBatch& piece = *job.piece;
  switch (verdict.action) {
    case Action::kDelivered: return Delivered(lane, job);
    case Action::kPartial:
      if (verdict.retry_first && lane.failures == 0) {
        return Retry(lane, verdict, options_.retry, WorkerState::kRetrying);
      }
      if (RefusedByName(lane, job, verdict, reply)) return;
      return Refused(lane, piece, verdict, reply);
    case Action::kSplit: return Refused(lane, piece, verdict, reply);
    case Action::kRetry:
      if (SuspectsPoison(verdict.cause)) return Suspect(lane, piece, verdict, reply);
      CutIfSlow(lane, job);
      return Retry(
          lane, verdict, Rests(verdict.cause) ? options_.rest : options_.retry,
          verdict.cause == Cause::kMisconfigured ? WorkerState::kHeld : WorkerState::kRetrying);
    case Action::kHold:
      if (verdict.cause == Cause::kCredentials && options_.passes_credentials) {
        return SuspectClient(lane, piece, verdict, reply);
      }
      return Hold(lane, verdict, piece.params());
  }
  INVARIANT(false);
}

// The backend takes requests, whatever became of this one.
void Delivery::Succeeded(const UnderWay& job) {
  const Clock::TimePoint now = clock_.Now();
  const auto took = std::chrono::duration_cast<Clock::Duration>(now - job.started);
  gate_.Took(took, job.piece->points, now);
}

void Delivery::Delivered(LaneQueue& lane, const UnderWay& job) {
  const SendBatch& piece = *job.piece;
  Succeeded(job);
  ++taken_;
  if (!piece.params().credentials.empty()) {
    ++clients_taken_;
    client_taken_at_ = clock_.Now();
  }
  gate_.TookWhole(piece.bytes, clock_.Now());
  if (piece.params().api == Api::kStatement) {
    ForgetTaken(piece.params().database);
  } else {
    lane.taken = EndOf(piece);
  }
  for (const SendBatch::Part& part : piece.parts) {
    WindowEntry& slot = WindowOf(lane).At(part.sequence);
    slot.delivered += piece.is_of_one_record() ? piece.points : slot.entry.size.points;
  }
  board_.Resolved(piece.points);
  FinishFront(lane, piece);
  if (lane.mode == LaneMode::kHeld && !lane.by_operator) Drain(lane);
}

// Before a retry: cut to the size that the backend is sent by now, unless the
// answer came at once or it is small enough.
void Delivery::CutIfSlow(LaneQueue& lane, const UnderWay& job) {
  const bool is_slow = clock_.Now() - job.started >= kAtOnce;
  if (!is_slow || lane.failures + 1 < kTriesWhole) return;
  std::vector<SendBatch> smaller = CutTo(*job.piece, gate_.Limit());
  if (smaller.size() == 1) return;
  const std::uint32_t failures = lane.failures;
  ReplaceFront(lane, std::move(smaller));
  lane.failures = failures;
}

void Delivery::ForgetTaken(const std::string& database) {
  for (auto& [name, lane] : lanes_) {
    if (name.database == database) lane.taken = nullptr;
  }
}

// The front piece is resolved.
void Delivery::FinishFront(LaneQueue& lane, const SendBatch& piece) {
  for (const SendBatch::Part& part : piece.parts) --WindowOf(lane).At(part.sequence).pieces_left;
  lane.pieces.pop_front();
  lane.failures = 0;
  lane.not_before = {};
  lane.line_suspicions = 0;
  lane.suspicion.reset();
  lane.clients_taken_before.reset();
  lane.create_tried = false;
  if (lane.pieces.empty()) lane.is_suspect = false;
}

// ----------------------------------------------------------- what is refused

// Some lines of the front piece will never be taken: all of them go to the dead
// letters if that is what the backend says or only one is left, else each half
// is asked for on its own.
void Delivery::Refused(LaneQueue& lane, const SendBatch& piece, const Judged& verdict,
                       const Reply& reply) {
  if (verdict.cause == Cause::kTooLarge) gate_.TooLarge(piece.bytes, clock_.Now());
  gate_.Open(clock_.Now());
  if (piece.points == 1 || verdict.dropped == piece.points) {
    RecordDeadLetters(lane, piece, verdict, reply);
    return FinishFront(lane, piece);
  }
  auto [first, second] = Halve(piece);
  std::vector<SendBatch> halves;
  halves.push_back(std::move(first));
  halves.push_back(std::move(second));
  ReplaceFront(lane, std::move(halves));
}

// The backend has the others of the piece and names those that it refused.
// False, and nothing happened, where it does not.
bool Delivery::RefusedByName(LaneQueue& lane, const UnderWay& job, const Judged& verdict,
                             const Reply& reply) {
  const SendBatch& piece = *job.piece;
  const std::vector<RefusedLine> refused = RefusedLinesIn(reply.body, piece.points);
  if (refused.empty()) return false;
  Succeeded(job);
  ++taken_;
  Window& window = WindowOf(lane);
  for (const SendBatch::Part& part : piece.parts) {
    window.At(part.sequence).delivered +=
        piece.is_of_one_record() ? piece.points : part.record->points;
  }
  std::vector<PointCount> numbers;
  numbers.reserve(refused.size());
  for (const RefusedLine& one : refused) numbers.push_back(one.number);
  const std::vector<LineOfPiece> lines = FindLines(piece, numbers);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    DeadLetter letter = LetterOf(*lines[i].part, verdict, reply);
    letter.first_line = lines[i].number;
    letter.points = 1;
    letter.lines = lines[i].text;
    letter.words = refused[i].words.substr(0, kWordsMax);
    WindowEntry& slot = window.At(letter.sequence);
    --slot.delivered;
    slot.letters.push_back(std::move(letter));
  }
  // Else a canary would write an older line over these.
  PointCount last = piece.points;
  for (auto number = numbers.rbegin(); number != numbers.rend() && *number == last; ++number)
    --last;
  if (last > 0) lane.taken = std::make_shared<const SendBatch>(LineAlone(piece, last - 1));
  board_.Resolved(piece.points);
  FinishFront(lane, piece);
  if (lane.mode == LaneMode::kHeld && !lane.by_operator) Drain(lane);
  return true;
}

void Delivery::ReplaceFront(LaneQueue& lane, std::vector<SendBatch> parts) {
  Window& window = WindowOf(lane);
  const std::shared_ptr<const SendBatch> whole = lane.pieces.front();
  lane.pieces.pop_front();
  for (const SendBatch::Part& part : whole->parts) --window.At(part.sequence).pieces_left;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    for (const SendBatch::Part& of : part->parts) ++window.At(of.sequence).pieces_left;
    lane.pieces.push_front(std::make_shared<const SendBatch>(std::move(*part)));
  }
  lane.failures = 0;
  lane.not_before = {};
}

// All but which lines.
DeadLetter Delivery::LetterOf(const SendBatch::Part& part, const Judged& verdict,
                              const Reply& reply) const {
  DeadLetter letter;
  letter.sequence = part.sequence;
  letter.reason = verdict.reason;
  letter.http_status = reply.http_status;
  letter.when = clock_.WallNow();
  letter.params = part.record->params;
  letter.words = WordsOf(reply);
  return letter;
}

void Delivery::RecordDeadLetters(LaneQueue& lane, const SendBatch& piece, const Judged& verdict,
                                 const Reply& reply) {
  std::string joined;
  const bool alone = piece.is_of_one_record();
  for (const SendBatch::Part& part : piece.parts) {
    DeadLetter letter = LetterOf(part, verdict, reply);
    letter.first_line = piece.first_line;
    letter.points = alone ? piece.points : part.record->points;
    letter.lines = alone ? LinesOf(piece, joined) : std::string_view(part.record->lines);
    WindowOf(lane).At(part.sequence).letters.push_back(std::move(letter));
  }
}

// ------------------------------------------------------- what cannot be taken

// It failed while others were taken. Not so a statement: carried out later than
// in its place, it would delete what came behind it.
bool Delivery::FailsAlone(const LaneQueue& lane, std::uint32_t tries) const {
  if (lane.pieces.front()->params().api == Api::kStatement) return false;
  return lane.failures >= tries && taken_ > lane.taken_before && clock_.Now() >= holds_full_until_;
}

// In words, and what can be copied to a shell as it is.
std::string Delivery::RemedyOf(const Judged& verdict, const WriteParams& params) const {
  std::string remedy = Remedy(verdict.text->remedy, options_.backend.text(), params);
  std::string command;
  if (verdict.text->command == Command::kPing) command = options_.ping_command;
  if (verdict.text->command == Command::kCreate) command = options_.create_command(params);
  return command.empty() ? remedy : remedy + ": " + command;
}

void Delivery::Hold(LaneQueue& lane, const Judged& verdict, const WriteParams& params) {
  if (MayCreate(verdict.cause) && options_.create_databases && !lane.create_tried) {
    lane.create_due = lane.create_tried = true;
    lane.not_before = {};
    return;
  }
  if (verdict.retry_first && lane.failures < kTriesBeforeHold && lane.mode == LaneMode::kLive) {
    return Retry(lane, verdict, options_.retry, WorkerState::kRetrying);
  }
  const bool of_lane = ConcernsLane(verdict.cause) && clock_.Now() >= holds_full_until_;
  if (!of_lane && !FailsAlone(lane, kHoldsAlone)) {
    return Retry(lane, verdict, options_.probe, WorkerState::kHeld);
  }
  if (of_lane) gate_.ForgetFailures();  // Other lanes are taken, as far as is known.
  ++lane.failures;
  PutOnHold(lane, verdict.why, RemedyOf(verdict, params));
}

void Delivery::Retry(LaneQueue& lane, const Judged& verdict, const Backoff& backoff,
                     WorkerState state) {
  if (FailsAlone(lane, kTriesAlone - 1)) {
    const WriteParams params = lane.pieces.front()->params();
    ++lane.failures;
    return PutOnHold(lane, fmt::format("fails while others are taken: {}", verdict.why),
                     RemedyOf(verdict, params));
  }
  WaitAndRetry(lane, verdict, backoff, state);
}

void Delivery::WaitAndRetry(LaneQueue& lane, const Judged& verdict, const Backoff& backoff,
                            WorkerState state) {
  const Clock::TimePoint now = clock_.Now();
  if (++lane.failures == 1) lane.taken_before = taken_;
  lane.not_before = now + backoff.After(lane.failures, Chance());
  const WriteParams params = lane.pieces.front()->params();
  gate_.Close(backoff, Chance(), verdict.retry_after,
              {state, verdict.why, RemedyOf(verdict, params)}, now);
}

void Delivery::Created(JobId id, const Result<Reply>& answer) {
  const UnderWay job = Report(id, answer);
  LaneQueue& lane = *job.lane;
  if (job.epoch == lane.epoch) {
    lane.create_due = false;
    const bool created = answer.ok() && answer.value().http_status / 100 == 2;
    const bool unanswered = !answer.ok() && answer.error().code() == ErrorCode::kUnavailable;
    const Verdict answered = Judge(answer, clock_.WallNow());
    const Judged verdict{answered, std::string(answered.text->why)};
    if (unanswered) {
      lane.create_tried = false;
      Retry(lane, verdict, options_.retry, WorkerState::kRetrying);
    } else if (!created) {
      const std::string words = answer.ok() ? WordsOf(answer.value()) : answer.error().message();
      PutOnHold(lane, "the database does not exist there and could not be created: " + words,
                RemedyByCreating(options_, job.piece->params()));
    } else {
      Succeeded(job);
    }
  }
  lanes_.Queue(lane, clock_.Now());
  ShowState();
}

// --------------------------------------------------------------------- poison

void Delivery::Suspect(LaneQueue& lane, const SendBatch& piece, const Judged& verdict,
                       const Reply& reply) {
  const std::uint32_t tries = lane.is_suspect ? 1 : kTriesUnsuspected;
  if (lane.failures + 1 < tries) {
    return Retry(lane, verdict, options_.retry, WorkerState::kRetrying);
  }
  // Where nothing that it took is known, its own first lines may be such.
  const bool own_first = !lane.taken && !lane.is_suspect && piece.points > 1;
  if (!own_first) lane.canary = FindCanary(lane);
  if (lane.canary) {
    lane.suspicion = {verdict, reply};
  } else if (piece.points > 1) {
    ReplaceFront(lane, FirstLineApart(piece));
    lane.is_suspect = true;
  } else {
    return Retry(lane, verdict, options_.retry, WorkerState::kRetrying);
  }
  WaitAndRetry(lane, verdict, options_.retry, WorkerState::kRetrying);
}

// Nothing where the lane took nothing yet and has nothing behind the front piece.
std::shared_ptr<const SendBatch> Delivery::FindCanary(LaneQueue& lane) {
  if (lane.taken) {
    return std::make_shared<const SendBatch>(LineAlone(*lane.taken, lane.taken->points - 1));
  }
  // One piece more each time: the next few may be poisoned too.
  const bool has_unsent = !(lane.held.empty() ? lane.flow : lane.held_unsent).empty();
  if (has_unsent) FormPiece(lane);
  // Not beyond a statement, nor it itself: before its turn it may do harm.
  const auto statement =
      std::find_if(lane.pieces.begin() + 1, lane.pieces.end(),
                   [](const auto& piece) { return piece->params().api == Api::kStatement; });
  const auto behind = static_cast<std::size_t>(statement - lane.pieces.begin() - 1);
  if (behind == 0) return nullptr;
  const SendBatch& piece = *lane.pieces[1 + random_() % behind];
  return std::make_shared<const SendBatch>(LineAlone(piece, random_() % piece.points));
}

void Delivery::CanaryAnswered(LaneQueue& lane, const Judged& verdict) {
  lane.canary.reset();
  // Refused, it was looked at: that is as good.
  const bool is_judged = verdict.action == Action::kDelivered ||
                         verdict.action == Action::kPartial || verdict.action == Action::kSplit;
  if (is_judged) return AfterCanary(lane);
  lane.is_suspect = false;  // It is not the lines.
  lane.line_suspicions = 0;
  if (verdict.action == Action::kHold) {
    return Hold(lane, verdict, lane.pieces.front()->params());
  }
  Retry(lane, verdict, options_.retry, WorkerState::kRetrying);
  if (lane.mode != LaneMode::kHeld) lane.failures = 1;
}

// The lane works, the front piece does not: its lines are at fault.
void Delivery::AfterCanary(LaneQueue& lane) {
  const std::shared_ptr<const SendBatch> piece = lane.pieces.front();
  const Suspicion suspicion = *lane.suspicion;
  if (suspicion.verdict.cause == Cause::kCredentials) {
    return RefuseClient(lane, *piece, {suspicion.verdict, ""}, suspicion.reply);
  }
  gate_.Open(clock_.Now());
  lane.is_suspect = true;
  if (piece->points > 1 || ++lane.line_suspicions >= kLineSuspicionsMax) {
    return Refused(lane, *piece, {suspicion.verdict, ""}, suspicion.reply);
  }
  lane.failures = 0;
}

}  // namespace relay
