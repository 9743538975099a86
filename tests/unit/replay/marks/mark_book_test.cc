#include "replay/marks/mark_book.h"

#include <doctest/doctest.h>

#include "tests/support/log_fixture.h"

namespace relay::test::unit_replay_marks_mark_book_test {
namespace {

using namespace std::chrono_literals;
using enum MarkBook::Outcome;

const Lane kDb{"db", ""};
const Lane kWeek{"db", "week"};

Marks MarksAt(std::uint64_t trimmed, std::uint64_t cursor) {
  return {Sequence(trimmed), Sequence(cursor), Sequence(cursor)};
}

// A backend of the test's own: it has the marks that it is given, until they are taken away.
struct Bench {
  MarkBook book;
  std::set<Watermark> there;
  std::int64_t now = 0;
  Marks marks;

  WallTime Now() const { return WallTime(std::chrono::seconds(now)); }

  MarksRead Read() const {
    MarksRead read;
    read.has_own = !there.empty();
    for (const Watermark& mark : there) {
      if (book.MarksOf(kDb).Has(mark)) read.own.insert(mark);
    }
    return read;
  }

  // Delivers up to a sequence, and marks it 10 s later if a mark is due.
  void Deliver(std::uint64_t sequence, bool marked = true) {
    book.Delivered(kDb, Sequence(sequence));
    marks.cursor = marks.head = std::max(marks.cursor, Sequence(sequence));
    now += 10;
    if (marked) Mark();
  }
  void Mark() {
    const auto mark = book.NextMark(kDb, Read(), Now(), marks.cursor);
    if (!mark) return;
    there.insert(*mark);
    book.Acknowledged(kDb, *mark, marks.trimmed);
  }
  MarkBook::Outcome Check() {
    now += 1;
    return book.Note(kDb, Read(), Now(), marks);
  }
  // Looks twice, as a keeper does.
  MarkBook::Outcome CheckTwice() {
    const MarkBook::Outcome first = Check();
    return first == kUnsure ? Check() : first;
  }

