#include "wal/record/lives.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::wal_record_lives_test {
namespace {

constexpr LifeId kFirst(0xa);
constexpr LifeId kSecond(0xb);

bool Gave(const Lives& lives, std::uint64_t number, LifeId life, std::uint64_t last) {
  return lives.Gave({PayloadId(number), life}, PayloadId(last));
}

TEST_CASE("lives: a position is known in the life that gave it, and in no other") {
  Lives lives;
  lives.Begin(kFirst, PayloadId(1));
  lives.Begin(kSecond, PayloadId(6));
  CHECK(lives.current() == kSecond);
  for (std::uint64_t number = 1; number <= 5; ++number) {
    CHECK(Gave(lives, number, kFirst, 9));
    CHECK_FALSE(Gave(lives, number, kSecond, 9));
  }
  for (std::uint64_t number = 6; number <= 9; ++number) {
    CHECK(Gave(lives, number, kSecond, 9));
    CHECK_FALSE(Gave(lives, number, kFirst, 9));
  }
  CHECK_FALSE(Gave(lives, 10, kSecond, 9));
  CHECK_FALSE(Gave(lives, 3, LifeId(0xc), 9));
}

TEST_CASE("lives: a number without a life is known up to the head") {
  Lives lives;
  CHECK(Gave(lives, 3, LifeId(), 3));
  CHECK_FALSE(Gave(lives, 4, LifeId(), 3));
  CHECK_FALSE(Gave(lives, 0, LifeId(), 3));
  lives.Begin(kFirst, PayloadId(4));
  CHECK(Gave(lives, 3, LifeId(), 5));
  CHECK(Gave(lives, 5, LifeId(), 5));
}

TEST_CASE("lives: one that gave nothing is forgotten, also if a copy of the log gave something") {
  Lives original;
  original.Begin(kFirst, PayloadId(4));
  Lives copy = original;
  copy.Begin(kSecond, PayloadId(4));
  CHECK(Gave(original, 4, kFirst, 5));
  CHECK_FALSE(Gave(copy, 4, kFirst, 5));
  CHECK(Gave(copy, 4, kSecond, 5));
}

TEST_CASE("lives: a log that becomes shared ends its last life") {
  Lives lives;
  lives.Begin(LifeId(), PayloadId(1));
  CHECK(lives == Lives());
  lives.Begin(kFirst, PayloadId(1));
  lives.Begin(LifeId(), PayloadId(5));
  CHECK(lives.current().is_none());
  CHECK(Gave(lives, 4, kFirst, 9));
  CHECK_FALSE(Gave(lives, 5, kFirst, 9));
  CHECK(Gave(lives, 5, LifeId(), 9));
}

TEST_CASE("lives: the newest are kept, and a value reads back as it was") {
  Lives lives;
  for (std::uint64_t i = 1; i <= Lives::kMax + 10; ++i) lives.Begin(LifeId(i), PayloadId(i));
  const std::uint64_t last = Lives::kMax + 10;
  CHECK_FALSE(Gave(lives, 10, LifeId(10), last));
  CHECK(Gave(lives, 11, LifeId(11), last));
  CHECK(Gave(lives, last, LifeId(last), last));
  const std::string value = EncodeLives(kLivesKey, lives);
  CHECK_EQ(value.size(), 5 + 16 * Lives::kMax);
  CHECK(DecodeLives(kLivesKey, value).value() == lives);
  CHECK_EQ(DecodeLives("other", value).error().code(), ErrorCode::kCorruption);
  for (std::size_t size = 0; size < value.size(); ++size) {
    CHECK_FALSE(DecodeLives(kLivesKey, value.substr(0, size)).ok());
  }
}

TEST_CASE("lives: two new ones differ") {
  const LifeId one = LifeId::New();
  CHECK_FALSE(one.is_none());
  CHECK(one != LifeId::New());
}

TEST_CASE("positions: read back from their text") {
  for (const WritePosition& position :
       {WritePosition{PayloadId(17), LifeId(0xc1e9a2f4b07d35)}, WritePosition{PayloadId(17), {}}}) {
    CHECK(WritePosition::Parse(ToString(position)).value() == position);
  }
  CHECK_EQ(ToString(WritePosition{PayloadId(17), LifeId(0xc1e9a2f4b07d35)}), "17-00c1e9a2f4b07d35");
  CHECK_EQ(ToString(WritePosition{PayloadId(17), {}}), "17");
}

}  // namespace
}  // namespace relay::test::wal_record_lives_test
