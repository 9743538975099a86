#include "replay/delivery/window.h"

#include <algorithm>
#include <utility>

namespace relay {
namespace {

Gap GapOf(const Entry& entry, const std::string& reason, WallTime now) {
  Gap gap;
  gap.first = gap.last = entry.position.sequence;
  gap.from = gap.to = entry.accepted_at;
  gap.points = entry.size.points;
  gap.bytes = entry.size.bytes;
  gap.reason = GapReason::kDamaged;
  gap.note = reason.substr(0, Gap::kTextMax);
  gap.by = "relay";
  gap.when = now;
  return gap;
}

}  // namespace

void Window::Restart(Sequence after) {
  slots_.clear();
  bytes_ = Bytes(0);
  read_through_ = settled_ = after;
}

void Window::Add(StoredRecord stored, WallTime now) {
  INVARIANT(stored.entry.position.sequence > read_through_);
  read_through_ = stored.entry.position.sequence;
  bytes_ += stored.entry.size.bytes;
  WindowEntry slot{.entry = stored.entry, .record = nullptr, .letters = {}, .gap = std::nullopt};
  if (stored.record.ok()) {
    slot.record = std::move(stored.record).value();
  } else {
    slot.gap = GapOf(slot.entry, stored.record.error().message(), now);
    slot.batches_left = 0;
  }
  slots_.push_back(std::move(slot));
}

// Finds an entry: the sequences of a flow have no gaps, those of a held lane may.
WindowEntry& Window::At(Sequence sequence) {
  INVARIANT(!slots_.empty() && sequence >= slots_.front().entry.position.sequence);
  const RecordCount guess = sequence - slots_.front().entry.position.sequence;
  if (guess < slots_.size() && slots_[guess].entry.position.sequence == sequence) {
    return slots_[guess];
  }
  const auto found = std::lower_bound(slots_.begin(), slots_.end(), sequence,
                                      [](const WindowEntry& slot, Sequence wanted) {
                                        return slot.entry.position.sequence < wanted;
                                      });
  INVARIANT(found != slots_.end() && found->entry.position.sequence == sequence);
  return *found;
}

void Window::Hold(Sequence sequence) {
  WindowEntry& slot = At(sequence);
  slot.to_held = true;
  slot.delivered = 0;
  slot.letters.clear();
}

void Window::Unhold(Sequence sequence) {
  WindowEntry& slot = At(sequence);
  slot.to_held = false;
  slot.batches_left = 1;
}

std::vector<Sequence> Window::ToHeldOf(const Lane& lane) const {
  std::vector<Sequence> found;
  for (const WindowEntry& slot : slots_) {
    if (slot.to_held && LaneOf(slot.record->params) == lane) {
      found.push_back(slot.entry.position.sequence);
    }
  }
  return found;
}

std::optional<ResolvedPrefix> Window::Resolved() const {
  if (slots_.empty() || !slots_.front().is_resolved()) return std::nullopt;
  ResolvedPrefix settlement;
  settlement.first = slots_.front().entry.position.sequence;
  for (const WindowEntry& slot : slots_) {
    if (!slot.is_resolved()) break;
    settlement.through = slot.entry.position;
    settlement.delivered += slot.delivered;
    settlement.resolved += slot.entry.size.points;
    settlement.letters.insert(settlement.letters.end(), slot.letters.begin(), slot.letters.end());
    if (slot.gap) settlement.gaps.push_back(*slot.gap);
    if (slot.to_held) settlement.held.push_back(slot.entry.position.sequence);
  }
  return settlement;
}

void Window::Forget(Sequence through) {
  while (!slots_.empty() && slots_.front().entry.position.sequence <= through) {
    bytes_ = bytes_ - slots_.front().entry.size.bytes;
    slots_.pop_front();
  }
  settled_ = through;
}

}  // namespace relay
