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

TEST_CASE("lines: the last line is found from behind, and by a walk where that is unclear") {
  for (const std::string last :
       {"m v=1 1\n", "m v=\"a\nb\" 1\n", "m\\\nn v=1 1\n", "m v=\"\" 1\n"}) {
    CAPTURE(last);
    CHECK_EQ(LastLine(last), last);
    for (const std::string first : {"m v=1 1\n", "m v=\"x\ny\" 1\n", "m\\\nn v=1 1\n"}) {
      CHECK_EQ(LastLine(first + last), last);
      CHECK_EQ(LastLine(first + first + last), last);
    }
  }
}

TEST_CASE("lines: the fields and the time of a line") {
  struct Row {
    std::string line;
    std::vector<std::string> fields;
    std::int64_t time;
  };
  for (const Row& row :
       std::vector<Row>{{"m v=1 5\n", {"v=1"}, 5},
                        {"m,t=a v=1,w=\"x y, z=1\" -5\n", {"v=1", "w=\"x y, z=1\""}, -5},
                        {"m\\ n v\\,x=1i,y\\ z=t 1700000000000000000",
                         {"v\\,x=1i", "y\\ z=t"},
                         1'700'000'000'000'000'000},
                        {"m v=\"a\\\"b,c=\",d=2 \t 7 \n", {"v=\"a\\\"b,c=\"", "d=2"}, 7}}) {
    CAPTURE(row.line);
    std::vector<std::string> fields;
    for (FieldWalk walk(FieldsOf(row.line)); !walk.AtEnd();) {
      const FieldText field = walk.Next();
      CHECK_FALSE(field.is_cut);
      fields.push_back(std::string(field.name) + "=" + std::string(field.value));
    }
    CHECK_EQ(fields, row.fields);
    CHECK_EQ(TimestampOf(row.line), row.time);
  }
  CHECK_FALSE(TimestampOf("m v=1x\n").has_value());
  CHECK_EQ(Unescaped("a\\ b\\,c\\=d\\e"), "a b,c=d\\e");
}

TEST_CASE("lines: names are UTF-8, tags and strings need not be") {
  for (const std::string good :
       {"m v=1 1\n", "m\xc3\xbc v\xc3\xbc=1 1\n", "m,\xff=\xff v=\"\xff\" 1\n",
        "m v=\"\xff\\\"\xff\",w=1 1\n", "m\\ n,t=\xff v=1 1\n"}) {
    CAPTURE(good);
    CHECK(NamesAreUtf8(good));
  }
  for (const std::string bad : {"\xff v=1 1\n", "m\xc3 v=1 1\n", "m \xff=1 1\n", "m v=1,\xff=1 1\n",
                                "m v=\"\xc3\",w\xff=1 1\n", "m,t=\xff v\xff=1 1\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(NamesAreUtf8(bad));
  }
}

}  // namespace
}  // namespace relay::test::wal_record_lines_test
