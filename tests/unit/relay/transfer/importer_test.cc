#include "relay/transfer/importer.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/scripted_transport.h"

namespace relay::test::relay_transfer_importer_test {
namespace {

struct Import {
  explicit Import(std::deque<Result<Reply>> script) : transport(std::move(script)) {}
  explicit Import(ScriptedTransport::Rule rule) : transport(std::move(rule)) {}

  Status Run(const std::string& text, ImportOptions settings = {.database = "d", .lines_max = 2}) {
    ImportReader reader(
        [text = text](std::string& more) mutable {
          more += std::exchange(text, "");
          return Ok();
        },
        std::move(settings));
    Importer importer(transport, clock,
                      {.patience = milliseconds(10'000),
                       .stopped = stopped,
                       .report = [this](std::uint64_t line, const std::string& what) {
                         told.push_back(std::to_string(line) + ": " + what);
                       }});
    Status ran = importer.Run(reader);
    tally = importer.tally();
    return ran;
  }

  ScriptedTransport transport;
  FakeClock clock;
  std::function<bool()> stopped = [] { return false; };
  std::vector<std::string> told;
  ImportTally tally;
};

TEST_CASE("import: all lines of a file are sent, in order and in batches") {
  Import import({Status204(), Status204()});
  REQUIRE(import.Run("m v=1 1\nm v=2 2\nm v=3 3\n").ok());
  CHECK_EQ(import.transport.sent, std::vector<std::string>{"m v=1 1\nm v=2 2\n", "m v=3 3\n"});
  CHECK_EQ(import.transport.targets[0].database, "d");
  CHECK_EQ(import.tally.points, 3);
  CHECK_EQ(import.tally.next_line, 4);
}

TEST_CASE("import: bad lines are reported with their numbers, the good ones around them are sent") {
  Import import({Status204(), Status204()});
  REQUIRE(import.Run("m v=1 1\nbad\nm v=\nm v=4 4\n").ok());
  CHECK_EQ(import.transport.sent, std::vector<std::string>{"m v=1 1\n", "m v=4 4\n"});
  REQUIRE_EQ(import.told.size(), 2);
  CHECK(import.told[0].starts_with("2: unable to parse 'bad'"));
  CHECK(import.told[1].starts_with("3: unable to parse 'm v='"));
  CHECK_EQ(import.tally.refused, 2);
}

TEST_CASE("import: a batch whose answer is lost is sent again, byte for byte") {
  Import import({NoAnswer(), Http(503, "{\"error\":\"full\"}", "1"), Status204()});
  REQUIRE(import.Run("m v=1\n").ok());
  REQUIRE_EQ(import.transport.sent.size(), 3);
  CHECK_EQ(import.transport.sent[0], import.transport.sent[2]);
  CHECK_NE(import.transport.sent[0], "m v=1\n");                         // It has a time now.
  CHECK_GE(import.clock.Now().time_since_epoch(), milliseconds(1'000));  // It waited as asked.
  CHECK_EQ(import.tally.points, 1);
}

TEST_CASE("import: if nothing is accepted for long, it says where to continue") {
  Import import([n = 0](const WriteParams&, std::string_view) mutable {
    return ++n == 1 ? Status204() : NoAnswer();
  });
  const Status ran = import.Run("m v=1 1\nm v=2 2\nm v=3 3\n");
  REQUIRE_FALSE(ran.ok());
  CHECK_EQ(ran.error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(import.tally.points, 2);
  CHECK_EQ(import.tally.next_line, 3);
}

TEST_CASE("import: a batch that will never be accepted ends it at once") {
  for (const int status : {401, 404, 413}) {
    Import import({Http(status, "{\"error\":\"no\"}")});
    const Status ran = import.Run("m v=1 1\n");
    REQUIRE_FALSE(ran.ok());
    CHECK_EQ(ran.error().code(), ErrorCode::kInvalidInput);
    CHECK_EQ(ran.error().message(), "HTTP " + std::to_string(status) + " {\"error\":\"no\"}");
    CHECK_EQ(import.tally.next_line, 1);
  }
}

TEST_CASE("import: lines that only the target refuses are reported, and it continues") {
  Import import(
      {Http(400, R"({"error":"partial write: field type conflict dropped=1"})"), Status204()});
  REQUIRE(import.Run("m v=1 1\nm v=2 2\nm v=3 3\n").ok());
  CHECK_EQ(import.tally.doubtful, 1);
  REQUIRE_EQ(import.told.size(), 1);
  CHECK(import.told[0].starts_with("1: some of the lines up to 2 were refused: HTTP 400"));
}

TEST_CASE("import: told to stop, it stops between two batches and while it waits") {
  Import between({Status204()});
  between.stopped = [&between] { return !between.transport.sent.empty(); };
  CHECK_FALSE(between.Run("m v=1 1\nm v=2 2\nm v=3 3\n").ok());
  CHECK_EQ(between.tally.next_line, 3);

  Import waiting({NoAnswer()});
  waiting.stopped = [&waiting] { return !waiting.clock.waits.empty(); };
  CHECK_FALSE(waiting.Run("m v=1 1\n").ok());
  CHECK_EQ(waiting.tally.next_line, 1);
  CHECK_LE(waiting.clock.waits.size(), 1);
}

TEST_CASE("import: statements are reported, not sent") {
  Import import({Status204()});
  REQUIRE(import.Run("# DDL\nCREATE DATABASE d\n# DML\nm v=1 1\n").ok());
  CHECK_EQ(import.tally.statements, 1);
  CHECK_EQ(import.told.at(0), "2: not sent, run it on the backends: CREATE DATABASE d");
}

}  // namespace
}  // namespace relay::test::relay_transfer_importer_test
