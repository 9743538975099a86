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
  CHECK_EQ(fates("99").at("west"), "not routed");
  const auto read = ReadAll(log, kWest);
  REQUIRE(Deliver(log, kWest, read.back().entry.position, 1).ok());
  CHECK_EQ(fates("1").at("west"), "passed");
}

TEST_CASE("positions: anything but a number is refused") {
  const MemoryLog log({kWest});
  for (const char* text : {"", "x", "-1", "1x", "99999999999999999999999"}) {
    CAPTURE(text);
    CHECK_EQ(AnswerPosition(log, text).status, 400);
  }
}

}  // namespace
}  // namespace relay::test::relay_admin_write_positions_test
