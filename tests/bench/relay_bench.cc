// The whole relay under load: its clients' throughput, how far the backends
// fall behind meanwhile, and its cost, in front of null sinks.
//
// Load generator, relay and sinks share the CPUs of one machine: the figures are
// those of one small machine, not of a relay alone. The generator never pauses,
// so that a run is the worst case: saturation from the first second to the last.
//
// Each cell has a relay of its own, with an empty log, and a warm-up before it
// is measured: memory that the machine touches for the first time is slow.
//
// With the engine jetstream, three servers of NATS and a second relay share the CPUs too.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "tests/bench/figures.h"
#include "tests/bench/nginx_peer.h"
#include "tests/bench/options.h"
#include "tests/bench/sample_lines.h"
#include "tests/bench/sinks.h"
#include "tests/bench/wrk.h"
#include "tests/support/process/nats_servers.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"

namespace relay::bench {
namespace {

using test::RelayProcess;

// Long enough for the backlog of a minute at saturation.
constexpr std::chrono::minutes kDrainPatience{10};

// The lag of the backend that is further behind.
struct Behind {
  RecordCount records = 0;
  PointCount points = 0;
};

Behind BehindOf(const RelayProcess& relay, const Sinks& sinks) {
  Behind most;
  for (const std::string& name : sinks.names()) {
    const QueueStats figures = test::StatusOf(relay, name).figures;
    most.records = std::max(most.records, figures.marks.lag());
    most.points = std::max(most.points, figures.owed.points);
  }
  return most;
}

// Every backend is sent everything.
Bytes AcceptedBytes(const RelayProcess& relay) {
  return test::StatusOf(relay, Sinks::Names().front()).figures.accepted.bytes;
}

struct Cell {
  WrkFigures wrk;
  double points_per_second = 0;
  double megabytes_per_second = 0;  // Counts line protocol.
  Behind behind;
  std::optional<double> drain_seconds;  // nullopt: it was not waited for, or in vain.
  double cpu_us = 0;                    // The relay's, for one request, until drained.
  double disk_bytes = 0;                // Written for one accepted byte, until drained.
  std::uint64_t peak_memory_kib = 0;
  std::optional<double> of_nginx;  // Requests/s, for one of nginx's; nullopt: there is no nginx.
};

// Waits until the relay owes nothing.
std::optional<double> Drain(const RelayProcess& relay) {
  const SteadyClock::time_point start = SteadyClock::now();
  if (!relay.WaitDrained(kDrainPatience)) return std::nullopt;
  return SecondsSince(start);
}

Cell Measure(RelayProcess& relay, const WrkLoad& load, const Sinks& sinks) {
  const pid_t pid = relay.process().pid();
  const Bytes accepted_before = AcceptedBytes(relay);
  const ProcessFigures before = StatsOf(pid);
  Cell cell;
  cell.wrk = RunWrk(load);
  cell.behind = BehindOf(relay, sinks);
  if (sinks.up()) cell.drain_seconds = Drain(relay);
  const ProcessFigures after = StatsOf(pid);

  // If all were refused, this makes the figures below meaningless but not infinite.
  const auto accepted = static_cast<double>(std::max<std::uint64_t>(cell.wrk.accepted(), 1));
  const auto bytes = static_cast<double>((AcceptedBytes(relay) - accepted_before).count());
  cell.points_per_second = static_cast<double>(cell.wrk.accepted()) * load.lines / cell.wrk.seconds;
  cell.megabytes_per_second = bytes / cell.wrk.seconds / 1e6;
  cell.cpu_us = 1e6 * (after.cpu_seconds - before.cpu_seconds) / accepted;
  cell.disk_bytes = static_cast<double>(after.written_bytes - before.written_bytes) / bytes;
  cell.peak_memory_kib = after.peak_memory_kib;
  return cell;
}

// The servers and the relay that a relay shares its log with.
class Others {
 public:
  Others(const std::string& directory, const RelayProcess::Settings& settings)
      : settings_(settings), nats_(MadeDirectory(directory), 3) {
    second_ = std::make_unique<RelayProcess>(MadeDirectory(directory + "/b"), SettingsOf("b"));
  }

  RelayProcess::Settings SettingsOf(const std::string& relay) const {
    RelayProcess::Settings settings = settings_;
    settings.log = {"engine: jetstream", "jetstream:", "  relay: " + relay,
                    fmt::format("  servers: [{}]", fmt::join(nats_.Urls(), ", "))};
    return settings;
  }

  // Waits until both relays have a write before it is answered.
  void WaitUntilInSync(const RelayProcess& relay) const {
    test::Eventually(test::kPatience,
                     [&relay] { return relay.Status().find("\"copies\":2") != std::string::npos; });
  }

 private:
  static std::string MadeDirectory(const std::string& directory) {
    std::filesystem::create_directory(directory);
    return directory;
  }

