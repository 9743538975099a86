// Random lines of line protocol: well-formed ones with a few bytes changed, so
// that they fall on both sides of what is a point, close to the border.
//
// THREADS. One at a time.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace relay::test {

class LineMaker {
 public:
  explicit LineMaker(std::uint64_t seed) : random_(seed) {}

  std::size_t Below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }

  // A well-formed line with up to three bytes changed.
  std::string Line() {
    std::string line = WellFormed();
    for (std::size_t changes = Below(4); changes > 0; --changes) Change(line);
    return line;
  }

  std::string Noise(std::size_t size) {
    std::string noise;
    while (noise.size() < size) noise += Mark();
    return noise;
  }

 private:
  template <std::size_t kSize>
  std::string_view OneOf(const std::array<std::string_view, kSize>& all) {
    return all[Below(kSize)];
  }

  std::string_view Mark() {
    static constexpr std::array<std::string_view, 22> kMarks = {
        ",",    "=",           " ",  "\"",       "\\",
        "\t",   "\n",          "\r", "#",        "-",
        ".",    "e",           "i",  "u",        "t",
        "0",    "9",           "x",  "\xc3\xa9", std::string_view("\0", 1),
        "\xff", "\xed\xa0\x80"};
    return OneOf(kMarks);
  }

  std::string_view Name() {
    static constexpr std::array<std::string_view, 12> kNames = {
        "a",     "b",     "c",    "host",     "region", "a\\ b",
        "c\\,d", "e\\=f", "g\\h", "\xc3\xa9", "i\"j",   "a_name_of_some_length"};
    return OneOf(kNames);
  }

  std::string_view Value() {
    static constexpr std::array<std::string_view, 20> kValues = {"1",
                                                                 "-1",
                                                                 "12.5",
                                                                 ".5",
                                                                 "5.",
                                                                 "98.09947643979057",
                                                                 "-0.30000000000000004",
                                                                 "1e5",
                                                                 "1e400",
                                                                 "12i",
                                                                 "-3i",
                                                                 "9223372036854775807i",
                                                                 "9223372036854775808i",
                                                                 "7u",
                                                                 "true",
                                                                 "F",
                                                                 "\"\"",
                                                                 "\"a, b = c\"",
                                                                 "\"\\\"\\\\\"",
                                                                 "1.2.3"};
    return OneOf(kValues);
  }

  std::string_view Time() {
    static constexpr std::array<std::string_view, 8> kTimes = {
        "", "", " 0", " 1700000000000000000", " 9223372036854775807", " -5", " 12345678", " 5 "};
    return OneOf(kTimes);
  }

  std::string Pair(std::string_view value) {
    return std::string(Name()) + "=" + std::string(value);
  }

  std::string WellFormed() {
    std::string line(Name());
    for (std::size_t tags = Below(4); tags > 0; --tags) line += "," + Pair(Name());
    line += " " + Pair(Value());
    for (std::size_t fields = Below(4); fields > 0; --fields) line += "," + Pair(Value());
    return line.append(Time());
  }

  void Change(std::string& line) {
    const std::size_t at = Below(line.size() + 1);
    const std::size_t removed = Below(2);
    line.replace(at, removed, Below(3) == 0 ? std::string_view() : Mark());
  }

  std::mt19937_64 random_;
};

}  // namespace relay::test
