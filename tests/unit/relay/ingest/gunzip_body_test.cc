#include "relay/ingest/gunzip_body.h"

#include <doctest/doctest.h>
#include <zlib.h>

namespace relay::test::relay_ingest_gunzip_body_test {
namespace {

std::string Gzip(const std::string& plain) {
  constexpr int kGzipWindow = 15 + 16;
  z_stream stream{};
  REQUIRE_EQ(deflateInit2(&stream, 9, Z_DEFLATED, kGzipWindow, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(plain.size() + 1024, '\0');
  std::string in = plain;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST_CASE("gzip: a member, several members and an empty one are inflated") {
  CHECK_EQ(InflateGzip(Gzip("m v=1\n"), 1_KiB).value(), "m v=1\n");
  CHECK_EQ(InflateGzip(Gzip("m v=1\n") + Gzip("m v=2\n"), 1_KiB).value(), "m v=1\nm v=2\n");
  CHECK_EQ(InflateGzip(Gzip(""), 1_KiB).value(), "");
}

TEST_CASE("gzip: the bound holds for the sum of the members, to the byte") {
  const std::string plain(1000, 'x');
  CHECK_EQ(InflateGzip(Gzip(plain), 1000_B).value().size(), 1000);
  CHECK_EQ(InflateGzip(Gzip(plain), 999_B).error().code(), ErrorCode::kFull);
  CHECK_EQ(InflateGzip(Gzip(plain) + Gzip("y"), 1000_B).error().code(), ErrorCode::kFull);
}

TEST_CASE("gzip: a hundred thousand empty members are as cheap as they are small") {
  const std::string empty = Gzip("");
  std::string body;
  for (int i = 0; i < 100'000; ++i) body += empty;
  CHECK_EQ(InflateGzip(body, 25_MiB).value(), "");
}

TEST_CASE("gzip: beyond the first MiB a ratio over a hundred is refused") {
  const std::string bomb = Gzip(std::string(8U << 20U, '\0'));
  CHECK_EQ(InflateGzip(bomb, 64_MiB).error().code(), ErrorCode::kFull);
  CHECK(InflateGzip(Gzip(std::string(1U << 20U, '\0')), 64_MiB).ok());
}

TEST_CASE("gzip: what a body may inflate to by its size is bounded to the byte") {
  const std::string zeros(4U << 20U, '\0');
  std::size_t most = 1U << 20U;  // Grows in steps, as a size changes its compressed size.
  for (std::size_t step = 1U << 20U; step > 0; step /= 2) {
    const std::size_t more = most + step;
    const bool fits = more <= (1U << 20U) + 100 * Gzip(zeros.substr(0, more)).size();
    if (fits) most = more;
  }
  CHECK_GT(most, 1U << 20U);
  CHECK_EQ(InflateGzip(Gzip(zeros.substr(0, most - 1)), 64_MiB).value().size(), most - 1);
  CHECK_EQ(InflateGzip(Gzip(zeros.substr(0, most)), 64_MiB).value().size(), most);
  CHECK_EQ(InflateGzip(Gzip(zeros.substr(0, most + 1)), 64_MiB).error().code(), ErrorCode::kFull);
}

TEST_CASE("gzip: a bomb is refused at the bound") {
  const std::string bomb = Gzip(std::string(64U << 20U, '\0'));
  CHECK_LT(bomb.size(), 100'000);
  CHECK_EQ(InflateGzip(bomb, 1_MiB).error().code(), ErrorCode::kFull);
}

TEST_CASE("gzip: what is not gzip, is cut or has something behind it is refused") {
  const std::string good = Gzip("m v=1\n");
  std::string flipped = good;
  flipped[12] = static_cast<char>(flipped[12] ^ 0x10);
  for (const std::string& bad :
       {std::string(), std::string("m v=1\n"), good.substr(0, good.size() - 1), good.substr(0, 5),
        good + "x", flipped}) {
    CHECK_EQ(InflateGzip(bad, 1_MiB).error().code(), ErrorCode::kInvalidInput);
  }
}

}  // namespace
}  // namespace relay::test::relay_ingest_gunzip_body_test
