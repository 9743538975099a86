// A relay whose backends were down for long: how fast it starts with that
// backlog, whether it serves clients while it drains it, how fast it drains, and
// how much memory all of that takes.
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/bench/sample_lines.h"
#include "tests/bench/sinks.h"
#include "tests/bench/wrk.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"

namespace relay::bench {
namespace {

using std::chrono::milliseconds;
using test::RelayProcess;

constexpr double kMegabyte = 1e6;
constexpr double kMemoryLimitMib = 300;
constexpr double kStartLimitSeconds = 2;

double Mebibytes(std::uint64_t kibibytes) {
  return static_cast<double>(kibibytes) / 1024;
}

QueueStats FiguresOfSink(const RelayProcess& relay, const std::string& name) {
  return test::StatusOf(relay, name).figures;
}

double DirectoryMegabytes(const std::string& path) {
  double size = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(path)) {
    if (file.is_regular_file()) size += static_cast<double>(file.file_size());
  }
  return size / kMegabyte;
}

// Memory is measured for each process; the limit applies to the largest of them.
class PeakMemory {
 public:
  // Takes the peak; call it before a relay ends.
  double Note(RelayProcess& relay) {
    const double now = Mebibytes(StatsOf(relay.process().pid()).peak_memory_kib);
    worst_ = std::max(worst_, now);
    return now;
  }
  double worst() const { return worst_; }

 private:
  double worst_ = 0;
};

// ----------------------------------------------------------------------- fill

void Fill(RelayProcess& relay, const std::string& bodies_path, Bytes size) {
  const WrkLoad load{.server = relay.endpoint(),
                     .bodies_path = bodies_path,
                     .lines = 100,
                     .connections = 16,
                     .seconds = 1};
  const SteadyClock::time_point start = SteadyClock::now();
  Totals owed;
  while (owed.bytes < size) {
    if (RunWrk(load).accepted() == 0) throw std::runtime_error("the relay accepts nothing");
    owed = FiguresOfSink(relay, Sinks::Names().front()).owed;
  }
  const double seconds = SecondsSince(start);
  fmt::print(
      "backlog: {:.2f} GiB of lines, {} points, {:.0f} MB on disk, taken in {:.1f} s "
      "({:.0f} MB/s)\n",
      static_cast<double>(owed.bytes.count()) / (1U << 30U), owed.points,
      DirectoryMegabytes(relay.log_path()), seconds,
      static_cast<double>(owed.bytes.count()) / kMegabyte / seconds);
}

// ---------------------------------------------------------------------- start

void TimeStart(RelayProcess& relay, std::string_view after) {
  const SteadyClock::time_point start = SteadyClock::now();
  relay.Start();
  const double ready = SecondsSince(start);
  const std::string line = SampleLines(0, 1);
  if (!test::Eventually(test::kPatience,
                        [&] { return relay.Write("metrics", line).status == 204; })) {
    throw std::runtime_error("the relay is ready and takes no write: " + relay.Output());
  }
  fmt::print("start after {}: ready after {:.3f} s, first 204 after {:.3f} s (limit {} s)\n", after,
             ready, SecondsSince(start), kStartLimitSeconds);
}

// ---------------------------------------------------------------------- drain

// Writes ten lines, waits for the answer and writes again.
class SmallWriter {
 public:
  explicit SmallWriter(const test::HostPort& server)
      : server_(server), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  void StopAndPrint() {
    thread_.request_stop();
    thread_.join();
    const double seconds = SecondsSince(start_);
    fmt::print(
        "writes meanwhile, one at a time: {:.0f}/s, p50 {:.2f} ms, p99 {:.2f} ms, "
        "max {:.2f} ms, {} not accepted\n",
        static_cast<double>(times_ms_.size()) / seconds, Quantile(times_ms_, 0.5),
        Quantile(times_ms_, 0.99), Quantile(times_ms_, 1.0), refused_);
  }

 private:
  void Run(const std::stop_token& stop) {
    const std::string lines = SampleLines(1'000'000, 10);
    const std::string request = fmt::format(
        "POST /write?db=metrics HTTP/1.1\r\nHost: relay\r\nContent-Length: {}\r\n\r\n{}",
        lines.size(), lines);
    test::RawConnection connection(server_);
    while (!stop.stop_requested()) {
      const SteadyClock::time_point start = SteadyClock::now();
      connection.Send(request);
      const test::Received answer = connection.ReadUntil("\r\n\r\n");
      if (answer.bytes.starts_with("HTTP/1.1 204")) {
        times_ms_.push_back(1e3 * SecondsSince(start));
      } else {
        ++refused_;
        connection = test::RawConnection(server_);  // Skips what follows the head.
      }
    }
  }

