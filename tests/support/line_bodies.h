// Bodies of line protocol of several kinds, as clients send them, for tests and measurements of
// what reads or compresses lines. The sample lines of the benchmarks are one of the kinds.
//
// THREADS. Pure functions; the same numbers give the same body everywhere.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/sample_lines.h"

namespace relay::test {

struct BodyKind {
  std::string_view name;
  // Returns lines `first` to `first + count - 1`.
  std::string (*make)(std::uint64_t first, std::uint64_t count);
};

namespace bodies {

// Returns a number below `below`, chosen by line and place.
inline std::uint64_t Chosen(std::uint64_t line, std::uint64_t place, std::uint64_t below) {
  return bench::Mixed(line * 64 + place) % below;
}

template <typename Line>
std::string Lines(std::uint64_t first, std::uint64_t count, Line line) {
  std::string body;
  for (std::uint64_t i = first; i < first + count; ++i) body += line(i) + "\n";
  return body;
}

// The cpu measurement of the Time Series Benchmark Suite: 100 hosts, ten integers.
inline std::string Cpu(std::uint64_t first, std::uint64_t count) {
  constexpr std::array<std::string_view, 10> kFields = {
      "user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"};
  constexpr std::array<std::string_view, 4> kRegions = {"eu-central-1", "us-west-2",
                                                        "ap-southeast-2", "sa-east-1"};
  return Lines(first, count, [&](std::uint64_t i) {
    const std::uint64_t host = i % 100;
    const std::string_view region = kRegions.at(Chosen(host, 0, 4));
    std::string line = fmt::format(
        "cpu,hostname=host_{},region={},datacenter={}a,rack={},os=Ubuntu15.10,arch=x86,team=SF,"
        "service={},service_version=1,service_environment=test ",
        host, region, region, Chosen(host, 1, 100), Chosen(host, 2, 20));
    for (std::size_t k = 0; k < kFields.size(); ++k) {
      line +=
          fmt::format("{}usage_{}={}i", k == 0 ? "" : ",", kFields.at(k), Chosen(i, k + 3, 100));
    }
    return line + fmt::format(" {}", 1'451'606'400 + i / 100 * 10) + "000000000";
  });
}

// Several measurements of one agent, in turns; floats with as many decimals as they need.
inline std::string Agent(std::uint64_t first, std::uint64_t count) {
  return Lines(first, count, [](std::uint64_t i) -> std::string {
    const std::string host = fmt::format("host=web-{:02}.fra1", i / 16 % 40);
    const std::string time = fmt::format(" {}0000000000", 171'700'000 + i / 640);
    const std::uint64_t turn = i % 16;
    const auto share = [i](std::uint64_t k) {
      const std::uint64_t part = Chosen(i, k, 1'000);
      return part < 200 ? std::string("0")
                        : fmt::format("{}", 100.0 * static_cast<double>(part) / 999);
    };
    if (turn < 8) {
      return fmt::format("cpu,cpu=cpu{},{} usage_user={},usage_system={},usage_idle={}", turn, host,
                         share(0), share(1), share(2)) +
             time;
    }
    if (turn < 12) {
      const std::uint64_t total = 500'000'000'000 + turn * 4096;
      const std::uint64_t used = Chosen(i, 0, 100'000'000) * 4096;
      return fmt::format("disk,device=sda{},{},mode=rw total={}i,used={}i,free={}i,used_percent={}",
                         turn - 7, host, total, used, total - used, share(1)) +
             time;
    }
    if (turn == 12) {
      return fmt::format(R"(system,{} uptime_format="{} days, {:02}:{:02}",up=true)", host, i % 9,
                         i % 24, i % 60) +
             time;
    }
    return fmt::format("net,{},interface=eth{} bytes_recv={}i,bytes_sent={}i,err_in=0i", host, turn,
                       Chosen(i, 0, 1U << 30U) + i * 1'000, Chosen(i, 1, 1U << 20U)) +
           time;
  });
}

// Sensors with hexadecimal names, one or two values, irregular times.
inline std::string Sensors(std::uint64_t first, std::uint64_t count) {
  constexpr std::array<std::string_view, 4> kRooms = {"kitchen", "living\\ room", "cellar", "hall"};
  return Lines(first, count, [&](std::uint64_t i) {
    const std::uint64_t sensor = Chosen(i, 0, 3'000);
    const bool below_zero = Chosen(i, 1, 10) == 0;
    const std::string_view humidity = i % 3 == 0 ? ",humidity=55.5" : "";
    return fmt::format("temperature,dev={:012x},room={} value={}{}.{}{} {}",
                       bench::Mixed(sensor) >> 16U, kRooms.at(sensor % 4), below_zero ? "-" : "",
                       Chosen(i, 2, 30), Chosen(i, 3, 10), humidity,
                       1'717'000'000'000 + i * 15 + Chosen(i, 4, 15));
  });
}

// Messages: text with quotes, commas and backslashes.
inline std::string Logs(std::uint64_t first, std::uint64_t count) {
  constexpr std::array<std::string_view, 8> kWords = {
      "connection", "refused,", "user=root", "\\\"quoted\\\"",
      "C:\\\\path", "timeout",  "é",         "from"};
  return Lines(first, count, [&](std::uint64_t i) {
    std::string line = fmt::format("syslog,appname=app{},host=web-{:02} message=\"", i % 5, i % 20);
    for (std::uint64_t k = 0; k < 4 + Chosen(i, 0, 12); ++k) {
      line += fmt::format("{} ", kWords.at(Chosen(i, k + 1, 8)));
    }
    return line + fmt::format("id={:08x}\",severity_code={}i {}", bench::Mixed(i) >> 32U, i % 7,
                              1'717'000'000'000'000'000 + i * 10'000'019);
  });
}

}  // namespace bodies

inline const std::vector<BodyKind>& BodyKinds() {
  static const std::vector<BodyKind> kinds = {{"samples", bench::SampleLines},
                                              {"cpu", bodies::Cpu},
                                              {"agent", bodies::Agent},
                                              {"sensors", bodies::Sensors},
                                              {"logs", bodies::Logs}};
  return kinds;
}

}  // namespace relay::test
