// Measures how fast a relay catches up its backends if these cost nothing: the
// limit of reading, decoding, joining and sending, beside the rate at which the
// same relay accepts. A relay that drains more slowly than it accepts would
// never catch a backend up.
#include <fmt/format.h>

#include <stdexcept>

#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/bench/sample_lines.h"
#include "tests/bench/sinks.h"
#include "tests/bench/wrk.h"
#include "tests/support/eventually.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"

namespace relay::bench {
namespace {

using test::RelayProcess;

constexpr double kAim = 2e6;
constexpr double kMemoryLimitMib = 300;

QueueStats FiguresOfFirst(const RelayProcess& relay) {
  return test::StatusOf(relay, Sinks::Names().front()).figures;
}

// Returns points a second, while nothing is delivered.
double Fill(const RelayProcess& relay, const WrkLoad& load, PointCount points) {
  double seconds = 0;
  while (FiguresOfFirst(relay).owed.points < points) {
    const WrkFigures run = RunWrk(load);
    if (run.accepted() == 0) throw std::runtime_error("the relay accepts nothing");
    seconds += run.seconds;
  }
  return static_cast<double>(FiguresOfFirst(relay).owed.points) / seconds;
}

struct Drained {
  double points_per_second = 0;  // Sent to each of the backends.
  double cpu_us_per_point = 0;   // The relay's, for each point to each backend.
  double peak_memory_mib = 0;
};

// Measures from the first batch delivered: when the relay retries after an
// outage depends on its back-off.
Drained Drain(RelayProcess& relay, Sinks& sinks, std::size_t backends) {
  const PointCount owed = FiguresOfFirst(relay).owed.points;
  const double cpu_before = StatsOf(relay.process().pid()).cpu_seconds;
  sinks.Open();
  PointCount at_start = 0;
  const bool begins = test::Eventually(test::kPatience, [&] {
    at_start = FiguresOfFirst(relay).delivered;
    return at_start > 0;
  });
  if (!begins) throw std::runtime_error("nothing is delivered");
  const SteadyClock::time_point start = SteadyClock::now();
  if (!relay.WaitDrained(std::chrono::minutes(10))) throw std::runtime_error("it never drains");
  const double seconds = SecondsSince(start);
  const ProcessFigures figures = StatsOf(relay.process().pid());
  const auto sent = static_cast<double>(owed * backends);
  return {.points_per_second = static_cast<double>(owed - at_start) / seconds,
          .cpu_us_per_point = 1e6 * (figures.cpu_seconds - cpu_before) / sent,
          .peak_memory_mib = static_cast<double>(figures.peak_memory_kib) / 1024};
}

int Main(int argc, char** argv) {
  const Options options("A relay catches up backends that cost nothing.",
                        {{"points", "5000000", "how many points each backend missed"},
                         {"lines", "100", "lines of one accepted write"},
                         {"connections", "64", "clients that write at the same time"},
                         {"backends", "1", "1 or 2, that come back at the same time"},
                         {"rounds", "3", "each with an empty log; the median counts"},
                         {"dir", "", "where the log is; $TMPDIR, or else the current directory"}},
                        argc, argv);
  const std::size_t backends = options.Count("backends") == 2 ? 2 : 1;
  PrintConditions(ScratchDir(options.Text("dir")).path());
  std::vector<double> accepted;
  std::vector<double> drained;
  for (unsigned round = 0; round < options.Count("rounds"); ++round) {
    const ScratchDir directory(options.Text("dir"));
    const std::string bodies_path = directory.path() + "/bodies";
    test::WriteFile(bodies_path, SampleLines(0, 20'000));
    Sinks sinks;
    RelayProcess::Settings settings = sinks.Settings();
    settings.backends.resize(backends);
    RelayProcess relay(directory.path(), settings);
    accepted.push_back(Fill(relay,
                            {.server = relay.endpoint(),
                             .bodies_path = bodies_path,
                             .lines = options.Count("lines"),
                             .connections = options.Count("connections")},
                            options.Count("points")));
    const Drained result = Drain(relay, sinks, backends);
    drained.push_back(result.points_per_second);
    fmt::print(
        "accepted {:.0f} points/s, drained {:.0f} points/s to each of {} (aim {:.0f}); relay, "
        "draining: {:.3f} us of CPU a point, peak {:.0f} MiB (limit {:.0f})\n",
        accepted.back(), drained.back(), backends, kAim, result.cpu_us_per_point,
        result.peak_memory_mib, kMemoryLimitMib);
  }
  fmt::print("drained / accepted: {:.2f} (aim: above 1)\n", Median(drained) / Median(accepted));
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
