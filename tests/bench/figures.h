// Figures of runs, of processes and of the machine, and where a run keeps its
// files.
//
// ERRORS. Anything that cannot be read from /proc or created on disk is an
// exception: a benchmark without its figures is useless.
#pragma once

#include <fmt/format.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/process/process.h"

namespace relay::bench {

using SteadyClock = std::chrono::steady_clock;

inline double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Returns the value below which `share` of them lie; 0 if there are none.
template <typename T>
T Quantile(std::vector<T> values, double share) {
  if (values.empty()) return T{};
  const double last = static_cast<double>(values.size() - 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(last * share);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

template <typename T>
T Median(std::vector<T> values) {
  return Quantile(std::move(values), 0.5);
}

// The system's figures of a process so far.
struct ProcessFigures {
  double cpu_seconds = 0;           // Used by all its threads.
  std::uint64_t written_bytes = 0;  // Written to the page cache or directly to the device.
  std::uint64_t peak_memory_kib = 0;
};

// Returns the number after `name` in a file of "NAME: NUMBER" lines.
inline std::uint64_t NumberAfter(const std::string& text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) throw std::runtime_error(fmt::format("no {} in {}", name, text));
  return std::strtoull(text.c_str() + at + name.size(), nullptr, 10);
}

inline double CpuSeconds(const std::string& stat) {
  // The program's name may contain anything; the fields begin behind it.
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  constexpr int kFieldsBefore = 11;  // state to cmajflt
  std::string skipped;
  for (int i = 0; i < kFieldsBefore; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

inline ProcessFigures StatsOf(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}/", pid);
  return {.cpu_seconds = CpuSeconds(test::ReadFile(folder + "stat")),
          .written_bytes = NumberAfter(test::ReadFile(folder + "io"), "\nwrite_bytes:"),
          .peak_memory_kib = NumberAfter(test::ReadFile(folder + "status"), "VmHWM:")};
}

inline std::string FileSystemOf(const std::string& path) {
  struct statfs found {};
  if (statfs(path.c_str(), &found) != 0) return "unknown";
  switch (static_cast<std::uint64_t>(found.f_type)) {
    case 0xEF53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683E: return "btrfs";
    case 0x794C7630: return "overlayfs";
    case 0x01021994: return "tmpfs: nothing is ever synced there, use --dir with a real disk";
    default: return fmt::format("of type {:#x}", found.f_type);
  }
}

// Prints what the figures that follow depend on.
inline void PrintConditions(const std::string& directory) {
  const std::string load = test::ReadFile("/proc/loadavg");
  fmt::print("{} CPUs, load average {} (others' work is in every figure), files on {}\n",
             std::thread::hardware_concurrency(), load.substr(0, load.find(' ')),
             FileSystemOf(directory));
}

// A directory below `parent` that exists during a run; "": $TMPDIR, or else the
// current directory: /tmp is memory on many machines.
class ScratchDir {
 public:
  explicit ScratchDir(const std::string& parent) : path_(Below(parent) + "/relay-bench-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "mkdtemp " + path_);
    }
  }
  ~ScratchDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  static std::string Below(const std::string& parent) {
    const char* given = std::getenv("TMPDIR");
    const std::string fallback = given == nullptr ? "." : given;
    return std::filesystem::absolute(parent.empty() ? fallback : parent).string();
  }

  std::string path_;
};

}  // namespace relay::bench
