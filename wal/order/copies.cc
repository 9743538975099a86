#include "wal/order/copies.h"

#include <algorithm>
#include <functional>

namespace relay {
namespace {

// The moments at which this log's place is kept.
constexpr std::chrono::milliseconds kEvery{250};

// Limits what is kept of a relay that is ahead of this one; a later note says it again.
constexpr std::size_t kUncheckedMax = 1'024;

}  // namespace

void Copies::Begin(Place place) {
  synced_ = place;
  chains_.clear();
  history_.clear();
  peers_.clear();
  known_.clear();
}

void Copies::Synced(Place place, Chain chain) {
  if (place != synced_.Next()) chains_.clear();  // Another generation.
  synced_ = place;
  chains_.push_back(chain);
  if (chains_.size() > kChainsMax) chains_.pop_front();
}

void Copies::Told(const Note& note, Clock::TimePoint now) {
  if (note.relay == relay_) return;
  Known& known = known_[note.relay];
  // A relay that begins anew may do so with less than it had.
  if (known.session != note.session) {
    known = {.session = note.session, .unchecked = {}};
    peers_.erase(note.relay);
  }
  if (note.leaves) {
    peers_.erase(note.relay);
  } else {
    peers_[note.relay].heard = now;
  }
  const bool is_new = known.unchecked.empty() || known.unchecked.back().place < note.synced;
  if (note.synced <= synced_) {
    Check(note.relay, {note.synced, note.chain});
  } else if (is_new && known.unchecked.size() < kUncheckedMax) {
    known.unchecked.push_back({note.synced, note.chain});
  }
  Look(now);
}

void Copies::Look(Clock::TimePoint now) {
  CheckAll();
  if (history_.empty() || now - history_.back().first >= kEvery) {
    history_.emplace_back(now, synced_);
  }
  while (history_.size() > 1 && history_[1].first <= now - kBehind) history_.pop_front();
  for (auto& [relay, peer] : peers_) {
    const bool is_heard = now - peer.heard < options_.silent_after;
    peer.in_sync = is_heard && peer.place >= HadAt(now - (peer.in_sync ? kBehind : kBack));
  }
}

// Returns the place that this log had at a moment; the oldest that is known if that was later.
Place Copies::HadAt(Clock::TimePoint then) const {
  Place had = history_.empty() ? synced_ : history_.front().second;
  for (const auto& [when, place] : history_) {
    if (when <= then) had = place;
  }
  return had;
}

void Copies::CheckAll() {
  for (auto& [relay, known] : known_) {
    while (!known.unchecked.empty() && known.unchecked.front().place <= synced_) {
      Check(relay, known.unchecked.front());
      known.unchecked.pop_front();
    }
  }
}

// A place so old that its chain is not kept is not checked, and does not count.
void Copies::Check(const std::string& relay, const Unchecked& told) {
  const std::uint64_t before = synced_.value() - told.place.value();
  if (before >= chains_.size()) return;
  if (chains_[chains_.size() - 1 - before] != told.chain) {
    if (!other_history_) other_history_.emplace(relay, told.place);
    return;
  }
  const auto peer = peers_.find(relay);
  if (peer != peers_.end()) peer->second.place = std::max(peer->second.place, told.place);
}

std::size_t Copies::in_sync() const {
  return 1 + static_cast<std::size_t>(std::count_if(
                 peers_.begin(), peers_.end(), [](const auto& one) { return one.second.in_sync; }));
}

Place Copies::Enough() const {
  const std::size_t needed =
      options_.strict ? options_.wanted : std::min(options_.wanted, in_sync());
  std::vector<Place> places = {synced_};
  for (const auto& [relay, peer] : peers_) {
    if (peer.in_sync) places.push_back(peer.place);
  }
  if (places.size() < needed) return Place::BeforeFirst();
  std::sort(places.begin(), places.end(), std::greater<>());
  return std::min(synced_, places[needed - 1]);
}

}  // namespace relay
