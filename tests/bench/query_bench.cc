// Measures what a query costs more through the relay than from the influxd behind it: clients that
// ask without a pause, each on its own connection, of the one and of the other in turns.
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "replay/query/http_query.h"
#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"

namespace relay::bench {
namespace {

using test::HostPort;

constexpr unsigned kLargeRows = 50'000;

std::string PathOf(const std::string& statement) {
  return "/query?db=metrics&q=" + test::PercentEncode(statement);
}

// Returns the times of one client's queries, from the question to the end of the answer.
std::vector<double> TimesOf(const HostPort& server, const std::string& path, unsigned queries) {
  HttpTransportOptions options;
  options.peer = {.host = server.host, .port = server.port};
  HttpQuery client(options);
  std::vector<double> times_ms;
  for (unsigned i = 0; i < queries; ++i) {
    const SteadyClock::time_point start = SteadyClock::now();
    if (!client.Ask({.path = path}).ok() || client.head().http_status != 200) {
      throw std::runtime_error("a query was not answered");
    }
    std::string part;
    bool more = true;
    while (more) {
      part.clear();
      more = client.More(part).value();
    }
    times_ms.push_back(1e3 * SecondsSince(start));
  }
  return times_ms;
}

std::vector<double> TimesOfAll(const HostPort& server, const std::string& path, unsigned clients,
                               unsigned queries) {
  std::vector<std::vector<double>> of_each(clients);
  {
    std::vector<std::jthread> threads;
    for (std::vector<double>& times : of_each) {
      threads.emplace_back([&] { times = TimesOf(server, path, queries / clients + 1); });
    }
  }
  std::vector<double> all;
  for (const std::vector<double>& times : of_each)
    all.insert(all.end(), times.begin(), times.end());
  return all;
}

struct Setup {
  HostPort direct;
  HostPort relayed;
  unsigned rounds = 1;
};

void Compare(const Setup& setup, const std::string& path, unsigned clients, unsigned queries) {
  std::vector<double> direct;
  std::vector<double> relayed;
  for (unsigned i = 0; i < setup.rounds; ++i) {
    for (const double ms : TimesOfAll(setup.direct, path, clients, queries)) direct.push_back(ms);
    for (const double ms : TimesOfAll(setup.relayed, path, clients, queries)) relayed.push_back(ms);
  }
  const double p50 = Median(direct);
  const double p50_relayed = Median(relayed);
  fmt::print("{:>7} {:>10.3f} {:>10.3f} {:>+8.3f} {:>6.2f} {:>10.3f} {:>10.3f}\n", clients, p50,
             p50_relayed, p50_relayed - p50, p50_relayed / p50, Quantile(direct, 0.99),
             Quantile(relayed, 0.99));
}

void Run(const Options& options) {
  const ScratchDir scratch(options.Text("dir"));
  PrintConditions(scratch.path());
  std::filesystem::create_directory(scratch.path() + "/influxd");
  std::filesystem::create_directory(scratch.path() + "/relay");
  test::Influxd server(scratch.path() + "/influxd");
  server.CreateDatabase("metrics");
  test::RelayProcess relay(scratch.path() + "/relay",
                           {.backends = {{"influx", server.Url()}}, .http = {"queries: route"}});
  std::string lines;
  for (unsigned i = 0; i < kLargeRows; ++i) lines += fmt::format("m,h=a{} v={} {}\n", i % 10, i, i);
  if (relay.Write("metrics", lines).status != 204 || !relay.WaitDrained()) {
    throw std::runtime_error("the points did not arrive");
  }
  const Setup setup{server.endpoint(), relay.endpoint(), options.Count("rounds")};
  fmt::print("clients     direct    relayed     more  ratio direct p99 relay p99  (p50 in ms)\n");
  fmt::print("one row\n");
  for (const unsigned clients : options.Counts("clients")) {
    Compare(setup, PathOf("SELECT v FROM m LIMIT 1"), clients, options.Count("queries"));
  }
  fmt::print("{} rows\n", kLargeRows);
  Compare(setup, PathOf("SELECT v FROM m"), 1, 10);
  fmt::print("peak memory of the relay: {} KiB\n", StatsOf(relay.process().pid()).peak_memory_kib);
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  const relay::bench::Options options("What a query costs more through the relay.",
                                      {{"clients", "1,16,64", "clients at once"},
                                       {"queries", "4000", "queries of all clients in a round"},
                                       {"rounds", "5", "direct and relayed in turns"},
                                       {"dir", "", "directory for the files"}},
                                      argc, argv);
  relay::bench::Run(options);
}
