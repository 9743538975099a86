// Checks entries against each other and against the payloads. All queues and the payloads are
// walked side by side, each once and in order: when an entry is read, the payload it refers to is
// at hand.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "wal/verify/checks.h"

namespace relay {
namespace {

constexpr PayloadId kNoPayload(std::numeric_limits<std::uint64_t>::max());

// Formats "sequence 7" or "sequences 7 to 9".
template <typename Number>
std::string Span(std::string_view what, Number first, Number last) {
  if (first == last) return fmt::format("{} {}", what, first.value());
  return fmt::format("{}s {} to {}", what, first.value(), last.value());
}

// Walks one queue's entries from the first that is kept, and holds the entry whose payload comes
// next.
class EntryCheck {
 public:
  EntryCheck(const Store& store, CheckedQueue& queue, VerifyReport& report)
      : queue_(queue),
        report_(report),
        walk_(store, Family::kEntries, BackendKeys(queue.number), First(queue)) {
    if (queue.state) before_ = queue.state->trimmed;
    queue_.head = before_.value_or(Position());
    expected_ = First(queue);
    FindDecodable();
  }

  // The payload of the current entry; kNoPayload: the end.
  PayloadId payload() const { return entry_ ? entry_->payload : kNoPayload; }

  // Compares the payload of the current entry, then moves to the next entry.
  void Meet(const Totals& payload) {
    if (payload != entry_->size) Differ(Here(), payload, entry_->size);
    Next();
  }
  // Reports the entries whose payload is below `next`, the first that exists.
  void MissBefore(PayloadId next, std::string_view reason) {
    if (payload() >= next) return;
    const PayloadId first_payload = payload();
    PayloadId last_payload = first_payload;
    const Sequence first = entry_->position.sequence;
    Sequence last = first;
    for (; payload() < next; Next()) {
      last_payload = payload();
      last = entry_->position.sequence;
    }
    report_.Find({"payloads", "backend " + queue_.name + ", " + Span("sequence", first, last),
                  Span("payload", first_payload, last_payload), std::string(reason)});
  }
  // Skips the current entry: its payload was reported already.
  void Pass() { Next(); }
  std::string Here() const { return queue_.At("sequence", entry_->position.sequence.value()); }

 private:
  static std::uint64_t First(const CheckedQueue& queue) {
    return queue.state ? queue.state->trimmed.sequence.value() + 1 : 1;
  }

  void Next() {
    walk_.Next();
    FindDecodable();
  }

  // Moves to the next entry that decodes.
  void FindDecodable() {
    entry_.reset();
    while (!entry_) {
      if (const auto crossed = walk_.TakeUnreadable()) {
        report_.FindUnreadable("entries", "backend " + queue_.name, *crossed);
        if (!walk_.AtEnd()) expected_ = walk_.Number();
        before_.reset();
        queue_.head_known = false;
      }
      if (walk_.AtEnd()) return Finish();
      Take();
      if (!entry_) walk_.Next();
    }
  }

  void Take() {
    ++report_.summary.entries;
    const Sequence sequence(walk_.Number());
    if (sequence.value() != expected_) Missing(Sequence(expected_), Sequence(sequence.value() - 1));
    expected_ = sequence.value() + 1;
    Result<Entry> entry = DecodeEntry(walk_.Key(), walk_.Value());
    if (!entry.ok()) {
      before_.reset();
      queue_.head.sequence = sequence;
      queue_.head_known = false;
      return report_.FindDamaged("entries", queue_.At("sequence", sequence.value()), entry.error());
    }
    entry_ = entry.value();
    CheckSums();
    CheckOrder();
    before_ = queue_.head = entry_->position;
    queue_.head_known = true;
    last_ = entry_;
    CheckCursor();
  }

  void Missing(Sequence first, Sequence last) {
    if (!queue_.explained.Covers(first, last)) {
      report_.Find({"entries", queue_.At("sequence", first.value()),
                    fmt::format("entries {} to {}", first.value(), last.value()), "none"});
    }
    before_.reset();
  }

  void Differ(const std::string& key, const Totals& expected, const Totals& found) {
    report_.Find({"entries", key, DescribeTotals(expected), DescribeTotals(found)});
  }

  void CheckSums() {
    if (!before_) return;
    const Totals expected = before_->totals + entry_->size;
    const Totals& found = entry_->position.totals;
    if (expected != found) Differ(Here() + ", running totals", expected, found);
  }

  void CheckOrder() {
    if (!last_) return;
    if (entry_->payload <= last_->payload) {
      report_.Find({"entries", Here(), fmt::format("a payload above {}", last_->payload.value()),
                    fmt::format("payload {}", entry_->payload.value())});
      entry_->payload = last_->payload.Next();  // Keeps the two walks in step.
    }
    if (entry_->accepted_at < last_->accepted_at) {
      report_.Find(
          {"entries", Here(), "accepted no earlier than the one before it",
           fmt::format("{} ns earlier", (last_->accepted_at - entry_->accepted_at).count())});
    }
  }

