// A real influxd that was down catches up through the relay, compared with the
// same lines in the same batches loaded directly into one: the relay's cost of
// catching up.
#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "replay/transport/http_transport.h"
#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/bench/sample_lines.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"

namespace relay::bench {
namespace {

using test::Influxd;
using test::RelayProcess;

constexpr unsigned kBatchPoints = 10'000;  // The relay's own default.
constexpr unsigned kWritePoints = 1'000;   // Points in one client's write.
constexpr double kAim = 0.95;

struct Work {
  unsigned points = 0;
  std::string parent;  // The parent of all directories.
  std::string gzip;    // "none" or "gzip".
};

// An influxd with an empty database, in a directory of its own.
struct Server {
  explicit Server(const std::string& parent) : directory(parent), influxd(directory.path()) {
    influxd.CreateDatabase("metrics");
  }

  void CheckHolds(unsigned points) const {
    const std::uint64_t stored = influxd.CountPoints("metrics", kMeasurement, kField);
    if (stored == points) return;
    throw std::runtime_error(fmt::format("influxd holds {} of {} points", stored, points));
  }

  static constexpr const char* kMeasurement = "cpu";
  static constexpr const char* kField = "usage_user";

  ScratchDir directory;
  Influxd influxd;
};

// Returns points a second, the batches sent one after the other on one connection.
double LoadDirectly(const Work& work) {
  const Server server(work.parent);
  HttpTransportOptions options;
  options.peer = {.host = "127.0.0.1", .port = server.influxd.endpoint().port};
  options.gzip = work.gzip == "gzip";
  options.timeout = std::chrono::minutes(1);
  const auto transport = MakeHttpTransport(options);
  double seconds = 0;
  for (unsigned sent = 0; sent < work.points; sent += kBatchPoints) {
    const std::string lines = SampleLines(sent, std::min(kBatchPoints, work.points - sent));
    const SteadyClock::time_point start = SteadyClock::now();
    const Result<Reply> reply = transport->Send({{.database = "metrics"}, lines});
    seconds += SecondsSince(start);
    if (!reply.ok() || reply.value().http_status != 204) throw std::runtime_error("not loaded");
  }
  server.CheckHolds(work.points);
  return work.points / seconds;
}

void Fill(const RelayProcess& relay, unsigned points) {
  for (unsigned sent = 0; sent < points; sent += kWritePoints) {
    const std::string lines = SampleLines(sent, std::min(kWritePoints, points - sent));
    if (relay.Write("metrics", lines).status != 204) throw std::runtime_error("not accepted");
  }
}

struct CaughtUp {
  double points_per_second = 0;
  double relay_cpu_seconds = 0;
  double peak_memory_mib = 0;
};

// Measures from the first batch delivered: when the relay retries after an
// outage depends on its back-off.
CaughtUp CatchUp(const Work& work) {
  Server server(work.parent);
  server.influxd.Kill();
  const ScratchDir directory(work.parent);
  RelayProcess relay(directory.path(),
                     {.backends = {{"a", server.influxd.Url(), {"compress: " + work.gzip}}}});
  Fill(relay, work.points);
  const auto delivered = [&relay] { return test::StatusOf(relay, "a").figures.delivered; };
  const double cpu_before = StatsOf(relay.process().pid()).cpu_seconds;
  server.influxd.Start();
  PointCount at_start = 0;
  while (at_start == 0) at_start = delivered();
  const SteadyClock::time_point start = SteadyClock::now();
  if (!relay.WaitDrained(std::chrono::hours(1))) throw std::runtime_error("it does not catch up");
  const double seconds = SecondsSince(start);
  server.CheckHolds(work.points);
  const ProcessFigures figures = StatsOf(relay.process().pid());
  return {.points_per_second = static_cast<double>(work.points - at_start) / seconds,
          .relay_cpu_seconds = figures.cpu_seconds - cpu_before,
          .peak_memory_mib = static_cast<double>(figures.peak_memory_kib) / 1024};
}

int Main(int argc, char** argv) {
  const Options options(
      "A real influxd catches up, beside the same batches loaded directly.",
      {{"points", "200000", "how many points it missed"},
       {"rounds", "3", "in turns; the median counts"},
       {"compress", "none", "none or gzip"},
       {"dir", "", "where the files are; $TMPDIR, or else the current directory"}},
      argc, argv);
  const Work work{.points = options.Count("points"),
                  .parent = options.Text("dir"),
                  .gzip = options.Text("compress")};
  PrintConditions(ScratchDir(work.parent).path());
  std::vector<double> direct;
  std::vector<double> through;
  for (unsigned round = 0; round < options.Count("rounds"); ++round) {
    direct.push_back(LoadDirectly(work));
    const CaughtUp caught_up = CatchUp(work);
    through.push_back(caught_up.points_per_second);
    fmt::print(
        "directly {:.0f} points/s, through the relay {:.0f}; relay: {:.2f} us of CPU a point, "
        "peak {:.0f} MiB\n",
        direct.back(), through.back(), 1e6 * caught_up.relay_cpu_seconds / work.points,
        caught_up.peak_memory_mib);
  }
  fmt::print("through the relay / directly: {:.2f} (aim {:.2f})\n",
             Median(through) / Median(direct), kAim);
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
