#include "relay/service/codec_mismatches.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tests/support/fakes/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "wal/base/files.h"

namespace relay::test::relay_service_codec_mismatches_test {
namespace {

Record Lines(std::string lines) {
  return {.params = {}, .points = 1, .lines = std::move(lines)};
}

TEST_CASE("codec mismatches: each is counted, the first eight are kept, also over a restart") {
  const TempDir dir;
  FakeClock clock;
  Counters counters;
  const std::string kept = dir.path() + "/codec-mismatch";
  {
    CodecMismatches mismatches(dir.path(), clock, counters);
    CHECK(!std::filesystem::exists(kept));
    for (int i = 0; i < 5; ++i) mismatches.Note(Lines("m v=" + std::to_string(i) + " 1\n"));
  }
  CodecMismatches mismatches(dir.path(), clock, counters);
  for (int i = 5; i < 20; ++i) mismatches.Note(Lines("m v=" + std::to_string(i) + " 1\n"));
  CHECK_EQ(counters.codec_mismatches(), 20);
  CHECK_EQ(NamesIn(kept).value().size(), 8);
  CHECK_EQ(ReadWhole(kept + "/1.lp").value(), "m v=0 1\n");
  CHECK_EQ(ReadWhole(kept + "/8.lp").value(), "m v=7 1\n");

  std::filesystem::remove(kept + "/3.lp");
  mismatches.Note(Lines("m v=99 1\n"));
  CHECK_EQ(ReadWhole(kept + "/3.lp").value(), "m v=99 1\n");
  CHECK_EQ(NamesIn(kept).value().size(), 8);
}

TEST_CASE("codec mismatches: a file has at most 1 MiB, whole lines if one fits") {
  const TempDir dir;
  FakeClock clock;
  Counters counters;
  CodecMismatches mismatches(dir.path(), clock, counters);
  const std::string line = "m v=" + std::string(91, '1') + " 1234\n";
  std::string lines;
  while (lines.size() <= 2 * CodecMismatches::kFileMax.count()) lines += line;
  mismatches.Note(Lines(lines));
  const std::string first = ReadWhole(dir.path() + "/codec-mismatch/1.lp").value();
  CHECK_EQ(first.size(), CodecMismatches::kFileMax.count() / line.size() * line.size());
  CHECK(lines.starts_with(first));

  mismatches.Note(Lines(std::string(2 * CodecMismatches::kFileMax.count(), 'x')));
  CHECK_EQ(ReadWhole(dir.path() + "/codec-mismatch/2.lp").value().size(),
           CodecMismatches::kFileMax.count());
}

}  // namespace
}  // namespace relay::test::relay_service_codec_mismatches_test
