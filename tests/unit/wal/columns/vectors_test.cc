// Frames that are kept, and a second reader: what was written once is read for ever, and the page
// that describes the format says enough to read it.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/support/mutated_body.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "wal/columns/columns.h"

namespace relay::test::columns_vectors_test {
namespace {

const std::string kHere = SourceRoot() + "/tests/unit/wal/columns/";
const std::string kVectors = kHere + "vectors/";

// Reads all frames of a directory with the second reader and compares them with their lines.
void CheckReadsAll(const std::string& directory, int frames) {
  const RunResult run = Run({"python3", kHere + "read_frame.py", directory});
  CHECK_EQ(run.exit_code, 0);
  CHECK_EQ(run.output, fmt::format("{} frames\n", frames));
}

// Returns the bytes that the first column of the table in the worked example names.
std::string BytesOfExample() {
  std::istringstream page(ReadFile(SourceRoot() + "/wal/columns/README.md"));
  std::string frame;
  bool in_example = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) in_example = line == "## A worked example";
    if (!in_example || !line.starts_with("| `")) continue;
    std::istringstream bytes(line.substr(3, line.find('`', 3) - 3));
    for (std::string byte; bytes >> byte;) {
      frame += static_cast<char>(std::stoi(byte, nullptr, 16));
    }
  }
  return frame;
}

TEST_CASE("columns: the frames that are kept are read as their lines") {
  int frames = 0;
  for (const auto& file : std::filesystem::directory_iterator(kVectors)) {
    if (file.path().extension() != ".frame") continue;
    CAPTURE(file.path().string());
    const std::string lines =
        ReadFile(std::filesystem::path(file.path()).replace_extension(".lines"));
    const Result<std::string> read = DecodeColumns(ReadFile(file.path()), Bytes(lines.size()));
    REQUIRE_MESSAGE(read.ok(), read.error().message());
    CHECK((read.value() == lines));
    ++frames;
  }
  CHECK_EQ(frames, 7);
}

TEST_CASE("columns: the worked example is what is written and read") {
  const std::string lines = ReadFile(kVectors + "example.lines");
  CHECK_NE(ReadFile(SourceRoot() + "/wal/columns/README.md").find(lines), std::string::npos);
  const std::string frame = BytesOfExample();
  CHECK_EQ(frame, ReadFile(kVectors + "example.frame"));
  std::string written;
  CHECK(AppendColumns(lines, written));
  CHECK((written == frame));
}

TEST_CASE("columns: a reader made from the description reads the frames that are kept") {
  CheckReadsAll(kVectors, 7);
}

TEST_CASE("columns: a reader made from the description reads frames of mutated bodies") {
  std::mt19937_64 random(PrintedSeed());
  const TempDir directory;
  int frames = 0;
  for (int round = 0; round < 400; ++round) {
    const std::string body = MutatedBody(random);
    std::string frame;
    if (!AppendColumns(body, frame)) continue;
    ++frames;
    WriteFile(directory.File(fmt::format("{}.lines", round)), body);
    WriteFile(directory.File(fmt::format("{}.frame", round)), frame);
  }
  CHECK_GT(frames, 200);
  CheckReadsAll(directory.path(), frames);
}

}  // namespace
}  // namespace relay::test::columns_vectors_test
