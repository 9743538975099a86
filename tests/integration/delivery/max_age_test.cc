// A backend that was away for too long gets what is still worth delivering.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <string>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_max_age_test {
namespace {

using Json = nlohmann::json;

TEST_CASE("max age: what a backend missed for too long is dropped, and said everywhere") {
  TempDir directory;
  FakeBackend patient;
  FakeBackend hurried;
  RelayProcess relay(directory.path(), {.backends = {{"patient", patient.Url()},
                                                     {"hurried", hurried.Url(), {"max_age: 2s"}}}});
  patient.Refuse();
  hurried.Refuse();
  REQUIRE_EQ(relay.Write("d", "m v=1 1\nm v=2 2\n").status, 204);
  REQUIRE(Eventually(kPatience, [&] { return StatusOf(relay, "hurried").figures.dropped == 2; }));
  CHECK_EQ(StatusOf(relay, "patient").figures.owed.points, 2);
  const Json gaps = Json::parse(Get(relay.admin(), "/api/v1/gaps?backend=hurried").body).at("gaps");
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps.at(0).at("reason"), "too old");
  CHECK_EQ(gaps.at(0).at("points"), 2);
  // The event follows the change that the status shows.
  CHECK(Eventually(kPatience, [&] {
    return relay.Output().find("points dropped: older than max_age") != std::string::npos;
  }));

  patient.Listen();
  hurried.Listen();
  REQUIRE_EQ(relay.Write("d", "m v=3 3\n").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(StatusOf(relay, "hurried").figures.delivered, 1);
  CHECK_EQ(StatusOf(relay, "patient").figures.delivered, 3);
  for (const std::string backend : {"hurried", "patient"}) {
    CHECK_EQ(StatusOf(relay, backend).figures.unaccounted(), 0);
  }
}

}  // namespace
}  // namespace relay::test::integration_delivery_max_age_test
