#include "wal/group/append_queue.h"

namespace relay {

const WriteParams& WaitingAppend::params() const {
  const auto* request = std::get_if<AppendRequest>(&write);
  return request != nullptr ? request->record.record()->params
                            : std::get<SmallWrite>(write).record.params;
}

Bytes WaitingAppend::memory() const {
  const auto* request = std::get_if<AppendRequest>(&write);
  if (request == nullptr) return Bytes(std::get<SmallWrite>(write).record.lines.size());
  const Totals size = request->record.size();
  return size.bytes + size.stored;
}

Bytes WaitingAppend::stored() const {
  const auto* request = std::get_if<AppendRequest>(&write);
  return request != nullptr ? request->record.size().stored : memory();
}

AppendRequest& WaitingAppend::Encoded() {
  if (auto* small = std::get_if<SmallWrite>(&write)) {
    Result<EncodedRecord> encoded = Encode(std::move(small->record), small->codec, small->judge);
    INVARIANT(encoded.ok());  // Its names were checked when it was added.
    write =
        AppendRequest{std::move(encoded).value(), std::move(small->backends), small->accepted_at};
  }
  return std::get<AppendRequest>(write);
}

void AppendQueue::Push(WaitingAppend append) {
  memory_ += append.memory();
  waiting_.push_back(std::move(append));
}

void AppendQueue::Add(std::vector<AppendRequest> parts, WaitingAppend::Completion completion) {
  INVARIANT(!parts.empty());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    WaitingAppend append{.write = std::move(parts[i]),
                         .completions = {},
                         .parts_before = i,
                         .parts_after = parts.size() - 1 - i};
    if (append.params().api == Api::kStatement) {
      open_.clear();
    } else {
      open_.erase(append.params());
    }
    Push(std::move(append));
  }
  waiting_.back().completions.push_back(std::move(completion));
}

void AppendQueue::AddSmall(SmallWrite write, WaitingAppend::Completion completion) {
  INVARIANT(write.record.params.api != Api::kStatement);
  if (WaitingAppend* const open = Joinable(write)) {
    Record& record = std::get<SmallWrite>(open->write).record;
    record.lines += write.record.lines;
    record.points += write.record.points;
    memory_ += Bytes(write.record.lines.size());
    open->completions.push_back(std::move(completion));
    return;
  }
  open_.insert_or_assign(write.record.params, taken_ + waiting_.size());
  WaitingAppend append{.write = std::move(write), .completions = {}};
  append.completions.push_back(std::move(completion));
  Push(std::move(append));
}

WaitingAppend* AppendQueue::Joinable(const SmallWrite& write) {
  const auto found = open_.find(write.record.params);
  if (found == open_.end()) return nullptr;
  WaitingAppend& append = waiting_[found->second - taken_];
  const auto& open = std::get<SmallWrite>(append.write);
  const bool alike = open.record.params == write.record.params && open.codec == write.codec &&
                     *open.backends == *write.backends;
  const bool fits = open.record.lines.size() + write.record.lines.size() <= kJoinedMax.count();
  return alike && fits ? &append : nullptr;
}

std::vector<WaitingAppend> AppendQueue::Take(Bytes most) {
  std::vector<WaitingAppend> taken;
  Bytes size(0);
  while (!waiting_.empty() && (size < most || waiting_.front().parts_before > 0)) {
    size += waiting_.front().stored();
    memory_ = memory_ - waiting_.front().memory();
    taken.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    ++taken_;
  }
  open_.clear();
  return taken;
}

}  // namespace relay
