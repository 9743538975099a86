#include "relay/history/outages.h"

#include <algorithm>
#include <map>
#include <utility>

namespace relay {
namespace {

using std::chrono::nanoseconds;

nanoseconds Between(WallTime from, WallTime to) {
  return std::max(to - from, WallTime::duration::zero());
}

nanoseconds FromSeconds(double seconds) {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(seconds));
}

// Follows the events of one backend.
class Follower {
 public:
  void Take(const HistoryEvent& event, std::vector<Outage>& ended) {
    switch (event.kind) {
      case HistoryKind::kDown: return GoDown(event);
      case HistoryKind::kUp: return ComeUp(event);
      case HistoryKind::kRecovered: return Recover(event, ended);
      case HistoryKind::kRemoved: return Remove(event, ended);
      default: return;
    }
  }

  // Returns the outage that goes on.
  std::optional<Outage> Rest(WallTime now) {
    if (open_ && !open_->back) open_->down += Between(down_since_, now);
    return std::exchange(open_, std::nullopt);
  }

 private:
  void GoDown(const HistoryEvent& event) {
    const bool begins = !open_;
    if (begins) open_ = Outage{.backend = event.backend, .began = event.at, .reason = event.text};
    std::vector<std::string>& states = open_->states;
    const bool known = std::find(states.begin(), states.end(), event.state) != states.end();
    if (!known) states.push_back(event.state);
    if (!begins && !open_->back) return;  // It was down already, for another reason.
    open_->back.reset();
    ++open_->times_down;
    down_since_ = event.at;
  }

  void ComeUp(const HistoryEvent& event) {
    if (!open_ || open_->back) return;
    open_->back = event.at;
    open_->down += event.seconds > 0 ? FromSeconds(event.seconds) : Between(down_since_, event.at);
  }

  void Recover(const HistoryEvent& event, std::vector<Outage>& ended) {
    if (!open_) return;
    open_->points_worst = std::max(open_->points_worst, event.points);
    open_->age_worst = std::max(open_->age_worst, event.seconds);
    open_->recovered = event.at;
    ended.push_back(*std::exchange(open_, std::nullopt));
  }

  void Remove(const HistoryEvent& event, std::vector<Outage>& ended) {
    if (!open_) return;
    ComeUp(event);
    open_->removed = true;
    ended.push_back(*std::exchange(open_, std::nullopt));
  }

  std::optional<Outage> open_;
  WallTime down_since_;
};

// A crash may have lost what the relay remembered of an outage: the rows still have it.
void AddWorst(const std::vector<HistoryRow>& rows, WallTime now, Outage& outage) {
  for (const HistoryRow& row : rows) {
    if (row.to < outage.began || row.from > outage.EndOr(now)) continue;
    const auto found = row.backends.find(outage.backend);
    if (found == row.backends.end()) continue;
    outage.points_worst = std::max(outage.points_worst, found->second.undelivered_max);
    outage.age_worst = std::max(outage.age_worst, found->second.age_max);
  }
}

}  // namespace

std::vector<Outage> OutagesIn(const HistoryData& data, WallTime from, WallTime to, WallTime now) {
  std::map<std::string, Follower> followers;
  std::vector<Outage> outages;
  for (const HistoryEvent& event : data.events) {
    if (!event.backend.empty()) followers[event.backend].Take(event, outages);
  }
  for (auto& [name, follower] : followers) {
    if (auto rest = follower.Rest(now)) outages.push_back(std::move(*rest));
  }
  std::erase_if(outages, [&](const Outage& outage) {
    return outage.began >= to || outage.EndOr(now) < from;
  });
  for (Outage& outage : outages) AddWorst(data.rows, now, outage);
  std::stable_sort(outages.begin(), outages.end(),
                   [](const Outage& a, const Outage& b) { return a.began < b.began; });
  return outages;
}

std::vector<RestartSeen> RestartsIn(const HistoryData& data, WallTime from, WallTime to) {
  std::vector<RestartSeen> restarts;
  for (const HistoryEvent& event : data.events) {
    if (event.kind != HistoryKind::kStarted || event.at < from || event.at >= to) continue;
    restarts.push_back({event.at, event.state, event.other});
  }
  return restarts;
}

}  // namespace relay
