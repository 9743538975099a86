// A million requests of one line each, over kept-open connections, through the
// relay to a real influxd: every one must be answered 204, and be there in the
// end, once.
//
//   requests_soak [REQUESTS [CONNECTIONS]]     (1000000, 64)
//
// Exits with 1 if the counts differ.
#define DOCTEST_CONFIG_DISABLE  // A program of its own: nothing of doctest is linked.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test {
namespace {

constexpr milliseconds kDrain{1'800'000};  // influxd takes some 30,000 points a second.
constexpr std::uint64_t kAhead = 20;       // Requests sent before the first is answered.

// The series of each connection is its own, its times are 1, 2, 3, ...
std::string Request(std::uint64_t connection, std::uint64_t number) {
  const std::string body = fmt::format("m,c={} v={}i {}\n", connection, number, number);
  return fmt::format("POST /write?db=metrics HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
                     body.size(), body);
}

std::uint64_t CountOf(const std::string& text, std::string_view part) {
  std::uint64_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// Returns how many of them were answered 204.
std::uint64_t WriteAll(const HostPort& relay, std::uint64_t connection, std::uint64_t requests) {
  RawConnection client(relay);
  std::uint64_t stored = 0;
  for (std::uint64_t next = 1; next <= requests;) {
    std::string together;
    const std::uint64_t end = std::min(next + kAhead, requests + 1);
    const std::uint64_t sent = end - next;
    for (; next < end; ++next) together += Request(connection, next);
    if (!client.Send(together)) return stored;
    std::string answers;
    while (CountOf(answers, "\r\n\r\n") < sent) {
      const Received more = client.ReadSome();
      if (more.bytes.empty()) return stored;
      answers += more.bytes;
    }
    stored += CountOf(answers, "HTTP/1.1 204 ");
  }
  return stored;
}

bool Soak(std::uint64_t requests, std::uint64_t connections) {
  const TempDir server_directory;
  const TempDir directory;
  Influxd server(server_directory.path());
  server.CreateDatabase("metrics");
  const RelayProcess relay(directory.path(), {.backends = {{"a", server.Url()}}});
  const std::uint64_t each = requests / connections;
  const std::uint64_t all = each * connections;
  std::atomic<std::uint64_t> stored = 0;
  const Stopwatch watch;
  {
    std::vector<std::jthread> clients;
    for (std::uint64_t i = 0; i < connections; ++i) {
      clients.emplace_back([&, i] { stored += WriteAll(relay.endpoint(), i, each); });
    }
  }
  const double seconds = static_cast<double>(watch.elapsed().count()) / 1000;
  const bool drained = relay.WaitDrained(kDrain);
  const QueueStats figures = StatusOf(relay, "a").figures;
  const std::uint64_t there = server.CountPoints("metrics", "m", "v");
  fmt::print(
      "{} requests of one line over {} connections in {:.1f} s ({:.0f}/s): {} answered 204, ", all,
      connections, seconds, static_cast<double>(all) / seconds, stored.load());
  fmt::print("{} points delivered from {} records, {} in the database\n", figures.delivered,
             figures.marks.head.value(), there);
  return drained && stored == all && figures.accepted.points == all && figures.delivered == all &&
         there == all;
}

}  // namespace
}  // namespace relay::test

int main(int argc, char** argv) {
  const std::uint64_t requests = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::uint64_t connections = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 64;
  if (requests < connections || connections == 0) return 2;
  return relay::test::Soak(requests, connections) ? 0 : 1;
}
