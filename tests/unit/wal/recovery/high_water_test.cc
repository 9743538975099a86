#include "wal/recovery/high_water.h"

#include <doctest/doctest.h>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::wal_recovery_high_water_test {
namespace {

using namespace std::chrono_literals;

HighWater Mark(std::uint64_t head) {
  HighWater mark;
  mark.epoch = 3;
  mark.log.last_backend = 2;
  mark.log.last_payload = PayloadId(head);
  Queue run;
  run.number = BackendNumber(2);
  run.head = {Sequence(head), {.points = 10 * head, .bytes = Bytes(100), .stored = Bytes(30)}};
  run.last_accepted = At(7);
  run.state.cursor.sequence = Sequence(1);
  run.state.delivered = 10;
  mark.log.queues.emplace(kWest, run);
  return mark;
}

std::unique_ptr<HighWaterFile> FileIn(const TempDir& directory, std::uint64_t turn = 0) {
  return HighWaterFile::Open(directory.path(), nullptr, turn).value();
}

std::uint64_t HeadIn(const TempDir& directory) {
  const auto read = ReadHighWater(directory.path());
  return read.ok() ? read.value().mark.log.queues.at(kWest).head.sequence.value() : 0;
}

TEST_CASE("high water: what was written is read") {
  const DecodedHighWater decoded = DecodeHighWater(EncodeHighWater(5, Mark(9))).value();
  CHECK_EQ(decoded.turn, 5);
  CHECK_EQ(decoded.mark.epoch, 3);
  CHECK(!decoded.mark.clean);
  CHECK_EQ(decoded.mark.log.last_backend, 2);
  CHECK_EQ(decoded.mark.log.last_payload, PayloadId(9));
  const auto& run = decoded.mark.log.queues.at(kWest);
  CHECK(run.head == Mark(9).log.queues.at(kWest).head);
  CHECK(run.state == Mark(9).log.queues.at(kWest).state);
  CHECK_EQ(run.number.value(), 2);
  CHECK(run.last_accepted == At(7));
}

TEST_CASE("high water: every flipped bit and every cut of a slot is seen") {
  const std::string slot = EncodeHighWater(5, Mark(9));
  for (std::size_t bit = 0; bit < 8 * slot.size(); ++bit) {
    std::string flipped = slot;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK(!DecodeHighWater(flipped).ok());
  }
  for (std::size_t size = 0; size < slot.size(); ++size) {
    CHECK(!DecodeHighWater(std::string_view(slot).substr(0, size)).ok());
  }
}

TEST_CASE("high water: the newer slot counts, a torn one leaves the one before it") {
  TempDir directory;
  const auto file = FileIn(directory);
  REQUIRE(file->Write(Mark(1)).ok());
  CHECK_EQ(HeadIn(directory), 1);
  REQUIRE(file->Write(Mark(2)).ok());
  CHECK_EQ(HeadIn(directory), 2);
  REQUIRE(file->Write(Mark(3)).ok());
  CHECK_EQ(HeadIn(directory), 3);

  const std::string both = ReadFile(directory.File("high-water"));
  const std::string newest = EncodeHighWater(3, Mark(3));
  const std::size_t at = both.find(newest);
  REQUIRE(at != std::string::npos);
  for (std::size_t torn = 0; torn < newest.size(); torn += 7) {
    std::string text = both;
    text.replace(at + torn, newest.size() - torn, newest.size() - torn, '~');
    WriteFile(directory.File("high-water"), text);
    CHECK_EQ(HeadIn(directory), 2);
  }
}

TEST_CASE("high water: writing goes on over the older slot after reopening") {
  TempDir directory;
  REQUIRE(FileIn(directory)->Write(Mark(1)).ok());
  for (std::uint64_t head = 2; head < 6; ++head) {
    const std::uint64_t turn = ReadHighWater(directory.path()).value().turn;
    REQUIRE(FileIn(directory, turn)->Write(Mark(head)).ok());
    CHECK_EQ(HeadIn(directory), head);
  }
}

TEST_CASE("high water: no file is not found, one without a slot is damage") {
  TempDir directory;
  CHECK_EQ(ReadHighWater(directory.path()).error().code(), ErrorCode::kNotFound);
  WriteFile(directory.File("high-water"), "");
  CHECK_EQ(ReadHighWater(directory.path()).error().code(), ErrorCode::kCorruption);
}

TEST_CASE("high water keeper: writes the mark when it has moved, and the clean end") {
  TempDir directory;
  std::atomic<std::uint64_t> head = 4;
  HighWaterKeeper keeper(
      FileIn(directory), [&head] { return Mark(head); }, 1ms);
  keeper.Moved();
  CHECK(Eventually(10s, [&] { return HeadIn(directory) == 4; }));
  head = 5;
  keeper.Moved();
  CHECK(Eventually(10s, [&] { return HeadIn(directory) == 5; }));
  keeper.Stop();
  head = 6;
  CHECK(!ReadHighWater(directory.path()).value().mark.clean);
  REQUIRE(keeper.WriteClean().ok());
  CHECK_EQ(HeadIn(directory), 6);
  CHECK(ReadHighWater(directory.path()).value().mark.clean);
}

}  // namespace
}  // namespace relay::test::wal_recovery_high_water_test
