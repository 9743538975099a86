#include "replay/query/influx_answer.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "replay/compare/value.h"

namespace relay::test::unit_replay_query_influx_answer_test {
namespace {

// Gives its bytes in parts of `step`.
class Parts final : public ByteSource {
 public:
  Parts(std::string bytes, std::size_t step) : bytes_(std::move(bytes)), step_(step) {}

  Result<bool> More(std::string& into) override {
    if (at_ == bytes_.size()) return false;
    const std::string part = bytes_.substr(at_, step_);
    at_ += part.size();
    into += part;
    return true;
  }

 private:
  const std::string bytes_;
  const std::size_t step_;
  std::size_t at_ = 0;
};

// Writes the rows as text.
class Text final : public RowSink {
 public:
  void Series(const std::string& name, const std::vector<Tag>& tags,
              const std::vector<std::string>& columns) override {
    text += name;
    for (const auto& [tag, value] : tags) text += fmt::format(",{}={}", tag, value);
    text += ':';
    columns_ = columns;
  }
  void Row() override { text += " |"; }
  void Cell(std::size_t column, const Value& value) override {
    text += fmt::format(" {}={}", columns_.at(column), ToString(Keep(value)));
  }

  std::string text;

 private:
  std::vector<std::string> columns_;
};

std::string Str(const std::string& text) {
  return static_cast<char>(0xa0 + text.size()) + text;
}

std::string Array(std::size_t size) {
  return std::string(1, static_cast<char>(0x90 + size));
}

std::string Map(std::size_t size) {
  return std::string(1, static_cast<char>(0x80 + size));
}

// Returns a chunk with a series of one row of these cells, in MessagePack.
std::string Chunk(const std::string& columns, const std::string& cells, bool partial) {
  std::string text = Map(1) + Str("results") + Array(1) + Map(partial ? 3 : 2) +
                     Str("statement_id") + std::string(1, '\0') + Str("series") + Array(1) +
                     Map(4) + Str("name") + Str("cpu") + Str("tags") + Map(1) + Str("host") +
                     Str("a") + Str("columns") + columns + Str("values") + Array(1) + cells;
  return partial ? text + Str("partial") + '\xc3' : text;
}

std::string TwoColumns() {
  return Array(2) + Str("time") + Str("v");
}

Status Read(const std::string& bytes, Text& text, std::size_t step = 7) {
  Parts parts(bytes, step);
  return ReadInfluxAnswer(parts, text);
}

TEST_CASE("influx answer: every form of a number, in parts of any size") {
  const std::vector<std::pair<std::string, std::string>> forms = {
      {"\x05", "5i"},
      {"\xff", "-1i"},
      {std::string("\xd0\x80", 2), "-128i"},
      {std::string("\xd1\x80\x00", 3), "-32768i"},
      {std::string("\xd2\x7f\xff\xff\xff", 5), "2147483647i"},
      {std::string("\xd3\x80\x00\x00\x00\x00\x00\x00\x01", 9), "-9223372036854775807i"},
      {std::string("\xcc\xff", 2), "255u"},
      {std::string("\xcd\x01\x00", 3), "256u"},
      {std::string("\xce\x00\x01\x00\x00", 5), "65536u"},
      {std::string("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9), "18446744073709551615u"},
      {std::string("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", 9), "0.1"},
      {std::string("\xca\x3f\x00\x00\x00", 5), "0.5"},
      {"\xc2", "false"},
      {"\xc3", "true"},
      {"\xa1x", "\"x\""},
      {"\xd9\x01y", "\"y\""},
      {std::string("\xda\x00\x01z", 4), "\"z\""},
  };
  for (const auto& [bytes, shown] : forms) {
    for (const std::size_t step : {1U, 3U, 1000U}) {
      Text text;
      INFO(shown);
      CHECK(Read(Chunk(TwoColumns(), Array(2) + "\x07" + bytes, false), text, step).ok());
      CHECK_EQ(text.text, "cpu,host=a: | time=7i v=" + shown);
    }
  }
}

TEST_CASE("influx answer: chunks continue until one is the last, absent values are left out") {
  Text text;
  const std::string chunk = Chunk(TwoColumns(), Array(2) + "\x07\xc0", true);
  CHECK(Read(chunk + Chunk(TwoColumns(), Array(2) + "\x08\x01", false), text).ok());
  CHECK_EQ(text.text, "cpu,host=a: | time=7icpu,host=a: | time=8i v=1i");
}

TEST_CASE("influx answer: one that ends too early is never taken for whole") {
  const std::string whole = Chunk(TwoColumns(), Array(2) + "\x07\x01", false);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Text text;
    const Status read = Read(whole.substr(0, size), text);
    REQUIRE_FALSE(read.ok());
    CHECK_EQ(read.error().code(), ErrorCode::kUnavailable);
  }
  Text text;
  const Status partial = Read(Chunk(TwoColumns(), Array(2) + "\x07\x01", true), text);
  REQUIRE_FALSE(partial.ok());
  CHECK_EQ(partial.error().message(), "its answer ended before it was whole");
}

TEST_CASE("influx answer: the server's errors are told, a missing database is not found") {
  Text text;
  const auto failing = [](const std::string& message) {
    return Map(1) + Str("results") + Array(1) + Map(1) + Str("error") + Str(message);
  };
  const Status refused = Read(failing("query interrupted"), text);
  REQUIRE_FALSE(refused.ok());
  CHECK_EQ(refused.error().message(), "query interrupted");
  CHECK_EQ(refused.error().code(), ErrorCode::kInvalidInput);
  const Status missing = Read(failing("database not found: x"), text);
  REQUIRE_FALSE(missing.ok());
  CHECK_EQ(missing.error().code(), ErrorCode::kNotFound);
  CHECK_EQ(Read(Map(1) + Str("error") + Str("unauthorized"), text).error().message(),
           "unauthorized");
}

TEST_CASE("influx answer: an answer of another form is refused, not misread") {
  Text text;
  for (const std::string& bytes : {std::string("{\"results\":[]}"), std::string("\xc1"),
                                   Array(1) + "\x01", Chunk(TwoColumns(), Array(1) + "\x07", false),
                                   Chunk(TwoColumns(), Array(2) + "\x07" + Array(0), false)}) {
    CHECK_FALSE(Read(bytes, text).ok());
  }
}

TEST_CASE("influx answer: a string that is too long is refused before it is read") {
  Text text;
  const Status read = Read(
      Chunk(TwoColumns(), Array(2) + "\x07" + std::string("\xdb\x7f\xff\xff\xff", 5), false), text);
  REQUIRE_FALSE(read.ok());
  CHECK_EQ(read.error().message(), "a string of 2147483647 bytes is too long");
}

}  // namespace
}  // namespace relay::test::unit_replay_query_influx_answer_test
