#include "relay/service/expiries.h"

#include <doctest/doctest.h>

namespace relay::test::unit_relay_service_expiries_test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("expiries: the file of policies reads back, and a damaged one counts as none") {
  KnownPolicies known;
  known.asked_at = WallTime(5s);
  known.databases["a \"b\"\n"] = {{.name = "autogen", .duration = 1h, .is_default = true},
                                  {.name = "ever"}};
  known.databases["empty"] = {};
  const std::string text = ToText(known);
  const std::optional<KnownPolicies> back = PoliciesFromText(text);
  REQUIRE(back);
  CHECK_EQ(back->asked_at, known.asked_at);
  CHECK_EQ(ToText(*back), text);
  CHECK_EQ(back->databases.at("a \"b\"\n").at(0).duration, 1h);
  CHECK_FALSE(PoliciesFromText(text.substr(0, text.size() / 2)).has_value());
  CHECK_FALSE(PoliciesFromText("").has_value());
  CHECK_FALSE(PoliciesFromText(R"({"version":2,"asked_ns":1,"databases":[]})").has_value());
}

TEST_CASE("expiries: backends that do not tell their policies are named with the reason") {
  BackendConfig backend{.name = BackendId::Parse("a").value()};
  CHECK_EQ(WhyPoliciesUnknown(backend), "");
  backend.watermarks = false;
  CHECK_EQ(WhyPoliciesUnknown(backend), "watermarks: false");
  backend.watermarks = true;
  backend.api = Api::kV2;
  CHECK_EQ(WhyPoliciesUnknown(backend), "is asked for its retention policies only with api v1");
  backend.api = Api::kV1;
  backend.url.udp = true;
  CHECK_EQ(WhyPoliciesUnknown(backend), "gets UDP packets and cannot be asked");
}

}  // namespace
}  // namespace relay::test::unit_relay_service_expiries_test
