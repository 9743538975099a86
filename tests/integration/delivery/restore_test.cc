// A backend lost its data and was restored from last night's backup: the relay
// writes again everything since, and nothing is missing.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "relay/base/human_format.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/two_servers.h"

namespace relay::test::integration_delivery_restore_test {
namespace {

WallTime Now() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

void WriteSome(const RelayProcess& relay, int first, int last) {
  for (int i = first; i <= last; ++i) {
    const std::string lines =
        fmt::format("cpu,host=a v={0} {0}\nmem,host=b v={0},free={0}i {0}", i);
    REQUIRE_EQ(relay.Write("metrics", lines).status, 204);
  }
}

TEST_CASE("restore: rewound to the backup's time, a restored backend equals the other") {
  TwoServers both;
  const TempDir backup;
  WriteSome(both.relay, 1, 20);
  REQUIRE(both.relay.WaitDrained());
  const std::string when = ToRfc3339(Now());
  const RunResult saved = Run({"influxd", "backup", "-portable", "-host",
                               fmt::format("127.0.0.1:{}", both.b.rpc_endpoint().port), "-database",
                               "metrics", backup.path()});
  REQUIRE_MESSAGE(saved.exit_code == 0, saved.output);

  WriteSome(both.relay, 21, 40);
  REQUIRE(both.relay.WaitDrained());
  both.b.Query("", "DROP DATABASE metrics");
  WriteSome(both.relay, 41, 50);
  CHECK(Eventually(kPatience, [&] { return StatusOf(both.relay, "b").figures.held.points == 20; }));

  const RunResult restored = Run({"influxd", "restore", "-portable", "-host",
                                  fmt::format("127.0.0.1:{}", both.b.rpc_endpoint().port), "-db",
                                  "metrics", backup.path()});
  REQUIRE_MESSAGE(restored.exit_code == 0, restored.output);
  const RunResult rewound = Run({RelayBinary(), "rewind", "--backend", "b", "--to", when, "--yes",
                                 "--config", both.relay.config_path()});
  REQUIRE_MESSAGE(rewound.exit_code == 0, rewound.output);
  REQUIRE(both.relay.WaitDrained(2 * kPatience));

  CHECK_EQ(both.b.ReadPoints("metrics", "cpu").size(), 50);
  for (const std::string measurement : {"cpu", "mem"}) {
    CHECK(both.a.ReadPoints("metrics", measurement) == both.b.ReadPoints("metrics", measurement));
  }
  const QueueStats figures = StatusOf(both.relay, "b").figures;
  CHECK_EQ(figures.unaccounted(), 0);
  CHECK_GE(figures.rewound, 40);
}

}  // namespace
}  // namespace relay::test::integration_delivery_restore_test
