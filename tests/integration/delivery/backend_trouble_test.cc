// An InfluxDB in trouble of its own refuses points that are good: all wait, and arrive once it is
// well again. Its messages are those of a real server with a full disk and without descriptors.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/small_disk.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_backend_trouble_test {
namespace {

constexpr milliseconds kDrain{120'000};
constexpr std::int64_t kWeek = 7 * 24 * 3'600'000'000'000;

// A directory for an influxd whose `part` ("data", "wal") is a small disk.
struct ServerDirectory {
  TempDir directory;
  std::string part;
  SmallDisk disk;

  ServerDirectory(const std::string& name, std::size_t mebibytes)
      : part(directory.path() + "/" + name), disk(Made(part), mebibytes) {}

  static const std::string& Made(const std::string& path) {
    std::filesystem::create_directories(path);
    return path;
  }
};

struct Relayed {
  TempDir directory;
  Influxd& server;
  RelayProcess relay;

  explicit Relayed(Influxd& influxd)
      : server(influxd), relay(directory.path(), {.backends = {{"a", influxd.Url()}}}) {
    server.CreateDatabase("metrics");
  }

  void Write(const std::string& lines) const {
    REQUIRE_EQ(relay.Write("metrics", lines).status, 204);
  }
  QueueStats Now() const { return StatusOf(relay, "a").figures; }
  bool Says(const std::string& reason) const {
    return Eventually(kPatience,
                      [&] { return StatusOf(relay, "a").why.find(reason) != std::string::npos; });
  }
  void CheckAllArrive(std::uint64_t points) const {
    CHECK(relay.WaitDrained(kDrain));
    CHECK_EQ(Now().dead, 0);
    CHECK_EQ(Now().unaccounted(), 0);
    CHECK_EQ(server.CountPoints("metrics", "m", "v"), points);
  }
};

TEST_CASE("backend trouble: a full disk of data refuses new series, and all of them arrive later") {
  const ServerDirectory place("data", 16);
  if (!place.disk.is_mounted()) {
    MESSAGE("SKIPPED: mounting a small disk needs root's rights");
    return;
  }
  Influxd server(place.directory.path());
  const Relayed one(server);
  one.Write("m,host=first v=1 1\n");
  REQUIRE(one.relay.WaitDrained());
  place.disk.FillBut(64 << 10);
  const std::string pad(200, 'x');
  for (int i = 0; i < 30; ++i) {
    std::string lines;
    for (int k = 0; k < 100; ++k)
      lines += fmt::format("m,host=h{}_{},pad={} v=1 {}\n", i, k, pad, k);
    one.Write(lines);
  }
  REQUIRE(one.Says("the backend's disk is full"));
  CHECK_EQ(one.Now().dead, 0);
  place.disk.MakeRoom();
  // influxd 1.6.7 keeps the error of a file that it could not write until it opens it again.
  server.Kill();
  server.Start();
  one.CheckAllArrive(3'001);
}

TEST_CASE("backend trouble: an influxd out of descriptors loses no point of a new shard") {
  const TempDir directory;
  Influxd server(directory.path());
  const Relayed one(server);
  one.Write("m v=1 1\n");
  REQUIRE(one.relay.WaitDrained());
  const auto limit = [&server](rlim_t descriptors) {
    const rlimit set{descriptors, 4'096};
    REQUIRE_EQ(prlimit(server.pid(), RLIMIT_NOFILE, &set, nullptr), 0);
  };
  limit(40);
  for (int i = 1; i <= 60; ++i) one.Write(fmt::format("m v=1 {}\nm v=2 {}\n", i * kWeek, i));
  REQUIRE(one.Says("the backend has too many open files"));
  CHECK_EQ(one.Now().dead, 0);
  limit(4'096);
  one.CheckAllArrive(1 + 60 + 59);  // One point is written twice.
}

TEST_CASE("backend trouble: one shard without room fails while others work, and loses nothing") {
  const TempDir directory;
  Influxd server(directory.path());
  const Relayed one(server);
  one.Write(fmt::format("m v=0 0\nm v=0 {}\n", 2 * kWeek));
  REQUIRE(one.relay.WaitDrained());
  server.Kill();
  const std::string shard = directory.path() + "/wal/metrics/autogen/1";
  REQUIRE(std::filesystem::exists(shard));
  {
    const SmallDisk disk(shard, 1);
    if (!disk.is_mounted()) {
      MESSAGE("SKIPPED: mounting a small disk needs root's rights");
      return;
    }
    disk.FillBut(4 << 10);
    server.Start();
    std::string text;
    for (unsigned i = 0; i < 1'000; ++i) text += fmt::format("{:x}", i * 2'654'435'761U);
    for (int i = 1; i <= 60; ++i) {
      one.Write(fmt::format("m v=1,s=\"{}{}\" {}\nm v=1 {}\n", i, text, i, 2 * kWeek + i));
    }
    REQUIRE(one.Says("the backend's disk is full"));
    CHECK_EQ(one.Now().dead, 0);
    server.Kill();
  }
  server.Start();
  CHECK(one.relay.WaitDrained(kDrain));
  CHECK_EQ(one.Now().dead, 0);
  // The two of before may stand in the WAL that was covered.
  CHECK_GE(server.CountPoints("metrics", "m", "v"), 120);
}

}  // namespace
}  // namespace relay::test::integration_delivery_backend_trouble_test
