#include "wal/verify/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "wal/reading/load.h"
#include "wal/record/identity.h"
#include "wal/recovery/high_water.h"
#include "wal/verify/checks.h"

namespace relay {

void VerifyReport::Find(const LogFinding& finding) {
  ++summary.findings;
  ++summary.findings_by_family[finding.family];
  observer_.on_finding(finding);
}

void VerifyReport::FindDamaged(std::string_view family, std::string key, const Error& error) {
  Find({std::string(family), std::move(key), "what was written there", error.message()});
}

void VerifyReport::FindUnreadable(std::string_view family, const std::string& whose,
                                  const NumberWalk::Unreadable& unreadable) {
  const std::string prefix = whose.empty() ? "" : whose + ", ";
  FindDamaged(family,
              unreadable.last == std::numeric_limits<std::uint64_t>::max()
                  ? fmt::format("{}from {} on", prefix, unreadable.first)
                  : fmt::format("{}{} to {}", prefix, unreadable.first, unreadable.last),
              unreadable.error);
}

void VerifyReport::Compare(std::string_view family, const std::string& key,
                           const std::string& expected, const std::string& found) {
  if (expected != found) Find({std::string(family), key, expected, found});
}

std::string CheckedQueue::At(std::string_view what, std::uint64_t number_there) const {
  return fmt::format("backend {}, {} {}", name, what, number_there);
}

std::string DescribeTotals(const Totals& totals) {
  return fmt::format("{} points, {} bytes, {} stored", totals.points, totals.bytes.count(),
                     totals.stored.count());
}

namespace {

// Files beside the database. They are read first, so they are never ahead of it.
struct Beside {
  IdentityState identity = IdentityState::kNone;
  std::optional<HighWater> mark;
};

// A running relay overwrites the two slots in turn: both look damaged if one is written while this
// reads it and the other was written just before.
Result<DecodedHighWater> ReadHighWaterInUse(const std::string& directory) {
  constexpr int kTries = 5;
  Result<DecodedHighWater> read = ReadHighWater(directory);
  for (int i = 1; i < kTries && !read.ok(); ++i) read = ReadHighWater(directory);
  return read;
}

Result<Beside> CheckBeside(const std::string& directory, VerifyReport& report) {
  ASSIGN_OR_RETURN(FoundIdentity found, ReadIdentity(directory, kFormatVersion));
  Beside beside{.identity = found.state};
  if (beside.identity == IdentityState::kDamaged) {
    report.Find({"identity", directory + "/identity", "the identity of a log", "damage"});
  }
  Result<DecodedHighWater> mark = ReadHighWaterInUse(directory);
  if (mark.ok()) {
    beside.mark = std::move(mark).value().mark;
  } else if (beside.identity != IdentityState::kNone) {
    report.FindDamaged("high-water", directory + "/high-water", mark.error());
  }
  return beside;
}

// A database that lost its newest rows contains no row that shows it.
void CheckEnd(const HighWater& mark, const CheckedQueue& queue, VerifyReport& report) {
  const auto known = std::find_if(mark.log.queues.begin(), mark.log.queues.end(),
                                  [&](const auto& one) { return one.first.text() == queue.name; });
  if (known == mark.log.queues.end() || known->second.number != queue.number) return;
  const Sequence head = known->second.head.sequence;
  if (!queue.head_known || queue.head.sequence >= head) return;
  report.Find({"entries", "backend " + queue.name, fmt::format("records up to {}", head.value()),
               fmt::format("records up to {}", queue.head.sequence.value())});
}

Status CheckStore(const Store& store, const Beside& beside, VerifyReport& report) {
  Result<std::vector<CheckedQueue>> state = CheckState(store, report);
  if (!state.ok()) return std::move(state).error();
  std::vector<CheckedQueue>& queues = state.value();
  for (CheckedQueue& queue : queues) CheckGaps(store, queue, report);
  CheckRecords(store, queues, report);
  for (const CheckedQueue& queue : queues) {
    if (beside.mark) CheckEnd(*beside.mark, queue, report);
    CheckHeld(store, queue, report);
    CheckDead(store, queue, report);
    if (queue.state) {
      CheckMarks(queue, report);
    } else {
      report.summary.backends.push_back({.name = queue.name});
    }
  }
  return Ok();
}

}  // namespace

Result<VerifySummary> VerifyLog(const std::string& directory, const VerifyObserver& observer) {
  VerifyReport report(observer);
  const Result<Beside> beside = CheckBeside(directory, report);
  if (!beside.ok()) return Error(beside.error()).Within(directory);
  Result<std::unique_ptr<Store>> store =
      OpenStoreReadOnly({.directory = StoreDirectory(directory)});
  if (!store.ok() && store.error().code() != ErrorCode::kCorruption) {
    return std::move(store).error();
  }
  if (!store.ok()) {
    report.FindDamaged("database", StoreDirectory(directory), store.error());
    return report.summary;
  }
  Status checked = CheckStore(*store.value(), beside.value(), report);
  if (!checked.ok()) return std::move(checked).error().Within(directory);
  return std::move(report.summary);
}

}  // namespace relay
