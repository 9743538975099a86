#include "relay/transfer/exporter.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "relay/transfer/output_file.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_transfer_exporter_test {
namespace {

struct Exported {
  explicit Exported(ExportFormat format = ExportFormat::kInflux, ExportFilter filter = {})
      : exporter(
            format, std::move(filter),
            [this](std::string_view more) {
              text += more;
              return Ok();
            },
            [this](const std::string& what) { told.push_back(what); }) {}

  Status Take(const WriteParams& params, const std::string& lines) {
    Record record{.params = params, .points = 1, .lines = lines};
    StoredRecord stored{{}, std::make_shared<const Record>(std::move(record))};
    stored.entry.position.sequence = Sequence(++sequence);
    return exporter.Take(stored);
  }

  std::string text;
  std::vector<std::string> told;
  std::uint64_t sequence = 0;
  Exporter exporter;
};

WriteParams In(const std::string& database, const std::string& policy = "",
               Precision precision = Precision::kNanosecond) {
  return {.database = database, .retention_policy = policy, .precision = precision};
}

TEST_CASE("export: a context says where each line belongs, once for each change") {
  Exported exported;
  REQUIRE(exported.Take(In("one"), "m v=1 1\n").ok());
  REQUIRE(exported.Take(In("one"), "m v=2 2\n").ok());
  REQUIRE(exported.Take(In("one", "week"), "m v=3 3\n").ok());
  CHECK_EQ(exported.text,
           "# DML\n# CONTEXT-DATABASE: one\n# CONTEXT-RETENTION-POLICY: \nm v=1 1\nm v=2 2\n"
           "# CONTEXT-DATABASE: one\n# CONTEXT-RETENTION-POLICY: week\nm v=3 3\n");
  CHECK_EQ(exported.exporter.tally().lines, 3);
}

TEST_CASE("export: times become nanoseconds; one out of their range is reported") {
  Exported exported(ExportFormat::kLines);
  REQUIRE(exported.Take(In("d", "", Precision::kSecond), "m v=1 17\n").ok());
  REQUIRE(exported.Take(In("d", "", Precision::kHour), "m v=1 1\nm v=2 9223372036854\n").ok());
  CHECK_EQ(exported.text, "m v=1 17000000000\nm v=1 3600000000000\n");
  CHECK_EQ(exported.exporter.tally().unreachable, 1);
  REQUIRE_EQ(exported.told.size(), 1);
  CHECK(exported.told[0].starts_with("sequence 2: a line is left out"));
}

TEST_CASE("export: only the selected records") {
  Exported database(ExportFormat::kLines, {.database = "two"});
  Exported measurement(ExportFormat::kLines, {.measurement = "a,b c"});
  Exported policy(ExportFormat::kLines, {.retention_policy = ""});
  for (Exported* exported : {&database, &measurement, &policy}) {
    if (exported != &measurement) REQUIRE(exported->Take(In("one", "week"), "m v=1 1\n").ok());
    REQUIRE(exported->Take(In("two"), "a\\,b\\ c,t=x v=2 2\na v=3 3\n").ok());
  }
  CHECK_EQ(database.text, "a\\,b\\ c,t=x v=2 2\na v=3 3\n");
  CHECK_EQ(measurement.text, "a\\,b\\ c,t=x v=2 2\n");
  CHECK_EQ(policy.text, database.text);
}

TEST_CASE("export: lines without contexts of two databases would be mixed, and are refused") {
  Exported exported(ExportFormat::kLines);
  REQUIRE(exported.Take(In("one"), "m v=1 1\n").ok());
  const Status taken = exported.Take(In("two"), "m v=2 2\n");
  REQUIRE_FALSE(taken.ok());
  CHECK_EQ(taken.error().code(), ErrorCode::kInvalidInput);
}

TEST_CASE("export: damaged records are reported, counted and left out") {
  Exported exported;
  StoredRecord damaged{{}, Error(ErrorCode::kCorruption, "checksum does not match")};
  damaged.entry.position.sequence = Sequence(7);
  REQUIRE(exported.exporter.Take(damaged).ok());
  CHECK_EQ(exported.exporter.tally().damaged, 1);
  CHECK_EQ(exported.told.at(0), "sequence 7 is damaged and left out: checksum does not match");
  CHECK_EQ(exported.text, "");
}

// ---- Destinations

TEST_CASE("export: a new file is for its owner alone, one that is there is not touched") {
  const TempDir directory;
  const std::string path = directory.File("lines");
  {
    auto file = OutputFile::Create(path).value();
    REQUIRE(file->Write("m v=1 1\n").ok());
    REQUIRE(file->Finish().ok());
  }
  CHECK_EQ(ReadFile(path), "m v=1 1\n");
  struct stat about {};
  REQUIRE_EQ(stat(path.c_str(), &about), 0);
  CHECK_EQ(about.st_mode & 0777U, 0600U);

  const Result<std::unique_ptr<OutputFile>> again = OutputFile::Create(path);
  REQUIRE_FALSE(again.ok());
  CHECK_EQ(again.error().code(), ErrorCode::kInvalidInput);
  std::filesystem::create_symlink(directory.File("elsewhere"), directory.File("link"));
  CHECK_FALSE(OutputFile::Create(directory.File("link")).ok());
  CHECK_FALSE(std::filesystem::exists(directory.File("elsewhere")));
  CHECK_EQ(OutputFile::Create(directory.File("no/such")).error().code(), ErrorCode::kIo);
}

TEST_CASE("export: a file that was not finished is not left behind") {
  const TempDir directory;
  { REQUIRE(OutputFile::Create(directory.File("lines")).value()->Write("m").ok()); }
  CHECK_FALSE(std::filesystem::exists(directory.File("lines")));
}

}  // namespace
}  // namespace relay::test::relay_transfer_exporter_test
