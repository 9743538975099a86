// wrk as the load generator: an independent program, so that the generator's
// cost and bugs are not the relay's.
//
// ERRORS. A wrk that cannot run or prints no figures is a std::runtime_error
// with its output.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"

namespace relay::bench {

struct WrkLoad {
  test::HostPort server;
  std::string bodies_path;  // Line protocol; cut into bodies of `lines`.
  unsigned lines = 1;
  unsigned connections = 1;
  unsigned threads = 1;
  unsigned seconds = 1;
};

struct WrkFigures {
  std::uint64_t requests = 0;  // Answered.
  double seconds = 0;
  std::uint64_t refused = 0;  // Answered with a status other than 2xx.
  std::uint64_t socket_errors = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;

  std::uint64_t accepted() const { return requests - refused; }
};

inline WrkFigures FiguresFrom(const std::string& output) {
  const std::size_t at = output.find("figures: ");
  if (at == std::string::npos) throw std::runtime_error("wrk: " + output);
  const std::string line = output.substr(at);
  const auto thousandth = [&line](std::string_view name) {
    return static_cast<double>(NumberAfter(line, name)) / 1e3;
  };
  return {.requests = NumberAfter(line, " requests"),
          .seconds = thousandth(" microseconds") / 1e3,
          .refused = NumberAfter(line, " non-2xx"),
          .socket_errors = NumberAfter(line, " socket-errors"),
          .p50_ms = thousandth(" p50"),
          .p99_ms = thousandth(" p99"),
          .max_ms = thousandth(" max")};
}

inline WrkFigures RunWrk(const WrkLoad& load) {
  const unsigned threads = std::min(load.threads, load.connections);
  const std::vector<std::string> argv = {
      "wrk",
      fmt::format("-t{}", threads),
      fmt::format("-c{}", load.connections),
      fmt::format("-d{}s", load.seconds),
      "--timeout",
      "30s",
      "-s",
      test::SourceRoot() + "/tests/bench/post.lua",
      fmt::format("http://{}:{}/", load.server.host, load.server.port),
      "--",
      std::to_string(load.lines),
      load.bodies_path,
      "/write?db=metrics"};
  const auto patience = std::chrono::seconds(load.seconds + 60);
  const test::RunResult run = test::Run(argv, patience);
  if (run.exit_code != 0) throw std::runtime_error("wrk: " + run.output);
  return FiguresFrom(run.output);
}

}  // namespace relay::bench