  const test::HostPort server_;
  const SteadyClock::time_point start_ = SteadyClock::now();
  std::vector<double> times_ms_;  // Owned by the thread until it has ended, as is the next.
  std::uint64_t refused_ = 0;
  std::jthread thread_;
};

bool IsPast(const RelayProcess& relay, const std::vector<Sequence>& heads) {
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (FiguresOfSink(relay, Sinks::Names()[i]).marks.cursor < heads[i]) return false;
  }
  return true;
}

// The backlog is what was owed at the start of it; the small writer's records
// come after it.
void TimeDrain(RelayProcess& relay) {
  std::vector<Sequence> heads;
  Totals owed;
  for (const std::string& name : Sinks::Names()) {
    const QueueStats figures = FiguresOfSink(relay, name);
    heads.push_back(figures.marks.head);
    owed = figures.owed;
  }
  const double cpu_before = StatsOf(relay.process().pid()).cpu_seconds;
  SmallWriter writer(relay.endpoint());
  const SteadyClock::time_point start = SteadyClock::now();
  while (!IsPast(relay, heads)) {
    if (relay.process().WaitFor(milliseconds(50))) throw std::runtime_error(relay.Output());
  }
  const double seconds = SecondsSince(start);
  const double cpu = StatsOf(relay.process().pid()).cpu_seconds - cpu_before;
  fmt::print(
      "drain: {:.1f} s, to each of two backends {:.0f} MB/s of lines, {:.0f} points/s; "
      "the relay used {:.1f} s of CPU\n",
      seconds, static_cast<double>(owed.bytes.count()) / kMegabyte / seconds,
      static_cast<double>(owed.points) / seconds, cpu);
  writer.StopAndPrint();
}

// The relay keeps up to 64 MiB of delivered records (see Main) and gives back
// the rest of the disk, in whole files.
void TimeGivingBack(RelayProcess& relay, double drained_megabytes) {
  const SteadyClock::time_point start = SteadyClock::now();
  constexpr double kEnough = 200;
  const bool back = test::Eventually(
      test::kPatience, [&] { return DirectoryMegabytes(relay.log_path()) < kEnough; });
  fmt::print("disk: {:.0f} MB when it was drained, {:.0f} MB {:.1f} s later{} (limit 60 s)\n",
             drained_megabytes, DirectoryMegabytes(relay.log_path()), SecondsSince(start),
             back ? "" : ": NOT GIVEN BACK");
}

int Main(int argc, char** argv) {
  const Options options("Start, drain and memory of a relay with a backlog.",
                        {{"gib", "2", "GiB of line protocol that the backends are owed"},
                         {"dir", "", "where the log is; $TMPDIR, or else the current directory"}},
                        argc, argv);
  const Bytes size(static_cast<std::uint64_t>(options.Number("gib") * (1U << 30U)));
  const ScratchDir directory(options.Text("dir"));
  PrintConditions(directory.path());
  const std::string bodies_path = directory.path() + "/bodies";
  test::WriteFile(bodies_path, SampleLines(0, 20'000));

  Sinks sinks;
  PeakMemory peak;
  RelayProcess::Settings settings = sinks.Settings();
  settings.log = {"keep_delivered: { for: 24h, up_to: 64MiB }"};
  RelayProcess relay(directory.path(), settings);
  Fill(relay, bodies_path, size);
  fmt::print("peak memory while it was taken: {:.0f} MiB\n", peak.Note(relay));
  const RelayProcess::Stopped stopped = relay.Stop();
  fmt::print("clean stop: {} ms, exit code {}\n", stopped.took.count(), stopped.exit_code);
  TimeStart(relay, "a clean stop");
  peak.Note(relay);
  relay.Kill();
  sinks.Open();
  TimeStart(relay, "SIGKILL, backends up");
  TimeDrain(relay);
  TimeGivingBack(relay, DirectoryMegabytes(relay.log_path()));
  fmt::print("peak memory while draining: {:.0f} MiB\n", peak.Note(relay));
  fmt::print("peak memory of all: {:.0f} MiB (limit {} MiB)\n", peak.worst(), kMemoryLimitMib);
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