  const RelayProcess::Settings settings_;
  test::NatsServers nats_;
  std::unique_ptr<RelayProcess> second_;
};

double RequestsPerSecond(const WrkFigures& wrk) {
  return static_cast<double>(wrk.requests) / wrk.seconds;
}

Cell RunCell(WrkLoad load, const Sinks& sinks, const Options& options, bool is_shared) {
  const ScratchDir directory(options.Text("dir"));
  const unsigned warm_up = options.Count("warm-up");
  load.bodies_path = directory.path() + "/bodies";
  // Uses so many different bodies that none is in the caches when it comes again.
  const std::uint64_t bodies = std::max<std::uint64_t>(16, 20'000 / load.lines);
  test::WriteFile(load.bodies_path, SampleLines(0, bodies * load.lines));
  RelayProcess::Settings settings = sinks.Settings();
  settings.top = "limits: {connections_per_address: 100000, connections: 100000}\n";
  std::optional<Others> others;
  if (is_shared) others.emplace(directory.path() + "/others", settings);
  RelayProcess relay(directory.path(), others ? others->SettingsOf("a") : settings);
  if (others) others->WaitUntilInSync(relay);
  load.server = relay.endpoint();
  fmt::print(stderr, "relay {}: {} lines, {} connections\n", relay.process().pid(), load.lines,
             load.connections);
  if (warm_up > 0) {
    WrkLoad warming = load;
    warming.seconds = warm_up;
    RunWrk(warming);
    if (sinks.up()) Drain(relay);
  }
  Cell cell = Measure(relay, load, sinks);
  relay.Stop();
  others.reset();
  if (NginxPeer::IsInstalled()) {
    const NginxPeer peer(directory.path());
    load.server = peer.endpoint();
    const double peers = RequestsPerSecond(RunWrk(load));
    if (peers > 0) cell.of_nginx = RequestsPerSecond(cell.wrk) / peers;
  }
  return cell;
}

void PrintHead() {
  fmt::print(
      "{:>9} {:>5} {:>5} {:>10} {:>10} {:>6} {:>7} {:>7} {:>7} {:>7} {:>10} {:>10} {:>7} {:>7} "
      "{:>6} {:>8} {:>8}\n",
      "engine", "lines", "conns", "requests/s", "points/s", "MB/s", "p50 ms", "p99 ms", "non-2xx",
      "sockerr", "behind rec", "behind pts", "drain s", "CPU us", "disk B", "RSS MiB", "of nginx");
}

void PrintCell(const std::string& engine, const WrkLoad& load, const Cell& cell) {
  const std::string drain = cell.drain_seconds ? fmt::format("{:.2f}", *cell.drain_seconds) : "-";
  fmt::print(
      "{:>9} {:>5} {:>5} {:>10.0f} {:>10.0f} {:>6.0f} {:>7.2f} {:>7.2f} {:>7} {:>7} {:>10} "
      "{:>10} {:>7} {:>7.1f} {:>6.2f} {:>8.1f} {:>8}\n",
      engine, load.lines, load.connections, RequestsPerSecond(cell.wrk), cell.points_per_second,
      cell.megabytes_per_second, cell.wrk.p50_ms, cell.wrk.p99_ms, cell.wrk.refused,
      cell.wrk.socket_errors, cell.behind.records, cell.behind.points, drain, cell.cpu_us,
      cell.disk_bytes, static_cast<double>(cell.peak_memory_kib) / 1024,
      cell.of_nginx ? fmt::format("{:.2f}", *cell.of_nginx) : "-");
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  const Options options(
      "Requests and points a second of a relay in front of null sinks, loaded by wrk.",
      {{"lines", "1,100,5000", "in a body"},
       {"connections", "1,16,64,256", "kept open, one request at a time on each; mind `ulimit -n`"},
       {"seconds", "5", "measured, for each cell"},
       {"warm-up", "2", "seconds before them"},
       {"wrk-threads", "1", "of the load generator"},
       {"engines", "local", "local | jetstream | local,jetstream (in turns)"},
       {"sinks", "2", "backends, each of which gets everything"},
       {"backends", "up", "up | down (nobody listens: nothing is drained)"},
       {"dir", "", "where the log is; $TMPDIR, or else the current directory"}},
      argc, argv);
  Sinks sinks(options.Count("sinks"));
  if (options.Text("backends") == "up") sinks.Open();
  PrintConditions(ScratchDir(options.Text("dir")).path());
  fmt::print("wrk with {} thread(s), the relay and {} sinks ({}) share these CPUs\n",
             options.Count("wrk-threads"), options.Count("sinks"), options.Text("backends"));
  PrintHead();
  for (const unsigned lines : options.Counts("lines")) {
    for (const unsigned connections : options.Counts("connections")) {
      const WrkLoad load{.lines = lines,
                         .connections = connections,
                         .threads = options.Count("wrk-threads"),
                         .seconds = options.Count("seconds")};
      for (const std::string& engine : options.Words("engines")) {
        PrintCell(engine, load, RunCell(load, sinks, options, engine == "jetstream"));
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
