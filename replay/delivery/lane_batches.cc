#include "replay/delivery/lane_batches.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "wal/base/invariant.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

// The largest record, and the largest line, kept for a canary: more would hold too much memory. A
// client with long lines often has no others.
constexpr std::size_t kCanaryRecordMax = 64U << 10U;
constexpr std::size_t kCanaryLineMax = 1U << 20U;

std::deque<Sequence>& UnsentOf(LaneQueue& lane) {
  return lane.held.empty() ? lane.flow : lane.held_unsent;
}

const WriteParams& ParamsAt(Window& window, Sequence sequence) {
  return window.At(sequence).record->params;
}

bool AreOfOneLane(const WriteParams& a, const WriteParams& b) {
  return a.database == b.database && a.retention_policy == b.retention_policy;
}

// The overflow lane has records of several databases.
bool IsOfOther(const WriteParams& params, const WriteParams& than) {
  return params.api != Api::kStatement && !params.credentials.empty() &&
         params.credentials != than.credentials && AreOfOneLane(params, than);
}

// Returns whether a line of `params` can be the canary for the front batch: no statement, and of
// its database.
bool MayBeCanary(const LaneQueue& lane, const WriteParams& params) {
  return params.api != Api::kStatement && AreOfOneLane(params, lane.batches.front()->params());
}

bool HasUnsentOfOther(LaneQueue& lane, Window& window, const WriteParams& than) {
  const std::deque<Sequence>& unsent = UnsentOf(lane);
  return std::any_of(unsent.begin(), unsent.end(), [&](Sequence sequence) {
    return IsOfOther(ParamsAt(window, sequence), than);
  });
}

std::shared_ptr<const SendBatch> LastAccepted(const LaneQueue& lane) {
  return std::make_shared<const SendBatch>(
      LineAlone(*lane.last_accepted, lane.last_accepted->points - 1));
}

std::shared_ptr<const SendBatch> AnyLine(const SendBatch& batch, std::minstd_rand& random) {
  return std::make_shared<const SendBatch>(LineAlone(batch, random() % batch.points));
}

constexpr BatchLimit kNoLimit{.points = std::numeric_limits<PointCount>::max(),
                              .bytes = Bytes(std::numeric_limits<std::uint64_t>::max())};

// Forgets what was found out about the front batch of before.
void BeginFront(LaneQueue& lane) {
  lane.failures = 0;
  lane.ends = 0;
  lane.not_before = {};
  lane.line_suspicions = 0;
  lane.suspicion.reset();
  lane.clients_accepted_before.reset();
  lane.create_tried = false;
  if (lane.batches.empty()) lane.is_suspect = false;
}

}  // namespace

bool KnowsAccepted(const LaneQueue& lane) {
  return lane.last_accepted && MayBeCanary(lane, lane.last_accepted->params());
}

std::shared_ptr<const SendBatch> FormBatch(LaneQueue& lane, Window& window, BatchLimit limit) {
  std::deque<Sequence>& unsent = UnsentOf(lane);
  auto batch = std::make_shared<SendBatch>();
  INVARIANT(!unsent.empty());
  while (!unsent.empty()) {
    const WindowEntry& entry = window.At(unsent.front());
    if (!Join(*batch, WholeRecord(unsent.front(), entry.record), limit)) break;
    unsent.pop_front();
  }
  lane.batches.push_back(batch);
  return batch;
}

void ReplaceFront(LaneQueue& lane, Window& window, std::vector<SendBatch> parts) {
  const std::shared_ptr<const SendBatch> whole = lane.batches.front();
  lane.batches.pop_front();
  for (const SendBatch::Part& part : whole->parts) --window.At(part.sequence).batches_left;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    for (const SendBatch::Part& of : part->parts) ++window.At(of.sequence).batches_left;
    lane.batches.push_front(std::make_shared<const SendBatch>(std::move(*part)));
  }
  lane.failures = 0;
  lane.ends = 0;
  lane.not_before = {};
}

void CutFront(LaneQueue& lane, Window& window, BatchLimit limit) {
  std::vector<SendBatch> smaller = CutTo(*lane.batches.front(), limit);
  if (smaller.size() == 1) return;
  const std::uint32_t failures = lane.failures;
  const std::uint32_t ends = lane.ends;
  ReplaceFront(lane, window, std::move(smaller));
  lane.failures = failures;
  lane.ends = ends;
}

void FinishFront(LaneQueue& lane, Window& window) {
  for (const SendBatch::Part& part : lane.batches.front()->parts) {
    --window.At(part.sequence).batches_left;
  }
  lane.batches.pop_front();
  BeginFront(lane);
}

