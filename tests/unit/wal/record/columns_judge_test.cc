#include "wal/record/columns_judge.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/log_fixture.h"
#include "wal/record/record.h"

namespace relay::test::wal_record_columns_judge_test {
namespace {

using Attempt = ColumnsJudge::Attempt;

WriteParams LaneNamed(const std::string& database, const std::string& retention_policy = "") {
  WriteParams params;
  params.database = database;
  params.retention_policy = retention_policy;
  return params;
}

// Lets the lane lose until it is paused, and returns how many records it took.
unsigned LoseUntilPaused(ColumnsJudge& judge, const WriteParams& lane) {
  unsigned lost = 0;
  while (judge.Next(lane) != Attempt::kZstd) {
    judge.Learn(lane, false);
    ++lost;
  }
  return lost;
}

// Returns how many more records go by before the lane is tried again.
unsigned PauseLeft(ColumnsJudge& judge, const WriteParams& lane) {
  unsigned left = 0;
  while (judge.Next(lane) == Attempt::kZstd) ++left;
  return left;
}

// Returns the stored codec of the lines.
int CodecOf(EncodedRecord encoded) {
  constexpr std::size_t kCodecAt = 5;
  return encoded.Seal(PayloadId(1))[kCodecAt];
}

// A codec that counts how often it is asked and gains nothing.
ColumnsCodec Declining(int& asked) {
  return {.append = [&asked](std::string_view, std::string&) {
    ++asked;
    return false;
  }};
}

TEST_CASE("columns judge: a lane that loses four times in a row is paused, then tried once") {
  ColumnsJudge judge;
  const WriteParams lane = LaneNamed("logs");
  CHECK_EQ(LoseUntilPaused(judge, lane), ColumnsJudge::kLossesToPause);
  CHECK_EQ(PauseLeft(judge, lane), ColumnsJudge::kPauseFirst - 1);
  CHECK(judge.Next(lane) == Attempt::kBoth);
}

TEST_CASE("columns judge: each pause is twice the one before, up to the longest") {
  ColumnsJudge judge;
  const WriteParams lane = LaneNamed("logs");
  LoseUntilPaused(judge, lane);
  unsigned expected = ColumnsJudge::kPauseFirst;
  CHECK_EQ(PauseLeft(judge, lane), expected - 1);
  for (int turn = 0; turn < 12; ++turn) {
    judge.Learn(lane, false);
    expected = std::min(2 * expected, ColumnsJudge::kPauseMax);
    CHECK_EQ(PauseLeft(judge, lane), expected);
  }
}

TEST_CASE("columns judge: a lane that wins again after a pause begins anew") {
  ColumnsJudge judge;
  const WriteParams lane = LaneNamed("logs");
  LoseUntilPaused(judge, lane);
  PauseLeft(judge, lane);
  judge.Learn(lane, false);
  PauseLeft(judge, lane);
  judge.Learn(lane, true);
  CHECK(judge.Next(lane) == Attempt::kColumns);
  CHECK_EQ(LoseUntilPaused(judge, lane), ColumnsJudge::kLossesToPause);
  CHECK_EQ(PauseLeft(judge, lane), ColumnsJudge::kPauseFirst - 1);
}

TEST_CASE("columns judge: a lane that wins is compared with zstd once in a while") {
  ColumnsJudge judge;
  const WriteParams lane = LaneNamed("metrics");
  std::vector<unsigned> compared;
  for (unsigned record = 0; record <= 2 * ColumnsJudge::kCompareEvery; ++record) {
    if (judge.Next(lane) == Attempt::kBoth) compared.push_back(record);
    judge.Learn(lane, true);
  }
  CHECK(compared ==
        std::vector<unsigned>{0, ColumnsJudge::kCompareEvery, 2 * ColumnsJudge::kCompareEvery});
}

TEST_CASE("columns judge: a loss now and then pauses nobody, and lanes do not disturb each other") {
  ColumnsJudge judge;
  const WriteParams lane = LaneNamed("mixed");
  for (int record = 0; record < 1'000; ++record) {
    CHECK(judge.Next(lane) != Attempt::kZstd);
    judge.Learn(lane, record % 4 == 0);
  }
  LoseUntilPaused(judge, LaneNamed("mixed", "year"));
  CHECK(judge.Next(lane) != Attempt::kZstd);
}

TEST_CASE("columns judge: records of a paused lane are stored by zstd and not tried") {
  int asked = 0;
  ColumnsJudge judge(nullptr, Declining(asked));
  for (unsigned record = 0; record < ColumnsJudge::kLossesToPause + ColumnsJudge::kPauseFirst;
       ++record) {
    CHECK_EQ(CodecOf(Encode(NumberedRecord(1, 100), Codec::kColumns, &judge).value()), 1);
  }
  CHECK_EQ(asked, ColumnsJudge::kLossesToPause);
  Encode(NumberedRecord(1, 100), Codec::kColumns, &judge).value();
  CHECK_EQ(asked, ColumnsJudge::kLossesToPause + 1);
}

TEST_CASE("columns judge: a record that zstd makes smaller than columns is stored by zstd") {
  ColumnsJudge judge(nullptr,
                     {.append =
                          [](std::string_view body, std::string& out) {
                            out.append(body);
                            return true;
                          },
                      .decode = [](std::string_view frame,
                                   Bytes) { return Result<std::string>(std::string(frame)); }});
  for (unsigned record = 0; record < ColumnsJudge::kLossesToPause; ++record) {
    EncodedRecord encoded = Encode(NumberedRecord(1, 100), Codec::kColumns, &judge).value();
    CHECK(Decode(PayloadId(1), encoded.Seal(PayloadId(1))).value() == NumberedRecord(1, 100));
    CHECK_EQ(CodecOf(std::move(encoded)), 1);
  }
  CHECK(judge.Next(NumberedRecord(1).params) == Attempt::kZstd);
}

TEST_CASE("columns judge: what does not read back is told of, and stored by zstd") {
  std::vector<std::string> told;
  const ColumnsJudge::OnMismatch on_mismatch = [&told](const Record& record) {
    told.push_back(record.lines);
  };
  const auto check = [&](const ColumnsCodec& wrong) {
    told.clear();
    ColumnsJudge judge(on_mismatch, wrong);
    EncodedRecord encoded = Encode(NumberedRecord(1, 100), Codec::kColumns, &judge).value();
    CHECK(told == std::vector<std::string>{NumberedRecord(1, 100).lines});
    CHECK(Decode(PayloadId(1), encoded.Seal(PayloadId(1))).value() == NumberedRecord(1, 100));
    CHECK_EQ(CodecOf(std::move(encoded)), 1);
  };
  check({.append = [](std::string_view body, std::string& out) {
    std::string other(body);
    other.replace(other.find('1'), 1, "2");
    return AppendColumns(other, out);
  }});
  check({.append = [](std::string_view, std::string& out) {
    out.append("no frame");
    return true;
  }});
  check({.decode = [](std::string_view, Bytes) {
    return Result<std::string>(Error(ErrorCode::kCorruption, "a frame"));
  }});
}

TEST_CASE("columns judge: what reads back is told to nobody") {
  int told = 0;
  ColumnsJudge judge([&told](const Record&) { ++told; });
  for (int record = 0; record < 200; ++record) {
    CHECK_EQ(CodecOf(Encode(NumberedRecord(1, 100), Codec::kColumns, &judge).value()), 2);
  }
  CHECK_EQ(told, 0);
}

}  // namespace
}  // namespace relay::test::wal_record_columns_judge_test