  void RewindTo(std::uint64_t sequence) {
    marks.cursor = Sequence(sequence);
    book.Rewound(marks);
  }
};

TEST_CASE("marks: a lane is marked once something was delivered, and not again without") {
  Bench bench;
  CHECK_FALSE(bench.book.NextMark(kDb, {}, bench.Now(), Sequence(1)));
  bench.Deliver(5);
  CHECK_EQ(bench.there.size(), 1);
  CHECK_EQ(bench.there.rbegin()->sequence, Sequence(5));
  bench.now += 1000;
  bench.Mark();
  CHECK_EQ(bench.there.size(), 1);
  bench.Deliver(6);
  CHECK_EQ(bench.there.size(), 2);
}

TEST_CASE("marks: what other lanes get is no reason for a mark") {
  Bench bench;
  bench.Deliver(5);
  bench.marks.cursor = Sequence(50);
  bench.Mark();
  CHECK_EQ(bench.there.size(), 1);
}

TEST_CASE("marks: a mark never claims more than the cursor has passed") {
  Bench bench;
  bench.book.Delivered(kDb, Sequence(9));  // Ahead of another lane that is being tried.
  bench.marks.cursor = Sequence(4);
  bench.Mark();
  CHECK_EQ(bench.there.rbegin()->sequence, Sequence(4));
  bench.now += 10;
  bench.marks.cursor = Sequence(9);
  bench.Mark();
  CHECK_EQ(bench.there.rbegin()->sequence, Sequence(9));
}

TEST_CASE("marks: a lane on hold is not marked; an old mark is written again unchanged") {
  Bench bench;
  bench.Deliver(5);
  bench.book.Delivered(kDb, Sequence(9));
  CHECK_FALSE(bench.book.NextMark(kDb, bench.Read(), bench.Now(), std::nullopt));
  MarksRead read = bench.Read();
  read.keeps = 100s;
  bench.now += 51;
  const auto again = bench.book.NextMark(kDb, read, bench.Now(), std::nullopt);
  REQUIRE(again);
  CHECK_EQ(again->sequence, Sequence(5));
}

TEST_CASE("marks: a mark is written again before the policy deletes it") {
  Bench bench;
  bench.Deliver(5);
  MarksRead read = bench.Read();
  read.keeps = 100s;
  bench.now += 50;
  CHECK_FALSE(bench.book.NextMark(kDb, read, bench.Now(), Sequence(5)));
  bench.now += 1;
  CHECK(bench.book.NextMark(kDb, read, bench.Now(), Sequence(5)));
}

TEST_CASE("marks: a backend diverged once marks are missing twice in a row") {
  Bench bench;
  bench.Deliver(5);
  bench.Deliver(9);
  const Watermark newest = *bench.there.rbegin();
  bench.there.erase(newest);
  CHECK_EQ(bench.Check(), kUnsure);
  bench.there.insert(newest);  // It was only late.
  CHECK_EQ(bench.Check(), kIntact);
  bench.there.erase(newest);
  CHECK_EQ(bench.Check(), kUnsure);
  bench.book.Delivered(kDb, Sequence(20));
  CHECK_FALSE(bench.book.NextMark(kDb, bench.Read(), bench.Now(), Sequence(20)));
  CHECK_EQ(bench.Check(), kDiverged);
  const auto worst = bench.book.Worst();
  REQUIRE(worst);
  CHECK_EQ(worst->first, kDb);
  CHECK_EQ(worst->second.from, Sequence(5));
  CHECK_EQ(worst->second.divergence, Divergence::kPutBack);
}

TEST_CASE("marks: a diverged lane is not marked, and is mended by a rewind that goes back enough") {
  Bench bench;
  for (const std::uint64_t sequence : {5U, 9U, 12U}) bench.Deliver(sequence);
  bench.there.erase(bench.there.begin(), bench.there.end());
  CHECK_EQ(bench.CheckTwice(), kDiverged);
  const WallTime since = bench.book.Worst()->second.since;
  bench.Deliver(20);
  CHECK(bench.there.empty());
  CHECK_EQ(bench.Check(), kDiverged);
  CHECK_EQ(bench.book.Worst()->second.since, since);
  bench.RewindTo(3);
  CHECK(bench.book.Worst());
  bench.RewindTo(0);
  CHECK_FALSE(bench.book.Worst());
  CHECK_EQ(bench.Check(), kIntact);
  bench.Deliver(20);
  CHECK_EQ(bench.there.rbegin()->sequence, Sequence(20));
  CHECK_EQ(bench.Check(), kIntact);
}

TEST_CASE("marks: a rewind to the oldest kept record mends as far as it can be mended") {
  Bench bench;
  for (const std::uint64_t sequence : {5U, 9U, 12U}) bench.Deliver(sequence);
  bench.there.clear();
  bench.CheckTwice();
  bench.marks.trimmed = Sequence(7);
  bench.RewindTo(7);
  CHECK_FALSE(bench.book.Worst());
}

TEST_CASE("marks: a rewind before the loss is noticed mends it too") {
  Bench bench;
  for (const std::uint64_t sequence : {5U, 9U, 12U}) bench.Deliver(sequence);
  bench.there.erase(std::next(bench.there.begin()), bench.there.end());
  bench.RewindTo(5);
  bench.Deliver(12, false);  // Delivered again before anyone looks.
  CHECK_EQ(bench.Check(), kIntact);
  CHECK_FALSE(bench.book.Worst());
  bench.Mark();
  CHECK_EQ(bench.there.rbegin()->sequence, Sequence(12));
}

TEST_CASE("marks: a rewind before a loss does not mend it") {
  Bench bench;
  for (const std::uint64_t sequence : {5U, 9U, 12U}) bench.Deliver(sequence);
  bench.RewindTo(0);
  bench.Deliver(12, false);
  CHECK_EQ(bench.Check(), kIntact);
  bench.there.clear();
  CHECK_EQ(bench.CheckTwice(), kDiverged);
}

TEST_CASE("marks: during a rewind nothing is claimed that was claimed before") {
  Bench bench;
  bench.Deliver(12);
  bench.RewindTo(0);
  bench.marks.cursor = Sequence(6);
  bench.book.Delivered(kDb, Sequence(6));
  bench.now += 10;
  bench.Mark();
  CHECK_EQ(bench.there.size(), 1);
}

TEST_CASE("marks: a backend that is back keeps diverged if another took what was delivered") {
  Bench bench;
  bench.Deliver(5);
  const std::set<Watermark> original = bench.there;
  bench.there.clear();
  CHECK_EQ(bench.CheckTwice(), kDiverged);
  bench.Deliver(9);
  bench.there = original;
  CHECK_EQ(bench.Check(), kDiverged);
  CHECK_EQ(bench.book.Worst()->second.from, Sequence(5));
  bench.RewindTo(5);
  CHECK_FALSE(bench.book.Worst());
}

TEST_CASE("marks: a backend that is back is intact if nothing was delivered meanwhile") {
  Bench bench;
  bench.Deliver(5);
  const std::set<Watermark> original = bench.there;
  bench.there.clear();
  CHECK_EQ(bench.CheckTwice(), kDiverged);
  bench.there = original;
  CHECK_EQ(bench.Check(), kMended);
  CHECK_FALSE(bench.book.Worst());
}

TEST_CASE("marks: a statement that went through the log is no loss") {
  Bench bench;
  bench.Deliver(5);
  bench.there.clear();
  bench.book.Changed("db");
  CHECK_EQ(bench.CheckTwice(), kIntact);
  CHECK(bench.book.Lanes().empty());
}

TEST_CASE("marks: an operator can take note of a loss") {
  Bench bench;
  bench.Deliver(5);
  CHECK_FALSE(bench.book.Acknowledge());
  bench.there.clear();
  bench.CheckTwice();
  CHECK(bench.book.Acknowledge());
  CHECK_FALSE(bench.book.Worst());
  CHECK_EQ(bench.Check(), kIntact);
  bench.Mark();
  CHECK_EQ(bench.there.size(), 1);
}

TEST_CASE("marks: under a new lease the marks of an earlier one prove nothing") {
  Bench bench;
  bench.book.BeginLease(1);
  bench.Deliver(5);
  bench.there.clear();
  bench.book.BeginLease(1);
  CHECK_EQ(bench.Check(), kUnsure);
  bench.book.BeginLease(2);
  CHECK_EQ(bench.CheckTwice(), kIntact);
}

TEST_CASE("marks: the furthest rewind of all lanes is asked for, since the first of them") {
  MarkBook book;
  const Marks marks = MarksAt(0, 20);
  for (const Lane& lane : {kDb, kWeek}) {
    book.Delivered(lane, Sequence(5));
    book.Acknowledged(lane, {1, Sequence(5)}, Sequence(0));
    book.Acknowledged(lane, {2, Sequence(9)}, Sequence(0));
  }
  MarksRead read;
  read.has_own = true;
  read.own = {{1, Sequence(5)}};
  for (int look = 0; look < 2; ++look) book.Note(kDb, read, WallTime(10s), marks);
  for (int look = 0; look < 2; ++look) book.Note(kWeek, {}, WallTime(20s), marks);
  const auto worst = book.Worst();
  REQUIRE(worst);
  CHECK_EQ(worst->first, kWeek);
  CHECK_EQ(worst->second.from, Sequence::BeforeFirst());
  CHECK_EQ(worst->second.since, WallTime(10s));
}

TEST_CASE("marks: no more lanes are watched than the limit") {
  MarkBook book;
  for (std::size_t i = 0; i <= MarkBook::kLanesMax; ++i) {
    CHECK_FALSE(book.has_too_many());
    book.Delivered({std::to_string(i), ""}, Sequence(1));
  }
  CHECK(book.has_too_many());
  CHECK_EQ(book.Lanes().size(), MarkBook::kLanesMax);
}

MarkBook Filled() {
  MarkBook book;
  book.BeginLease(7);
  for (const Lane& lane : {Lane{"a \"b\"\n-é", "week"}, kDb, Lane{"-", "-"}}) {
    book.Delivered(lane, Sequence(5));
    book.Acknowledged(lane, {-5, Sequence(5)}, Sequence(0));
    book.Acknowledged(lane, {1'700'000'000'000'000'000, Sequence(9)}, Sequence(0));
  }
  MarksRead read;
  read.other = "the backend east";
  for (int look = 0; look < 2; ++look) book.Note(kDb, read, WallTime(10s), MarksAt(0, 9));
  return book;
}

TEST_CASE("marks: the file has everything that must outlive a restart") {
  const std::string text = Filled().Encode("log-1");
  Result<MarkBook> read = MarkBook::Decode(text, "log-1", Sequence(9));
  REQUIRE(read.ok());
  CHECK_EQ(read.value().Encode("log-1"), text);
  CHECK_EQ(read.value().DivergenceOf(kDb), Filled().DivergenceOf(kDb));
  CHECK_EQ(read.value().Lanes(), Filled().Lanes());
  // It is not known whether something was delivered after the newest mark.
  const Lane odd{"-", "-"};
  CHECK_EQ(read.value().NextMark(odd, {}, WallTime(20s), Sequence(9)), std::nullopt);
  read = MarkBook::Decode(text, "log-1", Sequence(10));
  CHECK(read.value().NextMark(odd, {}, WallTime(20s), Sequence(10)));
}

TEST_CASE("marks: the file has the form that is described") {
  MarkBook book;
  book.Delivered(kWeek, Sequence(5));
  book.Acknowledged(kWeek, {17, Sequence(5)}, Sequence(0));
  CHECK_EQ(book.Encode("a-1").substr(0, 67),
           "influxdb-relay watermarks 1\nlog a%2D1 0\nlane db week\nmark 17 5\nend ");
}

TEST_CASE("marks: another log's file is empty; a damaged one is reported, whatever the damage") {
  const std::string text = Filled().Encode("log-1");
  const Result<MarkBook> other = MarkBook::Decode(text, "log-2", Sequence(9));
  REQUIRE(other.ok());
  CHECK(other.value().Lanes().empty());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK_EQ(MarkBook::Decode(damaged, "log-1", Sequence(9)).ok(), false);
    CHECK_EQ(MarkBook::Decode(text.substr(0, i), "log-1", Sequence(9)).ok(), false);
  }
}

}  // namespace
}  // namespace relay::test::unit_replay_marks_mark_book_test
