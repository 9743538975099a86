#include "replay/delivery/dead_letters.h"

#include <doctest/doctest.h>

#include <string>

#include "replay/delivery/lane_batches.h"
#include "tests/support/batch_text.h"
#include "tests/support/log_fixture.h"

namespace relay::test::replay_delivery_dead_letters_test {
namespace {

// A batch of two records with three lines each, and the window that holds them.
struct Fixture {
  Fixture() {
    verdict.reason = DeadReason::kLimit;
    reply.http_status = 400;
    reply.body = "max-values-per-tag limit exceeded";
    for (std::uint64_t n = 1; n <= 2; ++n) {
      auto record = std::make_shared<const Record>(NumberedRecord(n, 3));
      StoredRecord stored{.entry = {}, .record = record};
      stored.entry.position.sequence = Sequence(n);
      window.Add(std::move(stored), At(1));
      Join(batch, WholeRecord(Sequence(n), record), {.points = 10, .bytes = 1_MiB});
    }
  }

  WindowEntry& Entry(std::uint64_t n) { return window.At(Sequence(n)); }

  Window window;
  SendBatch batch;
  Verdict verdict;
  Reply reply;
};

TEST_CASE("dead letters: all lines of a batch, a letter for each record, with the answer") {
  Fixture on;
  AddDeadLetters(on.batch, {on.verdict, on.reply, At(7)}, on.window);
  for (const std::uint64_t n : {1U, 2U}) {
    REQUIRE_EQ(on.Entry(n).letters.size(), 1);
    const DeadLetter& letter = on.Entry(n).letters.front();
    CHECK_EQ(letter.sequence, Sequence(n));
    CHECK_EQ(letter.first_line, 1);
    CHECK_EQ(letter.points, 3);
    CHECK_EQ(letter.lines, NumberedRecord(n, 3).lines);
    CHECK(letter.reason == DeadReason::kLimit);
    CHECK_EQ(letter.http_status, 400);
    CHECK(letter.when == At(7));
    CHECK_EQ(letter.params.database, "db");
    CHECK_EQ(letter.message, "max-values-per-tag limit exceeded");
  }
}

TEST_CASE("dead letters: of part of a record with the number of its first line") {
  Fixture on;
  const auto [front, back] = Halve(on.batch);
  const auto [first, others] = Halve(back);
  AddDeadLetters(others, {on.verdict, on.reply, At(7)}, on.window);
  CHECK(on.Entry(1).letters.empty());
  REQUIRE_EQ(on.Entry(2).letters.size(), 1);
  CHECK_EQ(on.Entry(2).letters[0].first_line, 1 + first.points);
  CHECK_EQ(on.Entry(2).letters[0].points, others.points);
}

TEST_CASE(
    "dead letters: lines are numbered as written, whatever is not sent before and behind them") {
  Record record{.params = {.database = "db"},
                .points = 4,
                .lines = "m\xff v=1 1\nm v=2 2\nm\xff v=3 3\nm v=4 4\n"};
  StoredRecord stored{.entry = {}, .record = std::make_shared<const Record>(std::move(record))};
  stored.entry.position.sequence = Sequence(1);
  Window window;
  window.Add(std::move(stored), At(1));
  WindowEntry& entry = window.At(Sequence(1));
  SendBatch batch;
  Join(batch, WholeRecord(Sequence(1), entry.record), {.points = 10, .bytes = 1_MiB});
  AddDeadLetters(batch, {{}, {}, At(7)}, window);
  REQUIRE_EQ(entry.letters.size(), 4);  // Two of them were there when it was read.
  CHECK_EQ(entry.letters[2].first_line, 2);
  CHECK_EQ(entry.letters[2].lines, "m v=2 2\n");
  CHECK_EQ(entry.letters[3].first_line, 4);
  CHECK_EQ(entry.letters[3].lines, "m v=4 4\n");
}

TEST_CASE("dead letters: the lines that an answer names, and credit for all others") {
  Fixture on;
  on.reply.body = R"({"error":"partial write of line protocol occurred","data":[)"
                  R"({"original_line":"x","line_number":2,"error_message":"two"},)"
                  R"({"original_line":"x","line_number":6,"error_message":"six"}]})";
  REQUIRE(NamesRefused(on.batch, on.reply));
  const auto accepted = AddNamedDeadLetters(on.batch, {on.verdict, on.reply, At(7)}, on.window);
  CHECK_EQ(on.Entry(1).delivered, 2);
  CHECK_EQ(on.Entry(2).delivered, 2);
  REQUIRE_EQ(on.Entry(1).letters.size(), 1);
  CHECK_EQ(on.Entry(1).letters[0].first_line, 2);
  CHECK_NE(on.Entry(1).letters[0].message.find("two"), std::string::npos);
  CHECK_EQ(on.Entry(1).letters[0].message.find("six"), std::string::npos);
  REQUIRE_EQ(on.Entry(2).letters.size(), 1);
  CHECK_EQ(on.Entry(2).letters[0].first_line, 3);
  CHECK_EQ(on.Entry(2).letters[0].lines, "m,n=2 v=2 2000002\n");
  CHECK_EQ(TextOf(*accepted), "m,n=2 v=1 2000001\n");
}

TEST_CASE("dead letters: numbers of lines count for nothing where a string holds a newline") {
  SendBatch batch;
  Record record{.params = {.database = "db"}, .points = 2, .lines = "m s=\"a\nb\" 1\nm v=1 2\n"};
  Join(batch, WholeRecord(Sequence(1), std::make_shared<const Record>(std::move(record))),
       {.points = 10, .bytes = 1_MiB});
  Reply reply;
  reply.body = R"({"error":"partial write of line protocol occurred","data":[)"
               R"({"original_line":"x","line_number":2,"error_message":"two"}]})";
  CHECK_FALSE(NamesRefused(batch, reply));
}

TEST_CASE("dead letters: a long message is cut, its lines are not") {
  Fixture on;
  on.reply.body = std::string(100'000, 'x');
  AddDeadLetters(on.batch, {on.verdict, on.reply, At(7)}, on.window);
  CHECK_EQ(on.Entry(1).letters[0].message.size(), 4096);
  CHECK_EQ(on.Entry(1).letters[0].lines, NumberedRecord(1, 3).lines);
}

}  // namespace
}  // namespace relay::test::replay_delivery_dead_letters_test
