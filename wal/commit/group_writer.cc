#include "wal/commit/group_writer.h"

#include <utility>

#include "wal/base/crash_point.h"

namespace relay {

Status GroupWriter::Open(const std::optional<Error>& because) {
  Status opened = parts_.opener.Open(because);
  if (!opened.ok() && parts_.reserve.ReleaseIfFull()) opened = parts_.opener.Open(because);
  RETURN_IF_ERROR(opened);
  builder_.Begin(parts_.queues.SyncedState().log, parts_.store.ForWriter()->NewBatch());
  return Ok();
}

Status GroupWriter::Reopen(const std::optional<Error>& because) {
  const auto alone = parts_.store.Exclusive();
  PassCrashPoint(CrashPoint::kReopenClosed);
  builder_.End();
  parts_.store.Close();
  PassCrashPoint(CrashPoint::kReopenDatabaseGone);
  Status reopened = Open(because);
  PassCrashPoint(CrashPoint::kReopenOpened);
  return reopened;
}

void GroupWriter::TakeCursors(Group& group) {
  group.cursors = parts_.queues.TakeDirtyCursors();
  // A change was planned from a locked queue and contains its cursor.
  for (const WaitingChange* waiting : group.changes) group.cursors.erase(waiting->backend);
}

Status GroupWriter::Write() {
  PassCrashPoint(CrashPoint::kCommitStaged);
  return timer_.Time(
      [this] { return parts_.store.ForWriter()->Write(builder_.batch(), Durability::kSynced); });
}

void GroupWriter::Publish(Group& group) {
  const auto keep = [this](std::vector<WaitingAppend>& appends) {
    for (WaitingAppend& append : appends) {
      const auto& record = append.Encoded().record.record();
      if (record != nullptr) parts_.recent.Add(append.payload, record);
    }
  };
  keep(group.appends);
  for (WaitingChange* waiting : group.changes) keep(waiting->appends);
  parts_.queues.Publish(group, builder_.numbers());
  for (const WaitingChange* waiting : group.changes) {
    if (!waiting->change.state) builder_.Forget(waiting->backend);
  }
  parts_.opener.Moved();
}

void GroupWriter::Answer(Group& group) {
  std::vector<StoredAppend> appends = TakeAppends(group);
  AnswerAppends(appends);
  bool wakes = !group.appends.empty();
  for (WaitingChange* waiting : group.changes) {
    wakes = wakes || waiting->wakes == Wakes::kListener;
    waiting->done.set_value(Ok());  // The caller may free `waiting` from here on.
  }
  for (WaitingBackends* waiting : group.backends) waiting->done.set_value(Ok());
  for (WaitingMark* waiting : group.marks) waiting->done.set_value(parts_.queues.SyncedState());
  PassCrashPoint(CrashPoint::kCommitAnswered);
  if (wakes && on_readable_) on_readable_();
}

std::vector<StoredAppend> GroupWriter::TakeAppends(Group& group) {
  std::vector<StoredAppend> taken;
  for (WaitingAppend& append : group.appends) {
    if (append.completions.empty()) continue;
    const PayloadId first(append.payload.value() - append.parts_before);
    taken.push_back({first, append.payload, std::exchange(append.completions, {})});
  }
  return taken;
}

void GroupWriter::AnswerAppends(std::vector<StoredAppend>& appends) {
  const std::chrono::nanoseconds now = timer_.Now();
  const LifeId life = parts_.queues.life();
  for (StoredAppend& append : appends) {
    for (WaitingAppend::Completion& completion : append.completions) {
      timer_.RecordAppend(now - completion.since);
      completion.done(SyncGate::Passed(append.first, append.last, life));
    }
  }
}

void GroupWriter::RefuseAppends(std::vector<StoredAppend>& appends, const Error& refusal) {
  for (StoredAppend& append : appends) {
    for (WaitingAppend::Completion& completion : append.completions) completion.done(refusal);
  }
}

void GroupWriter::Refuse(Group& group, const Error& refusal) {
  for (WaitingAppend& append : group.appends) {
    for (WaitingAppend::Completion& completion : append.completions) completion.done(refusal);
  }
  for (WaitingChange* change : group.changes) change->done.set_value(refusal);
  for (WaitingBackends* backends : group.backends) backends->done.set_value(refusal);
  for (WaitingMark* mark : group.marks) mark->done.set_value(refusal);
}

std::string GroupWriter::NewDamage() {
  std::string damage = parts_.store.ForWriter()->Damage();
  if (damage.empty() || damage == last_damage_) return "";
  last_damage_ = damage;
  return damage;
}

}  // namespace relay
