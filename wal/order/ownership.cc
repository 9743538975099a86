#include "wal/order/ownership.h"

namespace relay {
namespace {

constexpr int kBeatsUntilFenced = 4;

}  // namespace

void Ownership::Begin(const SessionId& session) {
  session_ = session;
  sent_.clear();
  last_sent_.reset();
  watched_.clear();
  claimed_.clear();
  fenced_from_ = Clock::TimePoint();
}

bool Ownership::BeatIsDue(Clock::TimePoint now) const {
  return !session_.is_none() && (!last_sent_ || now - *last_sent_ >= beat_every_);
}

void Ownership::Sent(std::uint64_t counter, Clock::TimePoint now) {
  last_sent_ = now;
  SentBeat& beat = sent_.emplace_back(SentBeat{counter, now, {}});
  for (const auto& [session, watched] : watched_) beat.signs[session] = watched.signs;
}

void Ownership::Came(const OrderState::Taken& message) {
  if (message.session != session_) {
    Watched& watched = watched_[message.session];
    ++watched.signs;
    watched.silent_beats = 0;
    return;
  }
  if (message.kind == FrameKind::kClaim) ClaimCameBack(message);
  while (!sent_.empty() && sent_.front().counter <= message.counter) {
    if (sent_.front().counter == message.counter) CameBack(sent_.front());
    sent_.pop_front();
  }
}

// A claim that did not count is sent anew when it is due again.
void Ownership::ClaimCameBack(const OrderState::Taken& message) {
  const Result<Claim> claim = DecodeClaim(message.body);
  if (claim.ok()) claimed_.erase(claim.value().backend);
}

void Ownership::CameBack(const SentBeat& beat) {
  fenced_from_ = beat.at + kBeatsUntilFenced * beat_every_;
  for (auto& [session, watched] : watched_) {
    const auto at_sending = beat.signs.find(session);
    const bool was_silent = at_sending != beat.signs.end() && at_sending->second == watched.signs;
    if (was_silent) ++watched.silent_beats;
  }
}

std::vector<Claim> Ownership::Claims(const OrderState& state, const std::set<BackendNumber>& known,
                                     const std::set<BackendNumber>& wanted) {
  std::vector<Claim> claims;
  for (const BackendNumber backend : known) {
    const Owner owner = state.OwnerOf(backend);
    const bool is_mine = owner.session == session_;
    const bool is_wanted = wanted.contains(backend);
    // An owner of which no sign was seen in this session is watched from now on.
    const bool is_silent = owner.session.is_none() || state.RelayOf(owner.session) == nullptr ||
                           (!is_mine && watched_[owner.session].silent_beats >= kBeatsSilent);
    const bool takes = is_wanted && !is_mine && is_silent;
    const bool gives_up = is_mine && !is_wanted;
    if (!takes && !gives_up) continue;
    const auto [under_way, is_new] = claimed_.try_emplace(backend, owner.epoch);
    if (!is_new && under_way->second == owner.epoch) continue;
    under_way->second = owner.epoch;
    claims.push_back({.backend = backend,
                      .follows = owner.epoch,
                      .gives_up = gives_up,
                      .owner_counter = state.CounterOf(owner.session)});
  }
  return claims;
}

}  // namespace relay
