// What it means that a client's own credentials were refused.
#include <algorithm>
#include <utility>

#include "replay/delivery/delivery.h"

namespace relay {
namespace {

// For so long after a client's lines were taken, that another one is refused is
// taken for his own trouble, and nobody waits for him.
constexpr std::chrono::seconds kClientsFresh{10};

bool IsOfOther(const WriteParams& params, const ClientCredentials& than) {
  return params.api != Api::kStatement && !params.credentials.empty() && params.credentials != than;
}

}  // namespace

void Delivery::SuspectClient(LaneQueue& lane, const SendBatch& piece, const Judged& verdict,
                             const Reply& reply) {
  const bool others_are_taken =
      lane.clients_taken_before && clients_taken_ > *lane.clients_taken_before;
  const WriteParams& params = piece.params();
  const bool is_statement = params.api == Api::kStatement && !params.credentials.empty();
  if (others_are_taken || is_statement) return RefuseClient(lane, piece, verdict, reply);
  lane.clients_taken_before = clients_taken_;
  lane.canary = FindOtherClient(lane);
  if (lane.canary) {
    lane.suspicion = {verdict, reply};
    return;
  }
  const Clock::TimePoint now = clock_.Now();
  const bool others_were_taken = clients_taken_ > 0 && now - client_taken_at_ < kClientsFresh;
  if (!others_were_taken) return Hold(lane, verdict, params);
  ++lane.failures;
  lane.not_before = now + options_.retry.After(lane.failures, Chance());
}

// To the dead letters whole: all of it is the same client's.
void Delivery::RefuseClient(LaneQueue& lane, const SendBatch& piece, const Judged& verdict,
                            const Reply& reply) {
  gate_.Open(clock_.Now());
  RecordDeadLetters(lane, piece, verdict, reply);
  FinishFront(lane, piece);
}

// A line of the same lane that another client sent: what the lane took last,
// once more, or one from behind, which is sent again when its turn comes. Of
// another lane it could overwrite what that lane has written since.
std::shared_ptr<const SendBatch> Delivery::FindOtherClient(LaneQueue& lane) {
  const ClientCredentials& refused = lane.pieces.front()->params().credentials;
  if (lane.taken && IsOfOther(lane.taken->params(), refused)) {
    return std::make_shared<const SendBatch>(LineAlone(*lane.taken, lane.taken->points - 1));
  }
  // One more each time: the next few may be refused too.
  FormPieceOfOther(lane, refused);
  std::vector<const SendBatch*> others;
  for (const auto& piece : lane.pieces) {
    if (IsOfOther(piece->params(), refused)) others.push_back(piece.get());
  }
  if (others.empty()) return nullptr;
  const SendBatch& chosen = *others[random_() % others.size()];
  return std::make_shared<const SendBatch>(LineAlone(chosen, random_() % chosen.points));
}

void Delivery::FormPieceOfOther(LaneQueue& lane, const ClientCredentials& than) {
  const std::deque<Sequence>& unsent = lane.held.empty() ? lane.flow : lane.held_unsent;
  Window& window = WindowOf(lane);
  const bool has_other = std::any_of(unsent.begin(), unsent.end(), [&](Sequence sequence) {
    return IsOfOther(window.At(sequence).record->params, than);
  });
  if (!has_other) return;
  while (!IsOfOther(FormPiece(lane)->params(), than)) {
  }
}

}  // namespace relay
