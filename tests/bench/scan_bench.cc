// Measures how fast ScanLines goes through bodies as clients send them, on one core.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "relay/lineprotocol/scanner.h"

namespace relay::test {
namespace {

// Returns processor time: other programs on the machine affect it less.
double SecondsUsed() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

constexpr double kRoundSeconds = 0.2;
constexpr int kRounds = 5;
constexpr WallTime kNow(std::chrono::seconds(1'700'000'000));

struct Shape {
  const char* name;
  std::size_t lines;
  std::string (*line)(std::size_t number);
};

std::string Key(std::size_t number) {
  return "cpu,cpu=cpu" + std::to_string(number % 32) + ",host=web-" + std::to_string(number) +
         ".example.org,region=eu-central-1";
}

std::string Time(std::size_t number) {
  return " " + std::to_string(1'700'000'000'000'000'000U + number * 1'000'003U) + "\n";
}

// Ten fields, floats and integers in turn.
std::string Fields(std::size_t number) {
  std::string fields = " ";
  for (std::size_t i = 0; i < 10; ++i) {
    const std::size_t value = (number * 7919 + i * 104'729) % 99'991;
    fields += i == 0 ? "" : ",";
    fields += "usage_field_" + std::to_string(i) + "=" + std::to_string(value);
    fields += i % 2 == 0 ? "." + std::to_string(value % 977) : "i";
  }
  return fields;
}

std::string Timed(std::size_t number) {
  return Key(number) + Fields(number) + Time(number);
}

std::string Untimed(std::size_t number) {
  return Key(number) + Fields(number) + "\n";
}

std::string WithStrings(std::size_t number) {
  return Key(number) + Fields(number) + R"(,message="a, b = \"c\" and d",ok=true)" + Time(number);
}

std::string LongFloats(std::size_t number) {
  const std::string digits = std::to_string(70'368'744'177'664 + number * 7'919'000'003);
  std::string fields = " a=-3." + digits;
  for (const char* key : {"b", "c", "d", "e", "f", "g"}) fields += "," + (key + ("=98." + digits));
  return Key(number) + fields + Time(number);
}

std::string Unsorted(std::size_t number) {
  return "cpu,zone=a,host=web-" + std::to_string(number) + Fields(number) + Time(number);
}

// Has a tab in a name: the fast path cannot handle it.
std::string Unusual(std::size_t number) {
  return "cpu\t,host=web-" + std::to_string(number) + Fields(number) + Time(number);
}

std::string Short(std::size_t number) {
  return "m value=" + std::to_string(number) + Time(number);
}

std::string BodyOf(const Shape& shape) {
  std::string body;
  for (std::size_t number = 0; number < shape.lines; ++number) body += shape.line(number);
  return body;
}

// Scans for one round. Copying the body is not counted: a body that came back
// unchanged is reused for the next one.
double GigabytesPerSecond(const std::string& body) {
  std::string next = body;
  double scanned = 0;
  const double start = SecondsUsed();
  double used = 0;
  while (used < kRoundSeconds) {
    for (int i = 0; i < 50; ++i) {
      ScannedLines lines = ScanLines(std::move(next), Precision::kNanosecond, kNow);
      next = std::move(lines.lines);
      if (next.size() != body.size()) next = body;
    }
    scanned += 50 * static_cast<double>(body.size());
    used = SecondsUsed() - start;
  }
  return scanned / used / 1e9;
}

void Print(const Shape& shape) {
  const std::string body = BodyOf(shape);
  double best = 0;
  for (int round = 0; round < kRounds; ++round) best = std::max(best, GigabytesPerSecond(body));
  const double nanoseconds = static_cast<double>(body.size()) / best;
  std::printf("%-28s %5zu lines %8zu bytes  %6.2f GB/s %9.0f ns a body\n", shape.name, shape.lines,
              body.size(), best, nanoseconds);
}

}  // namespace
}  // namespace relay::test

int main() {
  using relay::test::Shape;
  const std::vector<Shape> shapes = {
      {"timed", 100, relay::test::Timed},
      {"timed", 1, relay::test::Timed},
      {"timed", 10'000, relay::test::Timed},
      {"one field", 1, relay::test::Short},
      {"one field", 1'000, relay::test::Short},
      {"long floats", 100, relay::test::LongFloats},
      {"with strings and a boolean", 100, relay::test::WithStrings},
      {"untimed", 100, relay::test::Untimed},
      {"unsorted tags", 100, relay::test::Unsorted},
      {"left by the fast way", 100, relay::test::Unusual},
  };
  for (const Shape& shape : shapes) relay::test::Print(shape);
  return 0;
}
