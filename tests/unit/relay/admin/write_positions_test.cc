#include "relay/admin/write_positions.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"

namespace relay::test::relay_admin_write_positions_test {
namespace {

TEST_CASE("positions: a write is owed until a backend has passed it") {
  MemoryLog log({kWest, kEast});
  REQUIRE(AppendAndWait(log, NumberedRecord(1)).ok());
  const auto fates = [&log](std::string_view number) {
    const HttpResponse answer = AnswerPosition(log, number);
    CHECK_EQ(answer.status, 200);
    return nlohmann::json::parse(answer.body).at("backends");
  };
  CHECK_EQ(fates("1").at("west"), "owed");
  CHECK_EQ(fates("1").at("east"), "not routed");
  CHECK_EQ(fates("99").at("west"), "unknown");
  CHECK_EQ(fates("0").at("west"), "unknown");
  const auto read = ReadAll(log, kWest);
  REQUIRE(Deliver(log, kWest, read.back().entry.position, 1).ok());
  CHECK_EQ(fates("1").at("west"), "passed");
}

TEST_CASE("positions: one of another copy of the log is unknown") {
  MemoryLog log({kWest});
  const LifeId first(0xabc);
  log.BeginLife(first);
  REQUIRE(AppendAndWait(log, NumberedRecord(1)).ok());
  const auto copy = log.Copy();
  const WritePosition lost = AppendAndWait(log, NumberedRecord(2)).value().position();
  CHECK_EQ(ToString(lost), "2-0000000000000abc");
  copy->BeginLife(LifeId(0xdef));
  REQUIRE(AppendAndWait(*copy, NumberedRecord(3)).ok());
  const auto read = ReadAll(*copy, kWest);
  REQUIRE(Deliver(*copy, kWest, read.back().entry.position, 2).ok());
  const auto of_west = [&copy](const std::string& position) {
    return nlohmann::json::parse(AnswerPosition(*copy, position).body).at("backends").at("west");
  };
  CHECK_EQ(of_west("1-0000000000000abc"), "passed");
  CHECK_EQ(of_west(ToString(lost)), "unknown");
  CHECK_EQ(of_west("2-0000000000000def"), "passed");
  CHECK_EQ(of_west("2"), "passed");
}

TEST_CASE("positions: anything but a position is refused") {
  const MemoryLog log({kWest});
  for (const char* text :
       {"", "x", "-1", "1x", "99999999999999999999999", "1-", "1-abc", "1-0000000000000000",
        "1-00000000000000zz", "-0000000000000abc", "1-00000000000000abc"}) {
    CAPTURE(text);
    CHECK_EQ(AnswerPosition(log, text).status, 400);
  }
}

}  // namespace
}  // namespace relay::test::relay_admin_write_positions_test
