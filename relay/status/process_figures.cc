#include "relay/status/process_figures.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace relay {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Returns the seconds since 1970 at which the machine was started; 0: unknown.
double BootTime() {
  std::ifstream stat("/proc/stat");
  std::string key;
  for (std::string line; std::getline(stat, line);) {
    std::istringstream words(line);
    double seconds = 0;
    if (words >> key >> seconds && key == "btime") return seconds;
  }
  return 0;
}

// Returns the seconds from the machine's start to the process's.
double StartedAfterBoot() {
  constexpr int kFieldsBefore = 19;  // Behind the name, which may hold blanks.
  std::ifstream stat("/proc/self/stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string ignored;
  for (int i = 0; i < kFieldsBefore; ++i) fields >> ignored;
  double ticks = 0;
  fields >> ticks;
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessFigures ReadProcessFigures() {
  ProcessFigures figures;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    figures.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;  // The second is what is resident.
  figures.resident = Bytes(pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  std::error_code failed;
  for (std::filesystem::directory_iterator at("/proc/self/fd", failed), end; !failed && at != end;
       at.increment(failed)) {
    ++figures.open_files;
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.open_files_max = limit.rlim_cur;
  static const double started = BootTime() + StartedAfterBoot();
  figures.started = started;
  return figures;
}

}  // namespace relay
