#include "wal/record/rows.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "tests/support/log_fixture.h"
#include "tests/support/process/places.h"
#include "wal/base/crc32c.h"

namespace relay::test::wal_record_rows_test {
namespace {

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned char>(c));
  }
  return text;
}

// Returns the bytes that the format page shows for its example, in order.
std::string FormatPage() {
  std::ifstream in(SourceRoot() + "/wal/FORMAT.md");
  std::string words;
  for (std::string word; in >> word;) words += word + " ";
  return words;
}

Record PageRecord() {
  Record record;
  record.params.database = "db";
  record.points = 2;
  record.lines = "m v=1 1\nm v=2 2\n";
  return record;
}

TEST_CASE("format: the payload of the page's example is stored byte for byte as the page says") {
  EncodedRecord encoded = Encode(PageRecord(), Codec::kZstd).value();
  const std::string_view value = encoded.Seal(PayloadId(1));
  CHECK_EQ(Hex(value),
           "01 74 fd c4 bc 00 01 00 00 02 64 62 00 00 00 00 00 02 00 00 00 10 "
           "6d 20 76 3d 31 20 31 0a 6d 20 76 3d 32 20 32 0a");
  CHECK(FormatPage().find(Hex(value.substr(1, 4)) + " checksum") != std::string::npos);
}

TEST_CASE("format: the entry of the page's example is stored byte for byte as the page says") {
  Entry entry;
  entry.position = {Sequence(1), {2, 16_B, 37_B}};
  entry.payload = PayloadId(1);
  entry.accepted_at = At(1);
  entry.size = {2, 16_B, 37_B};
  const std::string key = EntryKey(BackendNumber(1), Sequence(1));
  CHECK_EQ(Hex(key), "00 00 00 01 00 00 00 00 00 00 00 01");
  const std::string value = EncodeEntry(key, entry);
  CHECK_EQ(Hex(value),
           "01 8d 59 31 e6 00 00 00 00 00 00 00 01 00 00 00 00 3b 9a ca 00 00 00 00 02 "
           "00 00 00 10 00 00 00 25 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 10 "
           "00 00 00 00 00 00 00 25");
  CHECK(FormatPage().find(Hex(std::string_view(value).substr(1, 4)) + " checksum") !=
        std::string::npos);
}

