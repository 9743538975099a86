// Decides when a relay takes over the delivery to a backend, and until when it may deliver, so that
// no two relays deliver to one backend at the same time. No clocks of two relays are compared.
//
// Beats. Every relay sends a beat through the order, seven in a takeover time. Every message of an
// owner's session is a sign of it.
//
// Taking over. A relay claims a backend that it is configured for when nobody delivers to it, or
// when seven of its own beats in a row have come back, each sent after the last sign of the owner
// had come. Silence is so measured in the order: while the order stalls, nobody is silent. After a
// stall one relay's beats may all come before another's: a claim names the last sign that its relay
// has seen, and means nothing behind a later one.
//
// Fence. An owner delivers only while the last of its beats that came back was sent less than four
// sevenths of a takeover time ago, by its own steady clock. The seventh beat of the relay that
// takes over was sent at least six sevenths of a takeover time after the owner's last sign, so that
// the owner has stopped before another begins. A request that is under way then may still arrive.
//
// INVARIANT. Pure but for the clock: the same messages at the same times lead to the same
// decisions.
//
// THREADS. One at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "wal/base/clock.h"
#include "wal/order/messages.h"
#include "wal/order/order_state.h"

namespace relay {

class Ownership {
 public:
  static constexpr std::uint32_t kBeatsSilent = 7;
  static constexpr std::chrono::milliseconds kTakeoverLeast{2'000};

  // `takeover`: the time after which a silent owner is replaced, at least kTakeoverLeast.
  explicit Ownership(std::chrono::milliseconds takeover) : beat_every_(takeover / kBeatsSilent) {}

  // Begins anew with a session of this relay.
  void Begin(const SessionId& session);

  // Returns whether a beat is due.
  bool BeatIsDue(Clock::TimePoint now) const;

  // Notes that the frame `counter` of this session, a beat, was sent.
  void Sent(std::uint64_t counter, Clock::TimePoint now);

  // Notes a message that counts; `state` has taken it.
  void Came(const OrderState::Taken& message);

  // Returns the claims to send. `wanted`: the backends that this relay is configured for.
  std::vector<Claim> Claims(const OrderState& state, const std::set<BackendNumber>& known,
                            const std::set<BackendNumber>& wanted);

  // Returns the moment from which this relay may deliver no more, whatever it owns.
  Clock::TimePoint FencedFrom() const { return fenced_from_; }

 private:
  struct SentBeat {
    std::uint64_t counter = 0;
    Clock::TimePoint at;
    std::map<SessionId, std::uint64_t> signs;  // At the time of sending.
  };
  struct Watched {
    std::uint64_t signs = 0;
    std::uint32_t silent_beats = 0;
  };

  void CameBack(const SentBeat& beat);
  void ClaimCameBack(const OrderState::Taken& message);

  std::chrono::milliseconds beat_every_;
  SessionId session_;
  std::deque<SentBeat> sent_;
  std::optional<Clock::TimePoint> last_sent_;
  std::map<SessionId, Watched> watched_;            // Other sessions that have given a sign.
  std::map<BackendNumber, std::uint64_t> claimed_;  // The epoch that a claim under way follows.
  Clock::TimePoint fenced_from_;
};

}  // namespace relay
