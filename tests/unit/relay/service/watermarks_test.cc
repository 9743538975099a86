#include "relay/service/watermarks.h"

#include <doctest/doctest.h>

#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"
#include "tests/support/temp_dir.h"

namespace relay::test::unit_relay_service_watermarks_test {
namespace {

const Marks kMarks{Sequence(100), Sequence(900), Sequence(900)};

DivergenceReport Reported(Divergence divergence, std::uint64_t from,
                          const std::string& other = "") {
  const LaneDivergence diverged{At(5), divergence, Sequence(from), other};
  const MarkStatus status{.diverged = std::pair(Lane{"metrics", ""}, diverged)};
  return ReportOf(kWest, status, kMarks).diverged.value();
}

TEST_CASE("watermarks: each divergence is described, with the command that mends it") {
  const DivergenceReport back = Reported(Divergence::kPutBack, 500);
  CHECK_EQ(back.kind, "put back");
  CHECK_EQ(back.reason,
           "database \"metrics\" was put back to an older state: points that were delivered after "
           "record 500 may be missing");
  CHECK_EQ(back.remedy, "influxdb-relay rewind --backend west --to 500");
  CHECK_EQ(back.from, Sequence(500));
  CHECK_EQ(Reported(Divergence::kGone, 100).remedy,
           "create it, then influxdb-relay rewind --backend west --to 100");
  const DivergenceReport swapped = Reported(Divergence::kSwapped, 100, "the backend east");
  CHECK_EQ(swapped.reason,
           "database \"metrics\" has the marks of the backend east: another server answers at this "
           "URL");
  CHECK(swapped.remedy.starts_with("correct the url; "));
}

TEST_CASE("watermarks: what is no longer kept is named") {
  CHECK_EQ(Reported(Divergence::kEmptied, 0).remedy,
           "influxdb-relay rewind --backend west --to 0 --partial; records 1 to 100 are no longer "
           "kept: copy their points from another backend, and see with `influxdb-relay compare` "
           "what is missing");
  CHECK_EQ(Reported(Divergence::kEmptied, 100).remedy,
           "influxdb-relay rewind --backend west --to 100");
}

TEST_CASE("watermarks: backends that cannot be asked are known by their configuration") {
  BackendConfig backend{.name = kWest, .url = {.host = "localhost", .port = 8086}};
  CHECK_EQ(WhyNotWatched(backend), "");
  BackendConfig off = backend;
  off.watermarks = false;
  CHECK_EQ(WhyNotWatched(off), "watermarks: false");
  BackendConfig v3 = backend;
  v3.api = Api::kV3;
  CHECK(WhyNotWatched(v3).find("v3") != std::string::npos);
  BackendConfig prometheus = backend;
  prometheus.api = Api::kPrometheus;
  CHECK(WhyNotWatched(prometheus).find("prometheus") != std::string::npos);
  BackendConfig packets = backend;
  packets.url.udp = true;
  CHECK(WhyNotWatched(packets).find("UDP") != std::string::npos);
  BackendConfig bucket = backend;
  bucket.bucket = "all";
  CHECK(WhyNotWatched(bucket).find("bucket") != std::string::npos);
}

TEST_CASE("watermarks: backends come and go; one that is not watched says why") {
  MemoryLog log({kWest, kEast});
  SystemClock clock;
  const TempDir directory;
  Audit audit(directory.path());
  Watermarks watermarks(
      {.log = log, .audit = audit, .clock = clock, .log_path = directory.path(), .log_id = "l"});
  CHECK_FALSE(watermarks.ReportOf(kWest));
  CHECK_EQ(watermarks.Acknowledge(kWest, true).error().code(), ErrorCode::kNotFound);
  BackendConfig off{.name = kWest, .url = {.host = "localhost", .port = 1}};
  off.watermarks = false;
  watermarks.Put(off);
  CHECK_EQ(watermarks.ReportOf(kWest)->why, "watermarks: false");
  CHECK_EQ(watermarks.KeeperOf(kWest), nullptr);
  watermarks.Put({.name = kWest, .url = {.host = "localhost", .port = 1}});
  REQUIRE(watermarks.KeeperOf(kWest));
  CHECK(watermarks.ReportOf(kWest)->watched);
  CHECK_EQ(watermarks.Acknowledge(kWest, true).error().code(), ErrorCode::kConflict);
  watermarks.Remove(kWest);
  CHECK_FALSE(watermarks.ReportOf(kWest));
}

}  // namespace
}  // namespace relay::test::unit_relay_service_watermarks_test
