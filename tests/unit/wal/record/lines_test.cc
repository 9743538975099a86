#include "wal/record/lines.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace relay::test::wal_record_lines_test {
namespace {

std::vector<std::string> Cut(std::string_view lines) {
  std::vector<std::string> cut;
  for (LineWalk walk(lines); !walk.AtEnd();) cut.emplace_back(walk.Next());
  return cut;
}

TEST_CASE("lines: a newline within quotes or behind a backslash is part of its line") {
  const std::vector<std::string> lines = {"m v=\"a\nb\" 1\n", "m\\\nn v=1 1\n", "m v=1 1\n"};
  CHECK_EQ(Cut(lines[0] + lines[1] + lines[2]), lines);
}

TEST_CASE("lines: a quote outside of a field's value means nothing") {
  const std::vector<std::string> lines = {"m\" v=1 1\n", "m,t=\" v=1 1\n", "m \"v=1 1\n",
                                          "m v=\"\",\"w=1 1\n"};
  CHECK_EQ(Cut(lines[0] + lines[1] + lines[2] + lines[3]), lines);
}

TEST_CASE("lines: a text that ends within quotes or an escape is open") {
  CHECK_FALSE(MeasureLine("").open);
  CHECK_FALSE(MeasureLine("m v=1").open);
  CHECK(MeasureLine("m v=\"a\nb").open);
  CHECK(MeasureLine("m v=1\\").open);
  CHECK_EQ(MeasureLine("m v=1\\").size, 6);
  CHECK(MeasureLine("m v=1\\n").ends_escaped);
  CHECK_FALSE(MeasureLine("m v=1\\\\n").ends_escaped);
}

TEST_CASE("lines: a measurement is read as InfluxDB reads it") {
  CHECK_EQ(MeasurementOf("m v=1"), "m");
  CHECK_EQ(MeasurementOf("m,t=x v=1"), "m");
  CHECK_EQ(MeasurementOf(R"(a\ b\,c\=d,t=x v=1)"), "a b,c=d");
  CHECK_EQ(MeasurementOf(R"(a\b v=1)"), R"(a\b)");
  CHECK_EQ(MeasurementOf(R"(a\\b v=1)"), R"(a\\b)");
  CHECK_EQ(MeasurementOf(R"(a\\ b v=1)"), R"(a\ b)");
  CHECK_EQ(MeasurementOf("a=b v=1"), "a=b");
}

TEST_CASE("lines: a raw measurement has the name of the line that it is of") {
  for (const std::string line : {"m v=1", R"(a\ b\,c\=d,t=x v=1)", R"(a\\b v=1)", R"(\,x v=1)"}) {
    const std::string_view raw = RawMeasurementOf(line);
    CHECK(std::string_view(line).starts_with(raw));
    CHECK_EQ(MeasurementOf(raw), MeasurementOf(line));
  }
  CHECK_EQ(RawMeasurementOf(R"(a\ b,t=x v=1)"), R"(a\ b)");
}

}  // namespace
}  // namespace relay::test::wal_record_lines_test
