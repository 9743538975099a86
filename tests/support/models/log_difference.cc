#include "tests/support/models/log_difference.h"

#include <fmt/format.h>

#include <optional>

namespace relay::test {
namespace {

std::string Shown(const Totals& totals) {
  return fmt::format("{}/{}/{}", totals.points, totals.bytes.count(), totals.stored.count());
}

std::string Shown(const std::optional<WallTime>& time) {
  return time ? fmt::format("{}", time->time_since_epoch().count()) : "never";
}

std::string Shown(const StoredRecord& stored) {
  const Entry& e = stored.entry;
  const std::string place = fmt::format(
      "{} payload {} at {} size {} sums {}: ", e.position.sequence.value(), e.payload.value(),
      e.accepted_at.time_since_epoch().count(), Shown(e.size), Shown(e.position.totals));
  if (!stored.record.ok()) return place + stored.record.error().message();
  const Record& record = *stored.record.value();
  return fmt::format("{}{}.{} {}", place, record.params.database, record.params.retention_policy,
                     record.lines);
}

std::string Shown(const StoredGap& stored) {
  const Gap& gap = stored.gap;
  return fmt::format(
      "gap {}: {} to {}, {} points, {} bytes, from {} to {}, {}: {} by {} at {} in {}",
      stored.number, gap.first.value(), gap.last.value(), gap.points, gap.bytes.count(),
      Shown(gap.from), Shown(gap.to), ToString(gap.reason), gap.note, gap.by, Shown(gap.when),
      fmt::join(gap.databases, " "));
}

std::string Shown(const HeldLane& lane) {
  return fmt::format("{}.{}: {} records {} from {} to {} oldest {} by operator {} gives up {}",
                     lane.lane.database, lane.lane.retention_policy, lane.records, Shown(lane.size),
                     lane.first.value_or(Sequence(0)).value(),
                     lane.last.value_or(Sequence(0)).value(), Shown(lane.oldest), lane.by_operator,
                     lane.gives_up);
}

void ExpectSameLetters(const LogView& log, const LogView& model, const BackendId& backend) {
  const auto letters = log.ReadDead(backend, 0, 1'000'000).value();
  const auto right = model.ReadDead(backend, 0, 1'000'000).value();
  Expect(letters.size() == right.size(), "another number of dead letters");
  for (std::size_t i = 0; i < letters.size(); ++i) {
    Expect(letters[i].number == right[i].number, "other dead letters");
    Expect(letters[i].letter == right[i].letter, "a dead letter that says something else");
  }
}

void ExpectSameGaps(const LogView& log, const LogView& model, const BackendId& backend) {
  const auto gaps = log.ReadGaps(backend, 0, 1'000'000).value();
  const auto right = model.ReadGaps(backend, 0, 1'000'000).value();
  Expect(gaps.size() == right.size(),
         fmt::format("{} gaps, the model has {}", gaps.size(), right.size()));
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    Expect(Shown(gaps[i]) == Shown(right[i]), Shown(gaps[i]) + " should be " + Shown(right[i]));
  }
}

void ExpectSameHeld(const LogView& log, const LogView& model, const BackendId& backend) {
  const std::vector<HeldLane> lanes = log.HeldLanes(backend).value();
  const std::vector<HeldLane> right = model.HeldLanes(backend).value();
  Expect(lanes.size() == right.size(), "another number of lanes on hold");
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    Expect(Shown(lanes[i]) == Shown(right[i]), Shown(lanes[i]) + ", the model: " + Shown(right[i]));
    ExpectSame(log.ReadHeld(backend, lanes[i].lane, Sequence::BeforeFirst(), kAll),
               model.ReadHeld(backend, lanes[i].lane, Sequence::BeforeFirst(), kAll));
  }
}

}  // namespace

void Expect(bool holds, const std::string& what) {
  if (!holds) throw Difference{what};
}

std::string Shown(const Status& status) {
  return status.ok() ? "ok" : std::string(ToString(status.error().code()));
}

// Puts everything in one line, so that a difference is seen in its context.
std::string Shown(const QueueStats& f) {
  const auto dead = [&f](DeadReason reason) { return f.dead_by_reason[reason]; };
  return fmt::format(
      "trimmed {} cursor {} head {} accepted {} owed {} kept {} held {} oldest owed {} kept {} "
      "rewound {} delivered {} dead {} ({} {} {}) removed {} in {} dropped {} held records {} "
      "letters {} gaps {} "
      "paused {} unaccounted {}",
      f.marks.trimmed.value(), f.marks.cursor.value(), f.marks.head.value(), Shown(f.accepted),
      Shown(f.owed), Shown(f.kept), Shown(f.held), Shown(f.oldest_owed), Shown(f.oldest_kept),
      f.rewound, f.delivered, f.dead, dead(DeadReason::kRefused), dead(DeadReason::kExpired),
      dead(DeadReason::kLimit), f.dead_removed, f.dead_letters_removed, f.dropped, f.held_records,
      f.dead_letters, f.gaps, f.paused, f.unaccounted());
}

void ExpectSame(const Result<std::vector<StoredRecord>>& log,
                const Result<std::vector<StoredRecord>>& model) {
  Expect(log.ok(), log.ok() ? "" : "reading: " + log.error().message());
  Expect(log.value().size() == model.value().size(),
         fmt::format("{} records, the model has {}", log.value().size(), model.value().size()));
  for (std::size_t i = 0; i < log.value().size(); ++i) {
    const std::string mine = Shown(log.value()[i]);
    const std::string right = Shown(model.value()[i]);
    Expect(mine == right, "record " + mine + " should be " + right);
  }
}

void ExpectSameFigures(const LogView& log, const LogView& model, const BackendId& backend) {
  const Result<QueueStats> figures = log.StatsOf(backend);
  Expect(figures.ok(), figures.ok() ? "" : figures.error().message());
  const QueueStats right = model.StatsOf(backend).value();
  Expect(figures.value().unaccounted() == 0, "points are unaccounted for");
  Expect(Shown(figures.value()) == Shown(right),
         fmt::format("{} has\n  {}\nthe model\n  {}", backend.text(), Shown(figures.value()),
                     Shown(right)));
}

void ExpectSameContents(const LogView& log, const LogView& model, const BackendId& backend) {
  const Sequence after = model.StatsOf(backend).value().marks.trimmed;
  ExpectSame(log.Read(backend, after, kAll), model.Read(backend, after, kAll));
  ExpectSameLetters(log, model, backend);
  ExpectSameGaps(log, model, backend);
  ExpectSameHeld(log, model, backend);
}

}  // namespace relay::test