TEST_CASE(
    "format: a payload with a client's credentials is of version 2, they stand before its points") {
  Record record = PageRecord();
  record.params.credentials = ClientCredentials("Token t");
  EncodedRecord encoded = Encode(record, Codec::kZstd).value();
  const std::string value(encoded.Seal(PayloadId(1)));
  CHECK_EQ(value.front(), 2);
  CHECK_EQ(Hex(value.substr(5)),
           "00 01 00 00 02 64 62 00 00 00 07 54 6f 6b 65 6e 20 74 00 00 00 02 00 00 00 10 "
           "6d 20 76 3d 31 20 31 0a 6d 20 76 3d 32 20 32 0a");
  CHECK(Decode(PayloadId(1), value).value() == record);
  CHECK(DecodeParams(PayloadId(1), value).value() == record.params);
  std::string as_first = value;
  as_first[0] = 1;  // The version is not guessed from the bytes behind it.
  CHECK(!Decode(PayloadId(1), as_first).ok());
  record.params.credentials = ClientCredentials(std::string(65'536, 'x'));
  CHECK(!Encode(record, Codec::kZstd).ok());
}

TEST_CASE(
    "format: a dead letter with a client's credentials is of version 2, others of version 1") {
  const std::string key = DeadKey(BackendNumber(7), 9);
  DeadLetter letter;
  letter.params.database = "db";
  letter.lines = "m v=1 1\n";
  CHECK_EQ(EncodeDead(key, letter).front(), 1);
  letter.params.credentials = ClientCredentials("Basic YTpi");
  const std::string value = EncodeDead(key, letter);
  CHECK_EQ(value.front(), 2);
  CHECK(DecodeDead(key, value).value() == letter);
  for (std::size_t size = 0; size < value.size(); ++size) {
    CHECK(!DecodeDead(key, value.substr(0, size)).ok());
  }
}

TEST_CASE("format: every single flipped bit of a value is noticed") {
  const std::string key = EntryKey(BackendNumber(7), Sequence(9));
  const std::string entry = EncodeEntry(key, Entry());
  EncodedRecord encoded = Encode(NumberedRecord(1, 40), Codec::kZstd).value();
  const std::string payload(encoded.Seal(PayloadId(3)));
  const auto flipped = [](std::string bytes, std::size_t bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    return bytes;
  };
  for (std::size_t bit = 0; bit < 8 * entry.size(); ++bit) {
    CHECK_EQ(DecodeEntry(key, flipped(entry, bit)).error().code(), ErrorCode::kCorruption);
  }
  for (std::size_t bit = 0; bit < 8 * payload.size(); ++bit) {
    CHECK_EQ(Decode(PayloadId(3), flipped(payload, bit)).error().code(), ErrorCode::kCorruption);
  }
}

TEST_CASE("format: every cut of a value is noticed") {
  const std::string key = DeadKey(BackendNumber(7), 9);
  DeadLetter letter;
  letter.message = "words";
  letter.lines = "m v=1 1\n";
  const std::string value = EncodeDead(key, letter);
  CHECK(DecodeDead(key, value).value() == letter);
  for (std::size_t size = 0; size < value.size(); ++size) {
    CHECK(!DecodeDead(key, value.substr(0, size)).ok());
  }
}

TEST_CASE("format: lines that zstd makes smaller are stored smaller, others plain") {
  EncodedRecord large = Encode(NumberedRecord(1, 1000), Codec::kZstd).value();
  CHECK_LT(large.size().stored.count(), large.size().bytes.count() / 2);
  CHECK(Decode(PayloadId(1), large.Seal(PayloadId(1))).value() == NumberedRecord(1, 1000));
  EncodedRecord plain = Encode(NumberedRecord(1, 1000), Codec::kNone).value();
  CHECK_GT(plain.size().stored, plain.size().bytes);
  CHECK(Decode(PayloadId(1), plain.Seal(PayloadId(1))).value() == NumberedRecord(1, 1000));
}

// Returns the stored codec of the lines.
int CodecOf(EncodedRecord& encoded) {
  constexpr std::size_t kCodecAt = 5;
  return encoded.Seal(PayloadId(1))[kCodecAt];
}

TEST_CASE(
    "format: lines that columns make smaller are stored as columns, others by zstd or plain") {
  EncodedRecord columns = Encode(NumberedRecord(1, 1000), Codec::kColumns).value();
  CHECK_EQ(CodecOf(columns), 2);
  CHECK(Decode(PayloadId(1), columns.Seal(PayloadId(1))).value() == NumberedRecord(1, 1000));
  EncodedRecord zstd = Encode(NumberedRecord(1, 1000), Codec::kZstd).value();
  CHECK_EQ(CodecOf(zstd), 1);
  CHECK_LT(columns.size().stored.count(), zstd.size().stored.count() / 2);

  Record word;
  word.points = 1;
  word.lines = "m s=\"" + std::string(200, 'a') + "\" 1\n";
  EncodedRecord one_line = Encode(word, Codec::kColumns).value();
  CHECK_EQ(CodecOf(one_line), 1);
  CHECK(Decode(PayloadId(1), one_line.Seal(PayloadId(1))).value() == word);
  EncodedRecord few_lines = Encode(NumberedRecord(1, 7), Codec::kColumns).value();
  CHECK_EQ(CodecOf(few_lines), 1);
  EncodedRecord more_lines = Encode(NumberedRecord(1, 8), Codec::kColumns).value();
  CHECK_EQ(CodecOf(more_lines), 2);
  EncodedRecord short_line = Encode(NumberedRecord(1), Codec::kColumns).value();
  CHECK_EQ(CodecOf(short_line), 0);
  CHECK(Decode(PayloadId(1), short_line.Seal(PayloadId(1))).value() == NumberedRecord(1));
}

TEST_CASE("crc32c: has the check value of RFC 3720 and both ways agree") {
  CHECK_EQ(Crc32c("123456789"), 0xE3069283U);
  CHECK_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);
  std::string text;
  for (int i = 0; i < 100; ++i) {
    CHECK_EQ(Crc32c(text), ExtendCrc32cByTable(0, text));
    CHECK_EQ(ExtendCrc32c(Crc32c(text), "tail"), Crc32c(text + "tail"));
    text += static_cast<char>(i * 7);
  }
}

}  // namespace
}  // namespace relay::test::wal_record_rows_test
