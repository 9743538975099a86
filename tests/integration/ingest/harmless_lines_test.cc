// Lines that the relay accepts do no harm to an influxd: it answers each, and opens its shards
// again after a crash.
#include <doctest/doctest.h>

#include <string>

#include "relay/lineprotocol/scanner.h"
#include "replay/transport/verdict.h"
#include "tests/support/fakes/line_maker.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_harmless_lines_test {
namespace {

constexpr WallTime kNow{std::chrono::nanoseconds(1'700'000'000'123'456'789)};

std::string Accepted(const std::string& line) {
  return ScanLines(line, Precision::kNanosecond, kNow).lines;
}

// An influxd that opens a shard reads a measurement's `\\=` as `\=`: two names that were two when
// they were written become one, and a conflict of their fields' types keeps the shard shut. Each
// of them alone does no harm, so the relay takes both.
bool IsReadOtherwiseLater(const std::string& lines) {
  return lines.find(R"(\\=)") != std::string::npos;
}

TEST_CASE("harmless: influxd opens its shards again after whatever lines the relay accepted") {
  const TempDir directory;
  Influxd server(directory.path(), "", {"INFLUXDB_DATA_MAX_SERIES_PER_DATABASE=0"});
  server.CreateDatabase("metrics");
  LineMaker maker(PrintedSeed());
  for (int i = 0; i < 1'500; ++i) {
    const std::string lines = Accepted(maker.Line());
    if (lines.empty() || IsReadOtherwiseLater(lines)) continue;
    CAPTURE(lines);
    const HttpAnswer answer = Post(server.endpoint(), "/write?db=metrics", lines);
    // Random fields have a type in one line and another one in the next, and an influxd 1.x has no
    // unsigned values.
    const bool is_refused = answer.body.find("field type conflict") != std::string::npos ||
                            answer.body.find("unable to parse") != std::string::npos;
    CHECK((answer.status == 204 || is_refused));
  }
  server.Kill();
  server.Start();
  // The shards of most of the lines.
  for (const char* time : {"-5", "12345678", "1700000000000000000", "9223372036854775806"}) {
    CAPTURE(time);
    const std::string line = std::string("probe v=1 ") + time;
    CHECK_EQ(Post(server.endpoint(), "/write?db=metrics", line).status, 204);
  }
}

TEST_CASE("harmless: an influxd loses a shard by a name that is not UTF-8, so none is sent") {
  for (const std::string line : {"m\xff v=1 1\n", "m f\xed\xa0\x80=1 1\n"}) {
    const TempDir directory;
    Influxd server(directory.path());
    server.CreateDatabase("metrics");
    Post(server.endpoint(), "/write?db=metrics", line);
    CHECK_EQ(Post(server.endpoint(), "/write?db=metrics", line).status, 204);
    server.Kill();
    server.Start();
    CHECK_EQ(Post(server.endpoint(), "/write?db=metrics", "other v=1 1\n").status, 500);
    CHECK_EQ(Accepted(line), "");
  }
}

TEST_CASE("harmless: backslashes before = in a measurement are read otherwise by the next start") {
  const TempDir directory;
  Influxd server(directory.path());
  server.CreateDatabase("metrics");
  for (const std::string line : {R"(m\=x f="text" 1)", R"(m\\=x f=2 2)"}) {
    CHECK_EQ(Post(server.endpoint(), "/write?db=metrics", Accepted(line + "\n")).status, 204);
  }
  server.Kill();
  server.Start();
  const HttpAnswer answer = Post(server.endpoint(), "/write?db=metrics", "other v=1 1\n");
  CHECK_EQ(answer.status, 500);
  // The words of a conflict, but no line's fault: it waits.
  CHECK_NE(answer.body.find("[shard "), std::string::npos);
  CHECK_EQ(Judge(Reply{.http_status = answer.status, .body = answer.body}, kNow).action,
           Action::kRetry);
}

}  // namespace
}  // namespace relay::test::integration_ingest_harmless_lines_test
