#include "replay/delivery/window.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "replay/batch/sendable.h"

namespace relay {
namespace {

// Statements are kept: those that follow, and writes, build on them.
bool IsTooOldAt(const Entry& entry, const Record& record, Sequence old_through) {
  return entry.position.sequence <= old_through && record.params.api != Api::kStatement;
}

// Returns whether one entry of the ledger can stand for both.
bool Continues(const Gap& gap, const Gap& next) {
  return gap.reason == GapReason::kTooOld && next.reason == GapReason::kTooOld &&
         gap.last.Next() == next.first;
}

void Extend(Gap& gap, const Gap& next) {
  gap.last = next.last;
  gap.to = next.to;
  gap.points += next.points;
  gap.bytes += next.bytes;
  std::vector<std::string> databases;
  std::set_union(gap.databases.begin(), gap.databases.end(), next.databases.begin(),
                 next.databases.end(), std::back_inserter(databases));
  if (databases.size() <= Gap::kDatabasesMax) gap.databases = std::move(databases);
}

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

Gap TooOldGap(const Entry& entry, const Record& record, WallTime now) {
  Gap gap = GapOf(entry, "accepted longer ago than max_age", now);
  gap.reason = GapReason::kTooOld;
  gap.databases = {record.params.database};
  return gap;
}

// Returns the points that are delivered or dead letters.
PointCount ResolvedPoints(const WindowEntry& one) {
  PointCount points = one.delivered;
  for (const DeadLetter& letter : one.letters) points += letter.points;
  return points;
}

std::vector<DeadLetter> LettersOf(const Entry& entry, const WriteParams& params,
                                  std::vector<UnsendableLine> lines, WallTime now) {
  std::vector<DeadLetter> letters;
  letters.reserve(lines.size());
  for (UnsendableLine& line : lines) {
    DeadLetter letter;
    letter.sequence = entry.position.sequence;
    letter.when = now;
    letter.params = params;
    letter.message = kNotSendable;
    letter.first_line = line.number;
    letter.points = 1;
    letter.lines = std::move(line.text);
    letters.push_back(std::move(letter));
  }
  return letters;
}

}  // namespace

void Window::Restart(Sequence after) {
  entries_.clear();
  bytes_ = Bytes(0);
  read_through_ = forgotten_through_ = after;
}

void Window::Add(StoredRecord stored, WallTime now, Sequence old_through) {
  INVARIANT(stored.entry.position.sequence > read_through_);
  read_through_ = stored.entry.position.sequence;
  bytes_ += stored.entry.size.bytes;
  WindowEntry one;
  one.entry = stored.entry;
  if (stored.record.ok()) {
    const std::shared_ptr<const Record> whole = std::move(stored.record).value();
    if (IsTooOldAt(one.entry, *whole, old_through)) {
      one.gap = TooOldGap(one.entry, *whole, now);
      one.batches_left = 0;
      entries_.push_back(std::move(one));
      return;
    }
    SendableRecord sendable = FindSendable(whole);
    one.record = std::move(sendable.record);
    one.unsendable = LettersOf(one.entry, whole->params, std::move(sendable.unsendable), now);
    one.letters = one.unsendable;
  } else {
    one.gap = GapOf(one.entry, stored.record.error().message(), now);
  }
  if (!one.record) one.batches_left = 0;
  entries_.push_back(std::move(one));
}

bool Window::IsTooOld(Sequence old_through) const {
  if (entries_.empty() || entries_.front().is_resolved()) return false;
  const WindowEntry& first = entries_.front();
  return first.record && IsTooOldAt(first.entry, *first.record, old_through);
}

std::set<Sequence> Window::DropTooOld(const std::vector<Sequence>& of, WallTime now,
                                      Sequence old_through) {
  std::set<Sequence> dropped;
  for (const Sequence sequence : of) {
    WindowEntry& one = At(sequence);
    if (one.is_resolved() || !IsTooOldAt(one.entry, *one.record, old_through)) continue;
    one.gap = TooOldGap(one.entry, *one.record, now);
    one.gap->points -= ResolvedPoints(one);
    one.batches_left = 0;
    dropped.insert(sequence);
  }
  return dropped;
}

// Finds an entry: the sequences of a flow have no gaps, those of a held lane may.
WindowEntry& Window::At(Sequence sequence) {
  INVARIANT(!entries_.empty() && sequence >= entries_.front().entry.position.sequence);
  const RecordCount guess = sequence - entries_.front().entry.position.sequence;
  if (guess < entries_.size() && entries_[guess].entry.position.sequence == sequence) {
    return entries_[guess];
  }
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), sequence,
      [](const WindowEntry& one, Sequence wanted) { return one.entry.position.sequence < wanted; });
  INVARIANT(found != entries_.end() && found->entry.position.sequence == sequence);
  return *found;
}

void Window::Hold(Sequence sequence) {
  WindowEntry& one = At(sequence);
  one.hold_whole = true;
  one.delivered = 0;
  one.letters.clear();
}

void Window::Unhold(Sequence sequence) {
  WindowEntry& one = At(sequence);
  one.hold_whole = false;
  one.batches_left = 1;
  one.letters = one.unsendable;
}

std::vector<Sequence> Window::SequencesToHold(
    const std::function<bool(const WriteParams&)>& are_wanted) const {
  std::vector<Sequence> found;
  for (const WindowEntry& one : entries_) {
    if (one.hold_whole && are_wanted(one.record->params)) {
      found.push_back(one.entry.position.sequence);
    }
  }
  return found;
}

std::optional<ResolvedPrefix> Window::Resolved() const {
  if (entries_.empty() || !entries_.front().is_resolved()) return std::nullopt;
  ResolvedPrefix prefix;
  prefix.first = entries_.front().entry.position.sequence;
  for (const WindowEntry& one : entries_) {
    if (!one.is_resolved()) break;
    prefix.through = one.entry.position;
    prefix.delivered += one.delivered;
    prefix.resolved += one.entry.size.points;
    prefix.letters.insert(prefix.letters.end(), one.letters.begin(), one.letters.end());
    if (one.gap && !prefix.gaps.empty() && Continues(prefix.gaps.back(), *one.gap)) {
      Extend(prefix.gaps.back(), *one.gap);
    } else if (one.gap) {
      prefix.gaps.push_back(*one.gap);
    }
    if (one.hold_whole) prefix.held.push_back(one.entry.position.sequence);
  }
  return prefix;
}

void Window::Forget(Sequence through) {
  while (!entries_.empty() && entries_.front().entry.position.sequence <= through) {
    bytes_ = bytes_ - entries_.front().entry.size.bytes;
    entries_.pop_front();
  }
  forgotten_through_ = through;
}

}  // namespace relay
