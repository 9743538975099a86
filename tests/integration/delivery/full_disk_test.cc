// The relay's own disk: a small one, and a really full one.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/small_disk.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_full_disk_test {
namespace {

constexpr milliseconds kDrain{120'000};

// A relay whose log is on a disk of its own, with the default limits.
struct OnDisk {
  explicit OnDisk(std::size_t mebibytes) : disk(Made(directory.path() + "/log"), mebibytes) {}

  static const std::string& Made(const std::string& path) {
    std::filesystem::create_directories(path);
    return path;
  }

  TempDir directory;
  TempDir server_directory;
  SmallDisk disk;
};

std::string Lines(int first, int count) {
  static std::mt19937_64 random(7);
  std::string lines;
  for (int i = first; i < first + count; ++i) {
    std::string text;
    while (text.size() < 8'000) text += fmt::format("{:016x}", random());
    lines += fmt::format("m v={},s=\"{}\" {}\n", i, text, 1 + i);
  }
  return lines;
}

std::size_t FreeOn(const std::string& directory) {
  return std::filesystem::space(directory).available;
}

TEST_CASE("full disk: a small volume takes writes with the default limits, and says which") {
  const OnDisk place(1'024);
  if (!place.disk.is_mounted()) {
    MESSAGE("SKIPPED: mounting a small disk needs root's rights");
    return;
  }
  Influxd server(place.server_directory.path());
  server.CreateDatabase("metrics");
  const RelayProcess relay(place.directory.path(), {.backends = {{"a", server.Url()}}});
  CHECK_EQ(relay.Write("metrics", "m v=1 1\n").status, 204);
  CHECK(relay.WaitDrained());
  const RunResult checked = Run({RelayBinary(), "check-config", relay.config_path()});
  CHECK_EQ(checked.exit_code, 0);
  INFO(checked.output);
  CHECK_NE(checked.output.find("min_free 102.4 MiB of a file system of 1.0 GiB"),
           std::string::npos);
  CHECK_NE(relay.Output().find("min_free"), std::string::npos);

  place.disk.FillBut(50 << 20);
  REQUIRE(Eventually(kPatience, [&] { return relay.Write("metrics", "m v=1 2\n").status == 503; }));
  CHECK_NE(relay.Write("metrics", "m v=1 2\n").body.find("log.min_free"), std::string::npos);
}

TEST_CASE("full disk: with nothing free the log opens, delivers what it holds, and makes room") {
  const OnDisk place(512);
  if (!place.disk.is_mounted()) {
    MESSAGE("SKIPPED: mounting a small disk needs root's rights");
    return;
  }
  const std::string log = place.directory.path() + "/log";
  Influxd server(place.server_directory.path());
  server.CreateDatabase("metrics");
  RelayProcess relay(place.directory.path(), {.backends = {{"a", server.Url()}}});
  REQUIRE(Eventually(kPatience, [&] { return std::filesystem::exists(log + "/reserve"); }));
  server.Kill();
  int written = 0;
  for (int i = 0; i < 400; ++i, written += 100) {
    REQUIRE_EQ(relay.Write("metrics", Lines(i * 100, 100)).status, 204);
  }
  place.disk.FillBut(0);
  for (int i = 0; i < 20; ++i) {
    if (relay.Write("metrics", Lines(written, 100)).status == 204) written += 100;
  }
  relay.Kill();
  CHECK_LT(FreeOn(log), 1 << 20);

  // It is not ready for writes: the disk is full.
  Process full({.argv = {RelayBinary(), "serve", "--config", relay.config_path()},
                .environment = {},
                .output_path = place.directory.path() + "/full.out"});
  REQUIRE(Eventually(kPatience,
                     [&] { return relay.Status().find("\"backends\"") != std::string::npos; }));
  CHECK_EQ(relay.Write("metrics", "m v=1 1\n").status, 503);
  server.Start();
  CHECK(relay.WaitDrained(kDrain));
  CHECK_GE(server.CountPoints("metrics", "m", "v"), written);
  // Delivered records are deleted, so that the log takes writes again.
  INFO(full.Output());
  INFO(FreeOn(log));
  CHECK(Eventually(kDrain, [&] { return relay.Write("metrics", "m v=1 1\n").status == 204; }));
  CHECK_EQ(StatusOf(relay, "a").figures.unaccounted(), 0);
  full.Kill(SIGTERM);
  CHECK_EQ(full.WaitFor(kPatience), 0);
}

}  // namespace
}  // namespace relay::test::integration_delivery_full_disk_test
