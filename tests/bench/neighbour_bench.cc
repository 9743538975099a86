// Measures whether one backend's trouble affects another: the time of a write
// from the client to the healthy backend while its neighbour is in trouble.
#include <fmt/format.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/null_sink.h"
#include "tests/bench/options.h"
#include "tests/bench/sample_lines.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/relay_process.h"

namespace relay::bench {
namespace {

using test::Answering;
using test::FakeAnswer;
using test::FakeBackend;
using test::FakeRequest;
using test::RelayProcess;

struct Neighbour {
  const char* what;
  FakeBackend::Script does;
};

std::vector<Neighbour> Neighbours() {
  const auto late = [](const FakeRequest&) {
    FakeAnswer answer = Answering(204);
    answer.delay = std::chrono::milliseconds(200);
    return answer;
  };
  return {{"is well", {}},
          {"answers after 200 ms", late},
          {"never answers", [](const FakeRequest&) { return test::NeverAnswering(); }},
          {"answers 503", [](const FakeRequest&) { return Answering(503); }},
          {"answers 401", [](const FakeRequest&) { return Answering(401); }},
          {"refuses every line", [](const FakeRequest&) { return Answering(400, "no"); }}};
}

// Returns the times from a write to its arrival, one after the other.
std::vector<double> Times(const RelayProcess& relay, const NullSink& well, unsigned writes) {
  const std::string lines = SampleLines(0, 10);
  std::vector<double> times_ms;
  for (unsigned i = 0; i < writes; ++i) {
    const std::uint64_t before = well.requests();
    const SteadyClock::time_point start = SteadyClock::now();
    if (relay.Write("metrics", lines).status != 204) throw std::runtime_error("not accepted");
    well.WaitForMore(before);
    times_ms.push_back(1e3 * SecondsSince(start));
  }
  return times_ms;
}

std::vector<double> TimesBeside(const Neighbour& neighbour, const Options& options) {
  const ScratchDir directory(options.Text("dir"));
  const std::uint16_t port = test::FreePort();
  const NullSink well(port);
  FakeBackend beside(neighbour.does);
  beside.KeepNoRequests();
  const RelayProcess relay(directory.path(),
                           {.backends = {{"well", well.Url()}, {"beside", beside.Url()}}});
  return Times(relay, well, options.Count("writes"));
}

int Main(int argc, char** argv) {
  const Options options("What one backend's trouble does to another.",
                        {{"writes", "1000", "in each round, one after the other"},
                         {"rounds", "3", "in turns; all of them count"},
                         {"dir", "", "where the log is; $TMPDIR, or else the current directory"}},
                        argc, argv);
  PrintConditions(ScratchDir(options.Text("dir")).path());
  std::map<std::string, std::vector<double>> all;
  for (unsigned round = 0; round < options.Count("rounds"); ++round) {
    for (const Neighbour& neighbour : Neighbours()) {
      const std::vector<double> times = TimesBeside(neighbour, options);
      all[neighbour.what].insert(all[neighbour.what].end(), times.begin(), times.end());
    }
  }
  const double p99_well = Quantile(all["is well"], 0.99);
  for (const Neighbour& neighbour : Neighbours()) {
    const double p99 = Quantile(all[neighbour.what], 0.99);
    fmt::print("the neighbour {:<22} p50 {:.2f} ms, p99 {:.2f} ms, {:.2f} of when it is well\n",
               neighbour.what, Quantile(all[neighbour.what], 0.5), p99, p99 / p99_well);
  }
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