std::vector<Sequence> UnsentRecords(const LaneQueue& lane) {
  const std::deque<Sequence>& unsent = lane.held.empty() ? lane.flow : lane.held_unsent;
  std::vector<Sequence> records(unsent.begin(), unsent.end());
  for (const auto& batch : lane.batches) {
    for (const SendBatch::Part& part : batch->parts) records.push_back(part.sequence);
  }
  return records;
}

void TakeOut(LaneQueue& lane, const std::set<Sequence>& records) {
  const auto is_taken = [&records](Sequence sequence) { return records.contains(sequence); };
  std::erase_if(UnsentOf(lane), is_taken);
  const std::shared_ptr<const SendBatch> front =
      lane.batches.empty() ? nullptr : lane.batches.front();
  std::deque<std::shared_ptr<const SendBatch>> left;
  for (const auto& batch : lane.batches) {
    SendBatch rest;
    for (const SendBatch::Part& part : batch->parts) {
      if (!is_taken(part.sequence)) Join(rest, part, kNoLimit);
    }
    if (rest.points == batch->points) {
      left.push_back(batch);
    } else if (rest.points > 0) {
      left.push_back(std::make_shared<const SendBatch>(std::move(rest)));
    }
  }
  lane.batches = std::move(left);
  const bool is_same = !lane.batches.empty() && lane.batches.front() == front;
  if (front == nullptr || is_same) return;
  lane.canary.reset();
  lane.create_due = false;
  BeginFront(lane);
}

void CreditAll(const SendBatch& batch, Window& window) {
  for (const SendBatch::Part& part : batch.parts) {
    window.At(part.sequence).delivered += part.points;
  }
}

std::shared_ptr<const SendBatch> EndOf(const SendBatch& batch) {
  const SendBatch::Part& last = batch.parts.back();
  SendBatch end;
  if (last.record->lines.size() <= kCanaryRecordMax) {
    Join(end, last, {});
    return std::make_shared<const SendBatch>(std::move(end));
  }
  const std::string_view line = LastLine(last.lines());
  if (line.size() > kCanaryLineMax) return nullptr;
  Record record{.params = batch.params(), .points = 1, .lines = std::string(line)};
  auto shared = std::make_shared<const Record>(std::move(record));
  Join(end, WholeRecord(last.sequence, std::move(shared)), {});
  return std::make_shared<const SendBatch>(std::move(end));
}

// A canary is never a statement, nor from behind one: before its turn it may do harm.
bool HasCanary(LaneQueue& lane, Window& window) {
  if (KnowsAccepted(lane)) return true;
  if (lane.batches.size() > 1) return MayBeCanary(lane, lane.batches[1]->params());
  const std::deque<Sequence>& unsent = UnsentOf(lane);
  return !unsent.empty() && MayBeCanary(lane, ParamsAt(window, unsent.front()));
}

std::shared_ptr<const SendBatch> FindCanary(LaneQueue& lane, Window& window, BatchLimit limit,
                                            std::minstd_rand& random) {
  if (KnowsAccepted(lane)) return LastAccepted(lane);
  // Forms one more batch each time: the next few may be poisoned too.
  if (!UnsentOf(lane).empty()) FormBatch(lane, window, limit);
  const auto unfit =
      std::find_if(lane.batches.begin() + 1, lane.batches.end(),
                   [&lane](const auto& batch) { return !MayBeCanary(lane, batch->params()); });
  const auto behind = static_cast<std::size_t>(unfit - lane.batches.begin() - 1);
  INVARIANT(behind > 0);
  const SendBatch& chosen = *lane.batches[1 + random() % behind];
  return AnyLine(chosen, random);
}

bool HasOtherClient(LaneQueue& lane, Window& window) {
  const WriteParams& refused = lane.batches.front()->params();
  if (lane.last_accepted && IsOfOther(lane.last_accepted->params(), refused)) return true;
  if (HasUnsentOfOther(lane, window, refused)) return true;
  return std::any_of(lane.batches.begin(), lane.batches.end(),
                     [&refused](const auto& batch) { return IsOfOther(batch->params(), refused); });
}

std::shared_ptr<const SendBatch> FindOtherClient(LaneQueue& lane, Window& window, BatchLimit limit,
                                                 std::minstd_rand& random) {
  const WriteParams refused = lane.batches.front()->params();
  if (lane.last_accepted && IsOfOther(lane.last_accepted->params(), refused))
    return LastAccepted(lane);
  // Forms one more each time: the next few may be refused too.
  if (HasUnsentOfOther(lane, window, refused)) {
    while (!IsOfOther(FormBatch(lane, window, limit)->params(), refused)) {
    }
  }
  std::vector<const SendBatch*> others;
  for (const auto& batch : lane.batches) {
    if (IsOfOther(batch->params(), refused)) others.push_back(batch.get());
  }
  INVARIANT(!others.empty());
  const SendBatch& chosen = *others[random() % others.size()];
  return AnyLine(chosen, random);
}

}  // namespace relay
