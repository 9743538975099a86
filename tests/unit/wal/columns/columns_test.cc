#include "wal/columns/columns.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/line_bodies.h"
#include "tests/support/mutated_body.h"
#include "tests/support/seed.h"

namespace relay::test::columns_columns_test {
namespace {

constexpr std::string_view kTime = " 1700000000000000000\n";

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// A body of lines `m v=VALUE TIME`.
std::string BodyOf(const std::vector<std::string>& values) {
  std::string body;
  for (const std::string& value : values)
    body += "measurement,tag=a v=" + value + std::string(kTime);
  return body;
}

// Returns a copy that ends where its memory ends, so that AddressSanitizer sees a read behind it.
class Exact {
 public:
  explicit Exact(std::string_view text) : size_(text.size()), copy_(new char[size_ + 1]) {
    std::memcpy(copy_.get() + 1, text.data(), size_);
  }
  std::string_view text() const { return {copy_.get() + 1, size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> copy_;
};

// Returns the frame's size; 0: the encoder declined.
std::size_t RoundTrip(std::string_view body) {
  constexpr std::string_view kBefore = "before";
  std::string frame(kBefore);
  const bool appended = AppendColumns(Exact(body).text(), frame);
  REQUIRE(frame.starts_with(kBefore));
  frame.erase(0, kBefore.size());
  CHECK_EQ(appended, !frame.empty());
  if (!appended) return 0;
  CHECK_LT(frame.size(), body.size());
  const Result<std::string> back = DecodeColumns(Exact(frame).text(), Bytes(body.size()));
  REQUIRE_MESSAGE(back.ok(), back.error().message());
  REQUIRE((back.value() == body));
  return frame.size();
}

std::string FrameOf(std::string_view body) {
  std::string frame;
  REQUIRE(AppendColumns(body, frame));
  return frame;
}

TEST_CASE("columns: bodies of every kind come back, a fraction of their size") {
  for (const BodyKind& kind : BodyKinds()) {
    CAPTURE(kind.name);
    for (const std::size_t lines : {1U, 2U, 3U, 20U, 100U, 1'000U}) {
      CAPTURE(lines);
      const std::string body = kind.make(1'000, lines);
      const std::size_t size = RoundTrip(body);
      if (lines >= 100) CHECK_LT(size, body.size() / 3);
    }
  }
}

TEST_CASE("columns: a body keeps its end, with or without a newline") {
  std::string body = bodies::Cpu(0, 50);
  body.pop_back();
  CHECK_GT(RoundTrip(body), 0U);
  CHECK_GT(RoundTrip(body + "\n"), 0U);
  CHECK_GT(RoundTrip(body + "\n\n"), 0U);
  CHECK_GT(RoundTrip(body + "\n#"), 0U);
  CHECK_GT(RoundTrip(body + "\r\n"), 0U);
  CHECK_GT(RoundTrip(body + "\\"), 0U);
  CHECK_GT(RoundTrip(body + "\n\"\\"), 0U);
  CHECK_GT(RoundTrip(body + "\ncpu,hostname="), 0U);
}

TEST_CASE("columns: values of one kind come back exactly") {
  const std::vector<std::vector<std::string>> columns = {
      {"0", "-0", "-0.0", "0.0", "00", "007", "-", "--1", "-.5", ".5", "5.", "1.", "0.50"},
      {"1e-7", "1E+20", "NaN", "Inf", "1.5", "2.25", "1i", "2u", "3iu", "4.5i", "-7i", "-7u"},
      {"9999999999999999999", "18446744073709551615", "18446744073709551616",
       "99999999999999999999", "1234567890123456789012345", "9223372036854775807i",
       "-9223372036854775808i"},
      {"0.000000000000000001", "0.0000000000000000001", "123456789.0123456789",
       "1.234567890123456789", "12.34567890123456789"},
      {"t", "true", "FALSE", "\"\"", "\"a b,c=d\"", "\"a\\\"b\"", "\"a\nb\"", "\"open", "a\\ b",
       "\\"},
      {"", " ", ",", "=", "a=b", "12a", "1,2=3", "4 5", "6 7=8"},
      {"1", "2", "4", "8", "16", "32", "9999999999999999999", "0", "9999999999999999999"},
      {"10", "12", "14", "16", "18", "20", "22"},
      {"7", "7", "7", "7", "7", "7", "9", "9", "9", "9", "9", "2"},
  };
  for (const std::vector<std::string>& values : columns) {
    std::vector<std::string> shown;
    for (int i = 0; i < 12; ++i) shown.insert(shown.end(), values.begin(), values.end());
    CHECK_GT(RoundTrip(BodyOf(shown)), 0U);
    std::sort(shown.begin(), shown.end());
    CHECK_GT(RoundTrip(BodyOf(shown)), 0U);
    for (const std::string& value : values)
      CHECK_GT(RoundTrip(BodyOf({value, value, value, value})), 0U);
    for (const std::string& value : values) RoundTrip(BodyOf({value}));
  }
}

TEST_CASE("columns: integers of every width come back") {
  for (unsigned bits = 0; bits < 64; ++bits) {
    CAPTURE(bits);
    std::vector<std::string> values;
    for (std::uint64_t i = 0; i < 21; ++i) {
      values.push_back(std::to_string(bench::Mixed(i) >> (63 - bits) >> 1U) + "i");
    }
    CHECK_GT(RoundTrip(BodyOf(values)), 0U);
    std::sort(values.begin(), values.end());
    CHECK_GT(RoundTrip(BodyOf(values)), 0U);
  }
}

// A body of numbers with so many digits before and behind the point, with and without sign and
// suffix.
std::string BodyOfNumbers(std::size_t whole, std::size_t decimals) {
  std::vector<std::string> values;
  for (std::uint64_t i = 0; i < 5; ++i) {
    const std::string digits = fmt::format("{:020}{:020}", bench::Mixed(i), bench::Mixed(i + 9));
    std::string value = "7" + digits.substr(1, whole - 1);
    if (decimals > 0) value += "." + digits.substr(20, decimals);
    values.push_back(i % 2 == 0 ? value : "-" + value);
    values.push_back(value + "i");
  }
  return BodyOf(values);
}

TEST_CASE("columns: numbers of every class come back") {
  for (std::size_t digits = 0; digits < std::size_t{20} * 21; ++digits) {
    CAPTURE(digits);
    CHECK_GT(RoundTrip(BodyOfNumbers(1 + digits / 21, digits % 21)), 0U);
  }
}

TEST_CASE("columns: bytes that are no line protocol come back or are declined") {
  RoundTrip("");
  RoundTrip("\n");
  RoundTrip("\n\n\n\n\n\n");
  RoundTrip("a");
  RoundTrip(std::string(1'000, '\0'));
  RoundTrip(std::string(1'000, '\n'));
  RoundTrip(std::string(1'000, '\\'));
  RoundTrip(std::string(1'000, '"'));
  RoundTrip(std::string(1'000, '='));
  RoundTrip(Repeated("a=\"\\\n", 300));
  RoundTrip(Repeated("a=b\\\n", 300) + " x y z");
  RoundTrip(Repeated("a\\\n", 300));
  RoundTrip(Repeated("=,= ", 300));
  RoundTrip(Repeated("a=1\r\n", 300));
  RoundTrip(std::string("a=") + std::string(100, '\0') + "\na=" + std::string(50, '\0'));
  // A word that is remembered, and of which the body's end is the beginning.
  const std::string zeros = std::string("a=\"x\n") + std::string(1'000'000, '\0') + "\"\n";
  RoundTrip(zeros + zeros + zeros + "a=\"x\n");
  std::string all;
  for (int i = 0; i < 256 * 8; ++i) all += static_cast<char>(i);
  RoundTrip(all);
}

TEST_CASE("columns: lines of a thousand values, and of a megabyte, come back") {
  std::string wide = "m ";
  for (int i = 0; i < 1'500; ++i) wide += fmt::format("{}f{}={}", i == 0 ? "" : ",", i, i * 7);
  RoundTrip(Repeated(wide + std::string(kTime), 3));
  const std::string long_word = "m s=\"" + std::string(1'000'000, 'x') + "\"" + std::string(kTime);
  CHECK_GT(RoundTrip(Repeated(long_word, 3)), 0U);
}

TEST_CASE("columns: shapes that begin alike keep their own values") {
  for (const std::string_view value : {"12345678901", "word", "5", "1.5"}) {
    const std::string same = std::string(value) + ",w=1";
    const std::string body = "m,t=a v=" + same + std::string(kTime) +  //
                             "m,t=a v=5,w=1,x=2" + std::string(kTime) +
                             Repeated("m,t=a v=" + same + ",x=2" + std::string(kTime), 9) +
                             Repeated("m,t=a v=" + same + std::string(kTime), 9) + "m,t=a v=5,w=1" +
                             std::string(kTime);
    CHECK_GT(RoundTrip(body), 0U);
  }
}

TEST_CASE("columns: numbers in words keep their zeros") {
  const std::vector<std::vector<std::string>> columns = {
      {"host-0001", "host-0002", "host-0100", "host-9999"},
      {"host-1", "host-01", "host-001"},
      {"a1b", "a11b", "a21b"},
      {"1a1", "1a11", "1a2"},
      {"x99999999999999999999", "x1", "x2"},
      {"x9999999999999999999", "x1", "x2"},
      {"x0000000000000000001", "x0000000000000000002"},
      {"x00000000000000000001", "x00000000000000000002"},
      {"x1", "x", "x2"},
      {"x1y", "xy", "x1yy"},
      {"x0", "x1", "x10"},
  };
  for (const std::vector<std::string>& hosts : columns) {
    std::string body;
    for (int i = 0; i < 24; ++i) {
      body += "m,host=" + hosts[static_cast<std::size_t>(i) % hosts.size()] + " v=1" +
              std::string(kTime);
    }
    CHECK_GT(RoundTrip(body), 0U);
  }
}

TEST_CASE("columns: what gains nothing is declined") {
  CHECK_EQ(RoundTrip(""), 0U);
  CHECK_EQ(RoundTrip("m v=1 1\n"), 0U);
  std::string random;
  for (std::uint64_t i = 0; i < 4'000; ++i) random += static_cast<char>(bench::Mixed(i));
  CHECK_EQ(RoundTrip(random), 0U);
  std::string shapes;
  for (int i = 0; i < 200; ++i) shapes += fmt::format("m{} f{}={}\n", i, i, i);
  CHECK_EQ(RoundTrip(shapes), 0U);
}

TEST_CASE("columns: mutated bodies come back or are declined") {
  std::mt19937_64 random(PrintedSeed());
  for (int round = 0; round < 4'000; ++round) {
    const std::string body = MutatedBody(random);
    CAPTURE(body);
    RoundTrip(body);
  }
}

// Returns whether the frame was refused; in any case it must do no harm and stay within the limit.
bool IsRefused(std::string_view frame, Bytes limit) {
  const Result<std::string> body = DecodeColumns(Exact(frame).text(), limit);
  CHECK((!body.ok() || body.value().size() <= limit.count()));
  if (body.ok()) return false;
  CHECK_EQ(body.error().code(), ErrorCode::kCorruption);
  CHECK_NE(body.error().message().find("frame of columns"), std::string::npos);
  return true;
}

TEST_CASE("columns: a frame that is cut anywhere, or longer, is refused") {
  for (const BodyKind& kind : BodyKinds()) {
    const std::string body = kind.make(0, 20);
    const std::string frame = FrameOf(body);
    for (std::size_t size = 0; size < frame.size(); ++size) {
      CHECK(IsRefused(std::string_view(frame).substr(0, size), Bytes(body.size())));
    }
    CHECK(IsRefused(frame + '\0', Bytes(body.size())));
  }
}

TEST_CASE("columns: a frame with any bit flipped is refused or is another body") {
  for (const BodyKind& kind : BodyKinds()) {
    const std::string body = kind.make(0, 20);
    std::string frame = FrameOf(body);
    std::size_t refused = 0;
    for (std::size_t bit = 0; bit < 8 * frame.size(); ++bit) {
      char& byte = frame[bit / 8];
      byte = static_cast<char>(byte ^ (1 << (bit % 8)));
      refused += static_cast<std::size_t>(IsRefused(frame, Bytes(2 * body.size())));
      byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    }
    CHECK_GT(refused, 0U);
  }
}

TEST_CASE("columns: a body larger than the limit is refused") {
  const std::string body = bodies::Cpu(0, 20);
  const std::string frame = FrameOf(body);
  CHECK_FALSE(IsRefused(frame, Bytes(body.size())));
  CHECK(IsRefused(frame, Bytes(body.size() - 1)));
  CHECK(IsRefused(frame, Bytes(0)));
}

double SecondsOf(std::string_view body) {
  const std::clock_t start = std::clock();
  RoundTrip(body);
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

TEST_CASE("columns: a body that is made to be slow is not") {
  constexpr std::size_t kLines = 250'000;
  std::string shapes;
  std::string words;
  for (std::size_t i = 0; i < kLines / 8; ++i) {
    shapes += fmt::format("m a{}=1\n", i);
    words += fmt::format("m a=abcdefgh{:06}abcdefgh\n", i * 7 % 100'000) + "m a=x\n";
  }
  const double usual = SecondsOf(bodies::Cpu(0, 3'000));
  for (const std::string& body :
       {Repeated("a\\\n", kLines), Repeated("a=b\\\n", kLines) + " x y z\n",
        Repeated("a=\"\n", kLines), Repeated("a=b c\n", kLines) + "\"",
        Repeated("a=\"\\\n", kLines), Repeated("=", kLines), Repeated("a=\\", kLines), shapes,
        words}) {
    CAPTURE(body.substr(0, 20));
    CHECK_LT(SecondsOf(body), 0.1 + 50 * usual);
  }
}

// A frame of a body of 100 bytes: 20 bytes of texts, then what a case adds.
std::string FrameWith(std::string_view rest) {
  return std::string("\x01\x64\x00\x14", 4) + "abcdefghijklmnopqrst" + std::string(rest);
}

// Returns the message about a frame that must be refused.
std::string MessageOf(std::string_view frame) {
  const Result<std::string> body = DecodeColumns(frame, 1_MiB);
  REQUIRE_FALSE(body.ok());
  CHECK_EQ(body.error().code(), ErrorCode::kCorruption);
  return body.error().message();
}

TEST_CASE("columns: a frame whose numbers lie is refused, with what and where") {
  using namespace std::string_view_literals;
  struct Lie {
    std::string_view rest;
    std::string_view message;
  };
  const std::vector<Lie> lies = {
      {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"sv, "more than 64 bits at byte 34"},
      {"\xff\xff\xff\xff\x7f\x02"sv, "ends early"},
      {"\x01\x00"sv, "a shape without values"},
      {"\x01\x02\x15"sv, "more texts than it has"},
      {"\x01\xff\xff\xff\xff\x0f\x01\x00"sv, "without anything between"},
      {"\x01\x04\x01\x00"sv, "without anything between"},
      {"\x01\x02\x0a\x00"sv, "more lines than bytes"},
      {"\x01\x02\x0a\x65"sv, "more lines than bytes"},
      {"\x01\x02\x0a\x0a\x41\x01\x00"sv, "more lines than the body has room for"},
      {"\x01\x02\x0a\x02\x41\x02\x00"sv, "a line of an unknown shape"},
      {"\x00\x02\x05"sv, "an unknown kind of column"},
      {"\x00\x02\x00\x15"sv, "more texts than it has"},
      {"\x00\x02\x01\x00"sv, "a dictionary of a wrong size"},
      {"\x00\x02\x01\x03"sv, "a dictionary of a wrong size"},
      {"\x00\x02\x01\x02\x41\xff\xff\xff\xff\x0f\x00"sv, "more texts than it has"},
      {"\x00\x02\x01\x02\x41\x0a\x00\x41\x02\x00"sv, "a word that is not in its dictionary"},
      {"\x00\x02\x02\x13\x00"sv, "numbers of an unknown class"},
      {"\x00\x02\x02\x41\x00"sv, "numbers of an unknown class"},
      {"\x00\x02\x02\xc0\x00"sv, "numbers of an unknown class"},
      {"\x00\x02\x02\x00\x44"sv, "an array of an unknown form"},
      {"\x00\x02\x02\x00\x41\x00\x41"sv, "integers of more than 64 bits"},
      {"\x00\x02\x02\x00\x43\x00\x02"sv, "a run that is too long"},
      {"\x00\x02\x02\x00\x40\x00"sv, "ends early"},
      {"\x00\x02\x03\x01\x00"sv, "too few classes"},
      {"\x00\x02\x03\x02\x00\x00"sv, "an unknown class, or one twice"},
      {"\x00\x02\x03\x02\x00\x1f"sv, "an unknown class, or one twice"},
      {"\x00\x02\x03\x02\x00\x01\x41\x02\x00"sv, "a class that is not in its list"},
      {"\x00\x02\x03\x02\x00\x01\x41\x01\x00"sv, "a class without values"},
      {"\x00\x02\x04\x15\x00"sv, "more texts than it has"},
      {"\x00\x02\x04\x0a\x0a\xc0\x00"sv, "numbers in words of an unknown class"},
      {"\x00\x02\x02\x00\x00"sv, "has not used all of its texts"},
      {"\x00\x02\x00\x14\x00"sv, "bytes behind its end"},
      {"\x00\x02\x00\x14"sv, "lines of another size than the 100 bytes"},
      {"\x00\x32\x00\x14"sv, "lines of another size than the 100 bytes"},
  };
  for (const Lie& lie : lies) {
    const std::string message = MessageOf(FrameWith(lie.rest));
    CHECK_MESSAGE(message.find(lie.message) != std::string::npos, message, " is not ", lie.message);
  }
  CHECK_NE(MessageOf("").find("ends early at byte 0"), std::string::npos);
  CHECK_NE(MessageOf("\x02").find("unknown version"), std::string::npos);
  CHECK_NE(MessageOf("\x01\x64\x04").find("unknown flags"), std::string::npos);
  CHECK_NE(MessageOf("\x01\x64"sv).find("ends early"), std::string::npos);
  CHECK_NE(MessageOf("\x01\x00\x00\x00"sv).find("larger than what is allowed"), std::string::npos);
  CHECK_NE(MessageOf("\x01\x64\x00\x65"sv).find("texts larger than its body"), std::string::npos);
  CHECK_NE(MessageOf("\x01\x64\x01\x64\x03"sv
                     "abc")
               .find("zstd"),
           std::string::npos);
}

TEST_CASE("columns: mutated frames do no harm") {
  std::mt19937_64 random(PrintedSeed());
  for (int round = 0; round < 4'000; ++round) {
    const BodyKind& kind = BodyKinds()[random() % BodyKinds().size()];
    const std::string body = kind.make(random() % 50, 2 + random() % 24);
    std::string frame;
    if (!AppendColumns(body, frame)) continue;
    for (std::size_t changes = 1 + random() % 4; changes > 0; --changes) {
      frame[random() % std::min<std::size_t>(frame.size(), random() % 2 == 0 ? 60 : frame.size())] =
          static_cast<char>(random());
    }
    IsRefused(frame, Bytes(random() % 4 == 0 ? 1'000'000 : body.size()));
  }
}

}  // namespace
}  // namespace relay::test::columns_columns_test
