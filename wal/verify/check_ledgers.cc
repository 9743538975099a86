// Checks the gap ledger, dead letters and held records.
#include <fmt/format.h>

#include <limits>

#include "wal/base/big_endian.h"
#include "wal/verify/checks.h"

namespace relay {
namespace {

// Rows of a family, and the names to report findings under.
struct Rows {
  NumberWalk walk;
  std::string_view family;
  std::string whose;
};

// Calls `check` for each row and reports ranges that cannot be read.
template <typename Check>
void ForEachRow(Rows rows, VerifyReport& report, const Check& check) {
  while (true) {
    if (const auto crossed = rows.walk.TakeUnreadable()) {
      report.FindUnreadable(rows.family, rows.whose, *crossed);
    }
    if (rows.walk.AtEnd()) return;
    check(rows.walk);
    rows.walk.Next();
  }
}

}  // namespace

void Explained::Add(Sequence first, Sequence last) {
  if (last < first) return;
  std::uint64_t from = first.value();
  std::uint64_t to = last.value();
  auto at = ranges_.upper_bound(from);
  if (at != ranges_.begin() && std::prev(at)->second + 1 >= from) --at;
  while (at != ranges_.end() && at->first <= to + 1) {
    from = std::min(from, at->first);
    to = std::max(to, at->second);
    at = ranges_.erase(at);
  }
  ranges_.emplace(from, to);
}

bool Explained::Covers(Sequence first, Sequence last) const {
  const auto behind = ranges_.upper_bound(first.value());
  return behind != ranges_.begin() && std::prev(behind)->second >= last.value();
}

void CheckGaps(const Store& store, CheckedQueue& queue, VerifyReport& report) {
  std::uint64_t expected = 1;
  PointCount points = 0;
  PointCount dead = 0;
  bool whole = true;
  const auto check = [&](const NumberWalk& walk) {
    ++report.summary.gaps;
    if (walk.Number() != expected) {
      whole = false;
      report.Find({"gaps", queue.At("gap", expected), "the next gap",
                   fmt::format("gap {}", walk.Number())});
    }
    expected = walk.Number() + 1;
    const Result<Gap> gap = DecodeGap(walk.Key(), walk.Value());
    if (!gap.ok()) {
      whole = false;
      return report.FindDamaged("gaps", queue.At("gap", walk.Number()), gap.error());
    }
    const GapReason reason = gap.value().reason;
    if (reason == GapReason::kDeadLetters) dead += gap.value().points;
    if (CountsAsDropped(reason)) points += gap.value().points;
    if (reason == GapReason::kLost || reason == GapReason::kDamaged) {
      queue.explained.Add(gap.value().first, gap.value().last);
    }
  };
  ForEachRow({NumberWalk(store, Family::kGaps, BackendKeys(queue.number), 1), "gaps",
              "backend " + queue.name},
             report, check);
  if (!queue.state) return;
  if (queue.state->last_gap + 1 != expected) {
    report.Find({"gaps", "backend " + queue.name, fmt::format("{} gaps", queue.state->last_gap),
                 fmt::format("{} of them", expected - 1)});
  } else if (whole && report.summary.format > 1) {
    report.Compare("gaps", "backend " + queue.name,
                   fmt::format("gaps of {} points, as were dropped", queue.state->dropped),
                   fmt::format("gaps of {} points, as were dropped", points));
    report.Compare("gaps", "backend " + queue.name,
                   fmt::format("gaps of {} removed dead points", queue.state->dead_removed),
                   fmt::format("gaps of {} removed dead points", dead));
  }
}

void CheckDead(const Store& store, const CheckedQueue& queue, VerifyReport& report) {
  std::uint64_t letters = 0;
  Bytes bytes(0);
  DeadByReason points;
  const auto check = [&](const NumberWalk& walk) {
    ++report.summary.dead_letters;
    ++letters;
    bytes += Bytes(walk.Key().size() + walk.Value().size());
    const std::string key = queue.At("dead letter", walk.Number());
    const Result<DeadLetter> letter = DecodeDead(walk.Key(), walk.Value());
    if (!letter.ok()) return report.FindDamaged("dead", key, letter.error());
    points[letter.value().reason] += letter.value().points;
    if (queue.state && walk.Number() > queue.state->last_dead) {
      report.Find({"dead", key, fmt::format("at most {}", queue.state->last_dead),
                   std::to_string(walk.Number())});
    }
  };
  const std::uint64_t first = queue.state ? queue.state->first_dead : 1;
  ForEachRow({NumberWalk(store, Family::kDead, BackendKeys(queue.number), first), "dead",
              "backend " + queue.name},
             report, check);
  if (!queue.state) return;
  report.Compare("dead", "backend " + queue.name,
                 fmt::format("{} dead letters", queue.state->dead_letters),
                 fmt::format("{} dead letters", letters));
  if (report.summary.format >= kFirstFormatWithDeadBytes && letters == queue.state->dead_letters) {
    report.Compare("dead", "backend " + queue.name,
                   fmt::format("dead letters of {} bytes", queue.state->dead_bytes.count()),
                   fmt::format("dead letters of {} bytes", bytes.count()));
  }
  if (report.summary.format == 1) return;  // Format 1 did not count by reason.
  for (std::size_t i = 1; i <= kDeadReasons; ++i) {
    const auto reason = static_cast<DeadReason>(i);
    // Letters that were dropped or redriven remain counted.
    if (points[reason] <= queue.state->dead[reason]) continue;
    report.Find({"dead", fmt::format("backend {}, reason {}", queue.name, i),
                 fmt::format("at most {} points", queue.state->dead[reason]),
                 std::to_string(points[reason])});
  }
}

namespace {

class LaneCheck {
 public:
  LaneCheck(const CheckedQueue& queue, const Lane& lane, VerifyReport& report)
      : queue_(queue), lane_(lane), report_(report), prefix_(HeldPrefix(queue.number, lane)) {}

