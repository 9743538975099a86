// The way of a write through relays: its header, and its stored form.
#include "wal/record/hops.h"

#include <doctest/doctest.h>

#include "wal/record/record.h"

namespace relay::test::wal_record_hops_test {
namespace {

TEST_CASE("hops: each relay adds itself behind those before") {
  CHECK_EQ(WithHop("", "a"), "a");
  CHECK_EQ(WithHop("a, b", "c"), "a, b, c");
  CHECK_EQ(HopsOf(" a,b ,\tc", "d").value(), "a, b, c");
}

TEST_CASE("hops: a write that has passed the relay is a loop, wherever it stands") {
  for (const std::string header : {"d", "d, b", "a, d", "a,b,d"}) {
    const auto hops = HopsOf(header, "d");
    CHECK_EQ(hops.error().code(), ErrorCode::kConflict);
    CHECK_NE(hops.error().message().find("loop: "), std::string::npos);
  }
  CHECK(HopsOf("dd", "d").ok());
}

TEST_CASE("hops: eight relays are enough, a ninth is a loop") {
  CHECK(HopsOf("1,2,3,4,5,6,7,8", "x").ok());
  CHECK_EQ(HopsOf("1,2,3,4,5,6,7,8,9", "x").error().code(), ErrorCode::kConflict);
}

TEST_CASE("hops: what is no list of ids is refused") {
  for (const std::string& header :
       {std::string(" "), std::string("a,,b"), std::string("a\x01"), std::string(65, 'a')}) {
    CHECK_EQ(HopsOf(header, "x").error().code(), ErrorCode::kInvalidInput);
  }
}

TEST_CASE("hops: they are stored with the write, beside credentials or without") {
  for (const std::string credentials : {"", "Token t"}) {
    Record record;
    record.params.database = "d";
    record.params.hops = "a, b";
    record.params.credentials = ClientCredentials(credentials);
    record.points = 1;
    record.lines = "m v=1 1\n";
    EncodedRecord encoded = Encode(record, Codec::kZstd).value();
    const std::string_view value = encoded.Seal(PayloadId(1));
    CHECK_EQ(value[0], 3);
    CHECK(Decode(PayloadId(1), value).value() == record);
    CHECK_EQ(DecodeParams(PayloadId(1), value).value().hops, "a, b");
  }
}

}  // namespace
}  // namespace relay::test::wal_record_hops_test
