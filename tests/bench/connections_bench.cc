// Thousands of idle connections beside active ones: memory for each, and
// whether the active ones are slowed.
#include <fmt/format.h>
#include <sys/resource.h>

#include <memory>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/bench/sample_lines.h"
#include "tests/bench/sinks.h"
#include "tests/bench/wrk.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/socket.h"

namespace relay::bench {
namespace {

using test::RelayProcess;

void AllowDescriptors(rlim_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < count) throw std::runtime_error("too few descriptors (ulimit -n)");
  limit.rlim_cur = std::max(limit.rlim_cur, count);
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::uint64_t ResidentKib(pid_t pid) {
  return NumberAfter(test::ReadFile(fmt::format("/proc/{}/status", pid)), "VmRSS:");
}

void Print(std::string_view what, const WrkFigures& wrk) {
  fmt::print("{:<28} {:>10.0f} requests/s, p50 {:.2f} ms, p99 {:.2f} ms, max {:.0f} ms\n", what,
             static_cast<double>(wrk.requests) / wrk.seconds, wrk.p50_ms, wrk.p99_ms, wrk.max_ms);
  std::fflush(stdout);
}

// Connects clients that have written once and stay connected for the next time.
std::vector<std::unique_ptr<test::RawConnection>> ConnectIdle(const RelayProcess& relay,
                                                              unsigned count) {
  std::vector<std::unique_ptr<test::RawConnection>> idle;
  for (unsigned i = 0; i < count; ++i) {
    idle.push_back(std::make_unique<test::RawConnection>(relay.endpoint()));
    idle.back()->Send(
        "POST /write?db=metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nidle v=1\n");
    const test::Received answer = idle.back()->ReadUntil("\r\n\r\n");
    if (!answer.bytes.starts_with("HTTP/1.1 204")) throw std::runtime_error(answer.bytes);
  }
  return idle;
}

int Main(int argc, char** argv) {
  const Options options("Idle connections beside active ones.",
                        {{"idle", "10000", "connections that have written once"},
                         {"connections", "16", "that write one line at a time, without a pause"},
                         {"seconds", "5", "measured, each time"},
                         {"dir", "", "where the log is; $TMPDIR, or else the current directory"}},
                        argc, argv);
  const unsigned count = options.Count("idle");
  AllowDescriptors(count + 1'000);
  Sinks sinks;
  sinks.Open();
  const ScratchDir directory(options.Text("dir"));
  PrintConditions(directory.path());
  RelayProcess::Settings settings = sinks.Settings();
  settings.http = {"idle_time: 10min"};
  settings.top = "limits: {connections_per_address: 100000, connections: 100000}\n";
  RelayProcess relay(directory.path(), settings);
  WrkLoad load{.server = relay.endpoint(),
               .bodies_path = directory.path() + "/bodies",
               .connections = options.Count("connections"),
               .seconds = options.Count("seconds")};
  test::WriteFile(load.bodies_path, SampleLines(0, 20'000));
  RunWrk(load);  // Warms up.
  Print("without idle connections", RunWrk(load));
  relay.WaitDrained();
  const std::uint64_t before = ResidentKib(relay.process().pid());
  const auto idle = ConnectIdle(relay, count);
  relay.WaitDrained();
  const std::uint64_t after = ResidentKib(relay.process().pid());
  Print(fmt::format("beside {} idle ones", count), RunWrk(load));
  fmt::print("memory: {:.1f} KiB for an idle connection ({} to {} MiB resident)\n",
             (static_cast<double>(after) - static_cast<double>(before)) / count, before / 1024,
             after / 1024);
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
