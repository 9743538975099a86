#include "replay/seed/line_sink.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

namespace relay::test::unit_replay_seed_line_sink_test {
namespace {

std::string TextOf(const std::vector<LinesPart>& parts) {
  std::string text;
  for (const LinesPart& part : parts) text += part.lines;
  return text;
}

TEST_CASE("line sink: names, values and times are written as line protocol") {
  std::vector<LinesPart> parts;
  LineSink sink("c pu,x", [&parts](LinesPart part) { parts.push_back(std::move(part)); });
  sink.Series({{"rack", "r =1"}, {"empty", ""}, {"ho,st", "a"}}, {"f", "i", "u", "b", "s t"});
  sink.Point(-5);
  sink.Take(0, FloatValue(0.1));
  sink.Take(1, IntegerValue(-3));
  sink.Take(2, {.type = FieldType::kUnsigned, .bits = 7});
  sink.Take(3, {.type = FieldType::kBoolean, .bits = 1});
  sink.Take(4, {.type = FieldType::kString, .text = "say \"\\\n"});
  sink.Point(6);
  sink.Point(7);
  sink.Take(1, IntegerValue(4));
  sink.Series({}, {"f"});
  sink.Point(8);
  sink.Take(0, FloatValue(1e300));
  CHECK(parts.empty());
  sink.End();
  REQUIRE_EQ(parts.size(), 1);
  CHECK_EQ(
      parts[0].lines,
      "c\\ pu\\,x,ho\\,st=a,rack=r\\ \\=1 f=0.1,i=-3i,u=7u,b=true,s\\ t=\"say \\\"\\\\\n\" -5\n"
      "c\\ pu\\,x,ho\\,st=a,rack=r\\ \\=1 i=4i 7\n"
      "c\\ pu\\,x f=1e+300 8\n");
  CHECK_EQ(parts[0].points, 3);
  CHECK_EQ(parts[0].values, 7);
}

TEST_CASE("line sink: long text comes in parts of whole lines") {
  std::vector<LinesPart> parts;
  LineSink sink("m", [&parts](LinesPart part) { parts.push_back(std::move(part)); });
  sink.Series({}, {"i"});
  const auto count = static_cast<std::int64_t>(LineSink::kPartPoints) + 1;
  for (std::int64_t time = 0; time < count; ++time) {
    sink.Point(time);
    sink.Take(0, IntegerValue(time));
  }
  sink.End();
  REQUIRE_EQ(parts.size(), 2);
  CHECK_EQ(parts[0].points, LineSink::kPartPoints);
  CHECK_EQ(parts[1].lines, "m i=10000i 10000\n");
}

TEST_CASE("line sink: only chosen values are written") {
  std::vector<LinesPart> parts;
  LineSink sink(
      "m", [&parts](LinesPart part) { parts.push_back(std::move(part)); },
      [](const std::string& tags, std::int64_t time, const std::string& field) {
        return tags == "a=1,b=2" && time == 5 && field == "y";
      });
  for (const std::string b : {"2", "3"}) {
    sink.Series({{"b", b}, {"a", "1"}}, {"x", "y"});
    for (const std::int64_t time : {4, 5}) {
      sink.Point(time);
      sink.Take(0, IntegerValue(1));
      sink.Take(1, IntegerValue(2));
    }
  }
  sink.End();
  CHECK_EQ(TextOf(parts), "m,a=1,b=2 y=2i 5\n");
}

}  // namespace
}  // namespace relay::test::unit_replay_seed_line_sink_test