  // Returns the totals over the rows.
  LaneState Check(const Store& store, Sequence from) {
    ForEachRow({NumberWalk(store, Family::kHeld, prefix_, from.value()), "held",
                "backend " + queue_.name + ", lane " + ToString(lane_)},
               report_, [this](const NumberWalk& walk) { Take(walk); });
    return found_;
  }

 private:
  void Take(const NumberWalk& walk) {
    ++report_.summary.held;
    ++found_.records;
    const Sequence sequence(walk.Number());
    if (found_.records == 1) found_.first = sequence;
    found_.last = sequence;
    const std::string key = queue_.At("lane " + ToString(lane_) + ", sequence", sequence.value());
    const Result<Entry> entry = DecodeHeldEntry(walk.Key(), sequence, walk.Value());
    if (!entry.ok()) return report_.FindDamaged("held", key, entry.error());
    found_.size = found_.size + entry.value().size;
    if (found_.records == 1) found_.oldest = entry.value().accepted_at;
    TakePayload(key, entry.value(), HeldPayload(walk.Value()));
  }

  void TakePayload(const std::string& key, const Entry& entry, std::string_view payload) {
    const Result<Record> record = Decode(entry.payload, payload);
    if (!record.ok()) return report_.FindDamaged("held", key, record.error());
    if (lane_ != OverflowLane()) {
      report_.Compare("held", key, "lane " + ToString(lane_),
                      "lane " + ToString(LaneOf(record.value().params)));
    }
    const Totals size{record.value().points, Bytes(record.value().lines.size()),
                      Bytes(payload.size())};
    report_.Compare("held", key, DescribeTotals(entry.size), DescribeTotals(size));
  }

  const CheckedQueue& queue_;
  const Lane& lane_;
  VerifyReport& report_;
  const std::string prefix_;
  LaneState found_;
};

std::string DescribeTotals(const LaneState& lane) {
  return fmt::format("{} records of {} from {} to {}", lane.records, DescribeTotals(lane.size),
                     lane.first.value(), lane.last.value());
}

// Reports rows of lanes that are not in `state`.
void CheckStrayRows(const Store& store, const CheckedQueue& queue, VerifyReport& report) {
  const std::string prefix = BackendKeys(queue.number);
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kHeld);
  at->Seek(prefix);
  while (at->Valid() && at->Key().starts_with(prefix)) {
    BigEndianReader reader(at->Key().substr(prefix.size()));
    Lane lane;
    lane.database = reader.TakeSized<std::uint16_t>();
    lane.retention_policy = reader.TakeSized<std::uint16_t>();
    if (reader.ended_early()) {
      report.Find({"held", "backend " + queue.name, "keys of lanes and sequences", "another key"});
      at->Next();
      continue;
    }
    const auto known = queue.lanes.find(lane);
    if (known == queue.lanes.end() || known->second.records == 0) {
      report.Find({"held", fmt::format("backend {}, lane {}", queue.name, ToString(lane)),
                   "no held records, as the state says", "records"});
    }
    at->Seek(HeldPrefix(queue.number, lane) + std::string(sizeof(std::uint64_t) + 1, '\xff'));
  }
}

}  // namespace

void CheckHeld(const Store& store, const CheckedQueue& queue, VerifyReport& report) {
  Totals size;
  RecordCount records = 0;
  for (const auto& [lane, state] : queue.lanes) {
    size = size + state.size;
    records += state.records;
    if (state.records == 0) continue;
    const LaneState found = LaneCheck(queue, lane, report).Check(store, state.first);
    report.Compare("held", fmt::format("backend {}, lane {}", queue.name, ToString(lane)),
                   DescribeTotals(state), DescribeTotals(found));
  }
  CheckStrayRows(store, queue, report);
  if (!queue.state) return;
  report.Compare(
      "held", "backend " + queue.name,
      fmt::format("{} records of {}", queue.state->held_records, DescribeTotals(queue.state->held)),
      fmt::format("{} records of {}", records, DescribeTotals(size)));
}

}  // namespace relay
