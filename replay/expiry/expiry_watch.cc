#include "replay/expiry/expiry_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace relay {
namespace {

bool IsKnownToExpire(const KnownPolicies& known, const std::vector<LaneRename>& renames,
                     const Lane& lane) {
  return lane == OverflowLane() || PolicyOf(known, renames, lane).has_value();
}

// Points that are too old already, then what expires next.
bool IsMoreUrgent(const LaneExpiry& a, const LaneExpiry& b) {
  const auto left = [](const LaneExpiry& one) {
    return one.due.expiring == 0 ? WallTime::max() : one.due.from + one.keeps;
  };
  if (left(a) != left(b)) return left(a) < left(b);
  return std::pair(b.due.expired, a.lane) < std::pair(a.due.expired, b.lane);
}

}  // namespace

ExpiryWatch::ExpiryWatch(Options options, const Parts& parts)
    : options_(std::move(options)), parts_(parts), known_(options_.known) {
  if (!known_) trouble_ = "its retention policies are not known yet";
  Show(parts_.clock.WallNow());
}

ExpiryStatus ExpiryWatch::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

Clock::Duration ExpiryWatch::Turn() {
  AskIfDue();
  const WallTime now = parts_.clock.WallNow();
  const Status counted = Count(now);
  count_trouble_ = counted.ok() ? "" : counted.error().message();
  Show(now);
  return Snapshot().is_whole ? kTurn : kReadsOn;
}

void ExpiryWatch::AskIfDue() {
  if (asks_at_ && parts_.clock.Now() < *asks_at_) return;
  const Status asked = Ask();
  trouble_ = asked.ok() ? trouble_ : asked.error().message();
  constexpr std::size_t kEachLonger = 100;
  const std::size_t longer = known_ ? 1 + known_->databases.size() / kEachLonger : 1;
  asks_at_ = parts_.clock.Now() + kAsks * static_cast<Clock::Duration::rep>(longer);
}

// A database that does not tell is left out; what is known of it from before is too old to count.
Status ExpiryWatch::Ask() {
  KnownPolicies known;
  known.asked_at = parts_.clock.WallNow();
  ASSIGN_OR_RETURN(std::vector<std::string> databases, parts_.source.Databases());
  std::string trouble;
  if (databases.size() > kDatabasesMax) {
    trouble = fmt::format("only {} of its databases are watched", kDatabasesMax);
    databases.resize(kDatabasesMax);
  }
  for (const std::string& database : databases) {
    Result<std::vector<PolicyInfo>> policies = parts_.source.Policies(database);
    if (policies.ok()) {
      known.databases[database] = std::move(policies).value();
      continue;
    }
    if (policies.error().code() == ErrorCode::kUnavailable) return Error(policies.error());
    if (policies.error().code() == ErrorCode::kNotFound) continue;
    trouble = fmt::format("database \"{}\": {}", database, policies.error().message());
  }
  trouble_ = std::move(trouble);
  known_ = std::move(known);
  options_.on_known(*known_);
  return Ok();
}

Status ExpiryWatch::Count(WallTime now) {
  const Sequence cursor = parts_.log.MarksOf(options_.backend).cursor;
  // Records may be put on hold again, before those that are.
  if (cursor < cursor_) held_.clear();
  cursor_ = cursor;
  const auto youngest = known_ ? YoungestDue(*known_) : std::nullopt;
  if (!youngest) {
    owed_ = AgeScan();
    held_.clear();
    return Ok();
  }
  const WallTime until = now - *youngest + std::chrono::nanoseconds(1);
  ScanBudget budget{kBudget};
  RETURN_IF_ERROR(owed_.Advance(cursor, until, budget, [&](Sequence after, ReadLimit limit) {
    return parts_.log.Read(options_.backend, after, limit);
  }));
  return CountHeld(until, budget);
}

Status ExpiryWatch::CountHeld(WallTime until, ScanBudget& budget) {
  ASSIGN_OR_RETURN(const std::vector<HeldLane> lanes, parts_.log.HeldLanes(options_.backend));
  std::set<Lane> there;
  for (const HeldLane& lane : lanes) {
    if (!lane.first || !IsKnownToExpire(*known_, options_.renames, lane.lane)) continue;
    there.insert(lane.lane);
    const Sequence before(lane.first->value() - 1);
    RETURN_IF_ERROR(
        held_[lane.lane].Advance(before, until, budget, [&](Sequence after, ReadLimit limit) {
          return parts_.log.ReadHeld(options_.backend, lane.lane, after, limit);
        }));
  }
  std::erase_if(held_, [&](const auto& one) { return !there.contains(one.first); });
  return Ok();
}

std::vector<LaneExpiry> ExpiryWatch::DueLanes(WallTime now) const {
  std::map<Lane, LaneExpiry> due;
  const auto add = [&](const AgedPoints& points) {
    for (const Lane& lane : points.Lanes()) {
      const std::optional<LanePolicy> policy = PolicyOf(*known_, options_.renames, lane);
      if (!policy) continue;
      LaneExpiry& one = due[lane];
      one.lane = lane;
      one.theirs = policy->theirs;
      one.keeps = policy->keeps.duration;
      one.due.Add(points.DueOf(lane, policy->keeps, now));
    }
  };
  add(owed_.points());
  for (const auto& [lane, scan] : held_) add(scan.points());
  std::vector<LaneExpiry> lanes;
  for (auto& [lane, one] : due) {
    if (one.due.any()) lanes.push_back(std::move(one));
  }
  std::sort(lanes.begin(), lanes.end(), IsMoreUrgent);
  return lanes;
}

void ExpiryWatch::Show(WallTime now) {
  ExpiryStatus status;
  status.is_watched = known_ && (trouble_.empty() || !known_->databases.empty());
  status.why = count_trouble_.empty() ? trouble_ : count_trouble_;
  if (known_) {
    status.asked_at = known_->asked_at;
    status.lanes = DueLanes(now);
    const bool counts = YoungestDue(*known_).has_value();
    status.is_whole =
        !counts || (owed_.whole() && std::all_of(held_.begin(), held_.end(), [](const auto& one) {
                      return one.second.whole();
                    }));
  }
  bool is_changed = false;
  {
    const std::lock_guard lock(mutex_);
    is_changed = status.lanes.empty() != status_.lanes.empty();
    status_ = status;
  }
  if (is_changed) options_.on_change(status);
}

}  // namespace relay
