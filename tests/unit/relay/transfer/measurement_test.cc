// Routing, replay and export select points by measurement: they have to find
// the same ones.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "relay/routing/router.h"
#include "relay/transfer/exporter.h"
#include "replay/manual_replay.h"
#include "tests/support/batch_text.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"

namespace relay::test::relay_transfer_measurement_test {
namespace {

Record RecordOf(const std::string& lines, PointCount points) {
  Record record;
  record.params.database = "d";
  record.lines = lines;
  record.points = points;
  return record;
}

// Returns the part that goes to a backend for one measurement.
std::string Routed(const Record& record, const std::string& measurement) {
  BackendConfig chosen{.name = kWest};
  chosen.only.measurements = {measurement};
  Config config;
  config.backends = {chosen};
  const RoutedLines routed = Router(config, {}).Route(record.params, record.lines, record.points);
  return routed.parts.empty() ? "" : routed.parts.front().lines;
}

std::string Exported(const Record& record, const std::string& measurement) {
  std::string text;
  Exporter exporter(
      ExportFormat::kLines, {.measurement = measurement},
      [&text](std::string_view more) {
        text += more;
        return Ok();
      },
      [](const std::string&) {});
  StoredRecord stored{{}, std::make_shared<const Record>(record)};
  REQUIRE(exporter.Take(stored).ok());
  return text;
}

class Target final : public Transport {
 public:
  Result<Reply> Send(const WriteRequest& request) override {
    lines += TextOf(request.lines);
    return Reply{.http_status = 204};
  }
  void Cancel() override {}

  std::string lines;
};

std::string Replayed(const Record& record, const std::string& measurement) {
  MemoryLog log{{kWest}};
  FakeClock clock;
  Target target;
  REQUIRE(AppendAndWait(log, record).ok());
  ReplayJob job({.backend = kWest,
                 .after = Sequence(0),
                 .last = Sequence(1),
                 .database = "",
                 .measurement = measurement},
                {}, log, target, clock);
  for (int i = 0; i < 10 && job.Progress().state == ReplayState::kRunning; ++i) job.Step();
  return target.lines;
}

TEST_CASE("measurement: routing, replay and export find the same points by a name") {
  struct Row {
    const char* name;
    const char* line;
  };
  constexpr Row kRows[] = {
      {"plain", "plain v=1 1\n"},    {"a b", "a\\ b v=1 1\n"},       {"a,b", "a\\,b,t=x v=1 1\n"},
      {"a=b", "a\\=b v=1 1\n"},      {"c=d", "c=d v=1 1\n"},         {R"(a\b)", "a\\b v=1 1\n"},
      {R"(a\\b)", "a\\\\b v=1 1\n"}, {R"(e\ f)", "e\\\\ f v=1 1\n"}, {R"("q")", "\"q\" v=1 1\n"},
      {",x", "\\,x v=1 1\n"},
  };
  Record record = RecordOf("", 0);
  for (const Row& row : kRows) {
    record.lines += row.line;
    ++record.points;
  }
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    CHECK_EQ(Routed(record, row.name), row.line);
    CHECK_EQ(Replayed(record, row.name), row.line);
    CHECK_EQ(Exported(record, row.name), row.line);
  }
}

}  // namespace
}  // namespace relay::test::relay_transfer_measurement_test
