#include "relay/compare/scope.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::unit_relay_compare_scope_test {
namespace {

BackendConfig Backend(const std::string& name, std::uint16_t port) {
  return {.name = BackendId::Parse(name).value(), .url = {.host = "h", .port = port}};
}

std::string WhyNot(const BackendConfig& a, const BackendConfig& b) {
  const Status status = CheckComparable(a, b);
  return status.ok() ? "" : status.error().message();
}

TEST_CASE("compare: backends that cannot be compared are named with the reason") {
  const BackendConfig a = Backend("a", 1);
  CHECK_EQ(WhyNot(a, Backend("b", 2)), "");
  CHECK_EQ(WhyNot(a, a), "a is compared with itself: name two backends");
  CHECK_EQ(WhyNot(a, Backend("b", 1)), "a and b are the same server");
  BackendConfig b = Backend("b", 2);
  b.url.udp = true;
  CHECK_EQ(WhyNot(a, b), "b gets UDP packets and cannot be asked");
  b = Backend("b", 2);
  b.api = Api::kV3;
  CHECK_EQ(WhyNot(b, a), "b has api v3: InfluxDB 3 cannot be compared yet");
  b = Backend("b", 2);
  b.only.tags = {"host=a*"};
  CHECK_EQ(WhyNot(a, b), "b is selected points by their tags, which cannot be compared yet");
}

TEST_CASE("compare: what a backend is not meant to get is left out") {
  BackendConfig b = Backend("b", 2);
  CHECK_EQ(WhyLeftOut(b, {"metrics", "week", "cpu"}), "");
  b.only.databases = {"metrics"};
  b.only.measurements = {"cpu*", "/^mem$/"};
  CHECK_EQ(WhyLeftOut(b, {"metrics", "", ""}), "");
  CHECK_EQ(WhyLeftOut(b, {"other", "", ""}), "other is left out: b does not get this database");
  CHECK_EQ(WhyLeftOut(b, {"metrics", "week", "cpu0"}), "");
  CHECK_EQ(WhyLeftOut(b, {"metrics", "week", "memory"}),
           "metrics.week.memory is left out: b does not get this measurement");
  b = Backend("b", 2);
  b.except.databases = {"secret"};
  CHECK_EQ(WhyLeftOut(b, {"metrics", "", ""}), "");
  CHECK_EQ(WhyLeftOut(b, {"secret", "", ""}), "secret is left out: b does not get this database");
  b.except.measurements = {"x"};
  CHECK_EQ(WhyLeftOut(b, {"secret", "", ""}), "");
  CHECK_EQ(WhyLeftOut(b, {"secret", "", "y"}), "");
  CHECK_EQ(WhyLeftOut(b, {"secret", "", "x"}),
           "secret.x is left out: b does not get this measurement");
}

}  // namespace
}  // namespace relay::test::unit_relay_compare_scope_test