  void CheckCursor() {
    if (!queue_.state || entry_->position.sequence != queue_.state->cursor.sequence) return;
    report_.Compare("state", "cursor of backend " + queue_.name,
                    DescribeTotals(entry_->position.totals),
                    DescribeTotals(queue_.state->cursor.totals));
  }

  // If the last entries are damaged, the cursor may know more about the head.
  void Finish() {
    if (!queue_.state || queue_.state->cursor.sequence <= queue_.head.sequence) return;
    const Sequence first = queue_.head.sequence.Next();
    if (!queue_.explained.Covers(first, queue_.state->cursor.sequence)) {
      report_.Find(
          {"entries", queue_.At("sequence", first.value()),
           fmt::format("entries up to the cursor at {}", queue_.state->cursor.sequence.value()),
           "none"});
    }
    queue_.head = queue_.state->cursor;
    queue_.head_known = true;
  }

  CheckedQueue& queue_;
  VerifyReport& report_;
  NumberWalk walk_;
  std::uint64_t expected_ = 1;
  std::optional<Position> before_;  // The last position with known running totals.
  std::optional<Entry> last_;
  std::optional<Entry> entry_;
};

class RecordsCheck {
 public:
  RecordsCheck(const Store& store, std::vector<CheckedQueue>& queues, VerifyReport& report)
      : report_(report) {
    entries_.reserve(queues.size());
    for (CheckedQueue& queue : queues) entries_.emplace_back(store, queue, report);
    first_ = Wanted().value();
    if (Wanted() == kNoPayload) return;
    walk_ = std::make_unique<NumberWalk>(store, Family::kPayloads, "", first_);
    last_ = std::max(first_, LastPayload(store));
  }

  void Queue() {
    while (walk_ != nullptr && Wanted() != kNoPayload) {
      if (const auto crossed = walk_->TakeUnreadable()) Cross(*crossed);
      if (walk_->AtEnd()) return Miss(kNoPayload);
      Miss(PayloadId(walk_->Number()));
      Take();
      walk_->Next();
      if (++report_.summary.payloads % kProgressEach == 0) {
        report_.Progress(PartDone());
      }
    }
  }

 private:
  static constexpr std::uint64_t kProgressEach = 64;

  static std::uint64_t LastPayload(const Store& store) {
    const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kPayloads);
    at->SeekForPrevious(PayloadKey(kNoPayload));
    const Result<PayloadId> id =
        at->Valid() ? DecodePayloadKey(at->Key()) : Result<PayloadId>(PayloadId(0));
    return id.ok() ? id.value().value() : 0;
  }

  PayloadId Wanted() const {
    PayloadId wanted = kNoPayload;
    for (const EntryCheck& entries : entries_) wanted = std::min(wanted, entries.payload());
    return wanted;
  }

  // Reports entries that refer to a payload below `next`, the first that exists.
  void Miss(PayloadId next, std::string_view reason = "none") {
    for (EntryCheck& entries : entries_) entries.MissBefore(next, reason);
  }

  void Cross(const NumberWalk::Unreadable& crossed) {
    report_.FindUnreadable("payloads", "", crossed);
    if (crossed.last != kNoPayload.value()) {
      Miss(PayloadId(crossed.last).Next(), "it cannot be read");
    }
  }

  double PartDone() const {
    const std::uint64_t at = walk_->AtEnd() ? last_ : walk_->Number();
    return static_cast<double>(at - first_) / static_cast<double>(last_ - first_ + 1);
  }

  // Checks the current payload for every queue that refers to it.
  void Take() {
    const PayloadId id(walk_->Number());
    if (Wanted() != id) {
      ++report_.summary.unused_payloads;
      return;
    }
    report_.summary.payload_bytes += Bytes(walk_->Value().size());
    const Result<Record> record = Decode(id, walk_->Value());
    if (!record.ok()) FindDamaged(id, record.error());
    for (EntryCheck& entries : entries_) {
      if (entries.payload() != id) continue;
      record.ok() ? entries.Meet({record.value().points, Bytes(record.value().lines.size()),
                                  Bytes(walk_->Value().size())})
                  : entries.Pass();
    }
  }

  void FindDamaged(PayloadId id, const Error& error) {
    std::string where;
    for (const EntryCheck& entries : entries_) {
      if (entries.payload() == id) where += (where.empty() ? "" : "; ") + entries.Here();
    }
    report_.FindDamaged("payloads", fmt::format("payload {} ({})", id.value(), where), error);
  }

  VerifyReport& report_;
  std::vector<EntryCheck> entries_;
  std::unique_ptr<NumberWalk> walk_;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace

void CheckRecords(const Store& store, std::vector<CheckedQueue>& queues, VerifyReport& report) {
  RecordsCheck(store, queues, report).Queue();
}

}  // namespace relay
