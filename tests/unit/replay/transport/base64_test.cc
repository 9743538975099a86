#include "replay/transport/base64.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace relay::test::replay_transport_base64_test {
namespace {

TEST_CASE("base64: the examples of RFC 4648 are encoded and decoded") {
  constexpr std::pair<const char*, const char*> kExamples[] = {
      {"f", "Zg=="},        {"fo", "Zm8="},        {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
  };
  CHECK_EQ(EncodeBase64(""), "");
  for (const auto& [plain, encoded] : kExamples) {
    CHECK_EQ(EncodeBase64(plain), encoded);
    CHECK(DecodeBase64(encoded) == plain);
  }
  CHECK(DecodeBase64("Zm8") == "fo");  // Padding is optional.
}

TEST_CASE("base64: bytes of any value survive") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  CHECK(DecodeBase64(EncodeBase64(bytes)) == bytes);
  CHECK_EQ(EncodeBase64("\xff\xef\xfe"), "/+/+");
}

TEST_CASE("base64: invalid or too long text is refused") {
  for (const std::string& text :
       {std::string(), std::string("===="), std::string("Zm9v!"), std::string(20'000, 'A')}) {
    CAPTURE(text);
    CHECK_FALSE(DecodeBase64(text));
  }
}

}  // namespace
}  // namespace relay::test::replay_transport_base64_test
