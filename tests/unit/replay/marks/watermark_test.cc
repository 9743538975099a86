#include "replay/marks/watermark.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/support/log_fixture.h"
#include "tests/support/seed.h"

namespace relay::test::unit_replay_marks_watermark_test {
namespace {

using namespace std::chrono_literals;
using Kind = MarksVerdict::Kind;

constexpr std::int64_t kSecond = 1'000'000'000;

Watermark Mark(std::int64_t seconds, std::uint64_t sequence) {
  return {seconds * kSecond, Sequence(sequence)};
}

LaneMarks Marks3() {
  LaneMarks marks;
  for (const Watermark mark : {Mark(10, 100), Mark(20, 200), Mark(30, 300)}) {
    marks.Remember(mark, Sequence::BeforeFirst());
  }
  return marks;
}

MarksRead Found(std::set<Watermark> own) {
  MarksRead read;
  read.has_own = !own.empty();
  read.own = std::move(own);
  return read;
}

TEST_CASE("watermarks: a backend that has every mark is intact") {
  const MarksVerdict verdict =
      Marks3().Judge(Found({Mark(10, 100), Mark(20, 200), Mark(30, 300)}), At(40));
  CHECK_EQ(verdict.kind, Kind::kIntact);
  CHECK_EQ(verdict.from, Sequence(300));
}

TEST_CASE("watermarks: a backend that was put back has everything up to the mark it still has") {
  const MarksVerdict verdict = Marks3().Judge(Found({Mark(10, 100), Mark(20, 200)}), At(40));
  CHECK_EQ(verdict.kind, Kind::kDiverged);
  CHECK_EQ(verdict.divergence, Divergence::kPutBack);
  CHECK_EQ(verdict.from, Sequence(200));
}

TEST_CASE("watermarks: a new mark does not cover up that one before it is gone") {
  const MarksVerdict verdict = Marks3().Judge(Found({Mark(10, 100), Mark(30, 300)}), At(40));
  CHECK_EQ(verdict.kind, Kind::kDiverged);
  CHECK_EQ(verdict.from, Sequence(100));
  CHECK_FALSE(Marks3().HasNewest(Found({Mark(30, 300)}), At(40)));
}

TEST_CASE("watermarks: what became of a backend without marks is named") {
  const LaneMarks marks = Marks3();
  MarksRead nothing = Found({});
  CHECK_EQ(marks.Judge(nothing, At(40)).divergence, Divergence::kEmptied);
  CHECK_EQ(marks.Judge(nothing, At(40)).from, Sequence::BeforeFirst());

  MarksRead gone;
  gone.has_place = false;
  CHECK_EQ(marks.Judge(gone, At(40)).divergence, Divergence::kGone);

  MarksRead swapped = Found({});
  swapped.other = "the backend east";
  swapped.other_since = 25 * kSecond;
  CHECK_EQ(marks.Judge(swapped, At(40)).divergence, Divergence::kSwapped);

  // Another relay that writes to the same server was the first to mark the new database.
  swapped.other_since = 31 * kSecond;
  CHECK_EQ(marks.Judge(swapped, At(40)).divergence, Divergence::kEmptied);
}

TEST_CASE("watermarks: a backend that has older marks than are remembered was put back") {
  MarksRead read = Found({});
  read.has_own = true;
  CHECK_EQ(Marks3().Judge(read, At(40)).divergence, Divergence::kPutBack);
}

TEST_CASE("watermarks: a mark that the policy may have deleted proves nothing") {
  MarksRead read = Found({});
  read.keeps = 100s;
  CHECK_EQ(Marks3().Judge(read, At(119)).kind, Kind::kDiverged);  // The newest is 89 s old,
  CHECK_EQ(Marks3().Judge(read, At(120)).kind, Kind::kNotKnown);  // and 90 s.
  CHECK(Marks3().HasNewest(read, At(120)));
  CHECK_FALSE(Marks3().HasNewest(read, At(119)));
  CHECK_FALSE(Marks3().HasNewest(Found({}), At(1'000'000)));  // No policy deletes it.

  // Old marks that are gone do not make the newer ones doubtful.
  MarksRead newest = Found({Mark(30, 300)});
  newest.keeps = 100s;
  CHECK_EQ(Marks3().Judge(newest, At(115)).kind, Kind::kIntact);
}

TEST_CASE("watermarks: a lane without marks is not known") {
  CHECK_EQ(LaneMarks().Judge(Found({}), At(40)).kind, Kind::kNotKnown);
}

TEST_CASE("watermarks: of old marks there is one for each eighth of their age") {
  LaneMarks marks;
  for (std::uint64_t i = 1; i <= 300'000; ++i) {  // A month, one each 9 s.
    marks.Remember(Mark(static_cast<std::int64_t>(9 * i), i), Sequence::BeforeFirst());
  }
  CHECK_LT(marks.all().size(), 150);
  const std::int64_t now = marks.newest().time;
  std::int64_t later = now;
  for (auto mark = marks.all().rbegin(); mark != marks.all().rend(); ++mark) {
    CHECK_LE(later - mark->time, (now - mark->time) / 3 + 9 * kSecond);
    later = mark->time;
  }
  CHECK_EQ(marks.all()[marks.all().size() - LaneMarks::kNewest].sequence,
           Sequence(300'000 - LaneMarks::kNewest + 1));
}

TEST_CASE("watermarks: the newest stay, however close together and old they are") {
  LaneMarks marks;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    marks.Remember(Mark(static_cast<std::int64_t>(i), i), Sequence::BeforeFirst());
  }
  marks.Remember(Mark(36'000, 41), Sequence::BeforeFirst());
  CHECK_GE(marks.all().size(), LaneMarks::kNewest);
  CHECK_EQ(marks.all()[marks.all().size() - LaneMarks::kNewest].sequence, Sequence(26));
}

TEST_CASE("watermarks: of those that no rewind reaches only the newest stays") {
  LaneMarks marks = Marks3();
  marks.Remember(Mark(40, 400), Sequence(250));
  CHECK_EQ(marks.all(), std::vector{Mark(20, 200), Mark(30, 300), Mark(40, 400)});
}

TEST_CASE("watermarks: whatever a restored backup holds, the rewind starts before the loss") {
  std::mt19937_64 random(PrintedSeed());
  for (int round = 0; round < 200; ++round) {
    LaneMarks marks;
    std::set<Watermark> written;
    const std::uint64_t count = 1 + random() % 400;
    for (std::uint64_t i = 1; i <= count; ++i) {
      written.insert(Mark(static_cast<std::int64_t>(10 * i), 7 * i));
      marks.Remember(*written.rbegin(), Sequence::BeforeFirst());
    }
    const std::uint64_t kept = random() % count;  // Marks in the backup.
    MarksRead read;
    read.has_own = kept > 0;
    for (const Watermark& mark : written) {
      if (mark.sequence.value() <= 7 * kept && marks.Has(mark)) read.own.insert(mark);
    }
    const MarksVerdict verdict = marks.Judge(read, At(100'000));
    REQUIRE_EQ(verdict.kind, Kind::kDiverged);
    CHECK_LE(verdict.from.value(), 7 * kept);
    // Not much further back than it must: a third of the age.
    CHECK_GE(verdict.from.value() + 7 * (count - kept) / 3 + 7 * 2, 7 * kept);
  }
}

}  // namespace
}  // namespace relay::test::unit_replay_marks_watermark_test
