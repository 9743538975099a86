#include "wal/commit/answer_gate.h"

#include <fmt/format.h>

#include <utility>

namespace relay {

AnswerGate::AnswerGate(const SharedLogOptions& options, GroupWriter& writer)
    : options_(options),
      writer_(writer),
      copies_(options.relay, {.wanted = options.copies,
                              .strict = options.copies_strict,
                              .silent_after = options.takeover}) {}

void AnswerGate::Listen() {
  options_.order->OnTold([this](std::string_view bytes) { Told(bytes); });
}

void AnswerGate::Begin(Place place) {
  const std::lock_guard lock(mutex_);
  copies_.Begin(place);
  synced_ = place;
}

void AnswerGate::SetSession(const SessionId& session) {
  const std::lock_guard lock(mutex_);
  session_ = session;
  if (!session.is_none()) last_session_ = session;
}

// Tells the others first: their callers wait for it.
void AnswerGate::Synced(std::vector<SyncedMessage> messages) {
  if (messages.empty()) return;
  Note note{.relay = options_.relay};
  {
    const std::lock_guard lock(mutex_);
    const Clock::TimePoint now = options_.clock->Now();
    for (SyncedMessage& message : messages) {
      copies_.Synced(message.place, message.chain);
      if (message.callers.empty()) continue;
      waiting_.push_back({message.place, now, std::move(message.callers)});
    }
    copies_.Look(now);
    note.session = session_;
    note.synced = synced_ = messages.back().place;
    note.chain = chain_ = messages.back().chain;
  }
  if (!note.session.is_none()) options_.order->Tell(EncodeNote(note));
  AnswerEnough(std::unique_lock(mutex_));
}

void AnswerGate::Told(std::string_view bytes) {
  const Result<Note> note = DecodeNote(bytes);
  if (!note.ok()) return;
  std::unique_lock lock(mutex_);
  copies_.Told(note.value(), options_.clock->Now());
  AnswerEnough(std::move(lock));
}

// Answers outside of the lock: callers may take time.
void AnswerGate::AnswerEnough(std::unique_lock<std::mutex> lock) {
  std::vector<std::vector<StoredAppend>> answered;
  const Place enough = copies_.Enough();
  while (!waiting_.empty() && waiting_.front().place <= enough) {
    answered.push_back(std::move(waiting_.front().callers));
    waiting_.pop_front();
  }
  lock.unlock();
  for (std::vector<StoredAppend>& callers : answered) writer_.AnswerAppends(callers);
}

void AnswerGate::Look(std::chrono::milliseconds limit) {
  std::deque<Waiting> late;
  {
    std::unique_lock lock(mutex_);
    const Clock::TimePoint now = options_.clock->Now();
    copies_.Look(now);
    while (!waiting_.empty() && now - waiting_.front().since >= limit &&
           waiting_.front().place > copies_.Enough()) {
      late.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    AnswerEnough(std::move(lock));
  }
  const Error refusal(ErrorCode::kUnavailable,
                      fmt::format("fewer than {} relays have the write: it may be stored all the "
                                  "same",
                                  options_.copies));
  for (Waiting& one : late) GroupWriter::RefuseAppends(one.callers, refusal);
}

void AnswerGate::Refuse(const Error& because) {
  std::deque<Waiting> refused;
  {
    const std::lock_guard lock(mutex_);
    refused.swap(waiting_);
  }
  for (Waiting& one : refused) GroupWriter::RefuseAppends(one.callers, because);
}

void AnswerGate::Leave() {
  options_.order->OnTold({});
  bool tells = false;
  {
    const std::lock_guard lock(mutex_);
    tells = !session_.is_none();
    session_ = {};
  }
  if (tells) Warn();
}

void AnswerGate::Warn() {
  Note note{.relay = options_.relay, .leaves = true};
  {
    const std::lock_guard lock(mutex_);
    note.session = last_session_;
    note.synced = synced_;
    note.chain = chain_;
  }
  if (!note.session.is_none()) options_.order->Tell(EncodeNote(note));
}

Status AnswerGate::CheckHistory() const {
  const std::lock_guard lock(mutex_);
  const auto& other = copies_.other_history();
  if (!other) return Ok();
  return Error(ErrorCode::kCorruption,
               fmt::format("the log of {} has another history than this one at place {}: a server "
                           "of the order has lost writes. Nothing is accepted or delivered until "
                           "an operator has decided which is right",
                           other->first, other->second.value()));
}

Status AnswerGate::CheckCopies() const {
  const std::lock_guard lock(mutex_);
  if (!options_.copies_strict || !copies_.lacks()) return Ok();
  return Error(ErrorCode::kUnavailable,
               fmt::format("{} of {} relays are in sync, and log.jetstream.copies_strict is set: "
                           "start the others",
                           copies_.in_sync(), options_.copies));
}

std::size_t AnswerGate::copies() const {
  const std::lock_guard lock(mutex_);
  return copies_.in_sync();
}

std::map<std::string, Copies::Peer> AnswerGate::peers() const {
  const std::lock_guard lock(mutex_);
  return copies_.peers();
}

}  // namespace relay
