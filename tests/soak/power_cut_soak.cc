// Power cuts on real file systems: a log is written on a loop device, the file
// system is shut down under it at a random moment and mounted again, and
// everything acknowledged before the cut must be there.
//
//   power_cut_soak [CUTS [FILE-SYSTEM...]]     (1000; ext4-4k ext4-1k xfs)
//
// Needs root and loop devices; skips loudly if a file system is not available.
// The seed is printed and taken from RELAY_SEED. Exits with 1 if anything
// acknowledged was lost.
#define DOCTEST_CONFIG_DISABLE  // A program of its own: nothing of doctest is linked.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <random>
#include <string>
#include <vector>

#include "tests/support/log_fixture.h"
#include "tests/support/process/process.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

// The same for both: _IOR('X', 125, __u32).
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kFlushJournal = 1;
constexpr std::uint32_t kFlushNothing = 2;
constexpr std::uint64_t kRecordsMax = 400;  // The maximum in one life.

// Shared memory in which the writing process reports to the one that cuts.
struct Shared {
  std::atomic<std::uint64_t> acknowledged;
  std::atomic<std::uint64_t> verified;
  std::atomic<bool> writing;
  std::atomic<int> alarms;
  std::array<char, 400> alarm;
};

struct FileSystem {
  std::string name;
  std::string type;
  std::vector<std::string> make;
};

const std::vector<FileSystem>& FileSystems() {
  static const std::vector<FileSystem> all = {
      {"ext4-4k", "ext4", {"mkfs.ext4", "-q", "-F", "-b", "4096"}},
      {"ext4-1k", "ext4", {"mkfs.ext4", "-q", "-F", "-b", "1024"}},
      {"xfs", "xfs", {"mkfs.xfs", "-q", "-f"}},
  };
  return all;
}

PointCount PointsOf(std::uint64_t number) {
  return 1 + number % 40;
}

[[noreturn]] void Die(const std::string& why) {
  fmt::print("  a life ended: {}\n", why);
  std::_Exit(3);
}

// Reads and delivers everything owed; the content of a record is a function of
// its sequence.
void Verify(DurableLog& log, Shared& shared) {
  while (true) {
    const Sequence after = log.MarksOf(kWest).cursor;
    const auto read = log.Read(kWest, after, {.records = 500, .bytes = 64_MiB});
    if (!read.ok()) Die(read.error().message());
    if (read.value().empty()) break;
    Resolution resolution{.after = after};
    for (const StoredRecord& stored : read.value()) {
      const std::uint64_t number = stored.entry.position.sequence.value();
      if (!stored.record.ok()) Die(fmt::format("{}: {}", number, stored.record.error().message()));
      if (!(*stored.record.value() == NumberedRecord(number, PointsOf(number)))) {
        Die(fmt::format("record {} is another one", number));
      }
      resolution.delivered += stored.entry.size.points;
    }
    resolution.through = read.value().back().entry.position;
    if (!log.Resolve(kWest, resolution).ok()) Die("the cursor does not move");
  }
  const std::uint64_t head = log.MarksOf(kWest).head.value();
  if (head < shared.acknowledged) {
    Die(fmt::format("head {} after record {} was acknowledged", head, shared.acknowledged.load()));
  }
  if (log.StatsOf(kWest).value().unaccounted() != 0) Die("points are unaccounted for");
  shared.verified = head;
}

bool Append(DurableLog& log, std::uint64_t number) {
  std::promise<bool> durable;
  log.Append(
      {Encode(NumberedRecord(number, PointsOf(number)), Codec::kZstd).value(), To({kWest}), At(1)},
      [&durable](const Result<Durable>& done) { durable.set_value(done.ok()); });
  return durable.get_future().get();
}

// One life: opens, checks, writes until it is killed.
[[noreturn]] void Live(const std::string& directory, Shared& shared) {
  LogOptions options{.directory = directory};
  options.file_size = 256_KiB;
  options.cursor_interval = 2ms;
  options.limits.free_min = 1_MiB;
  options.limits.keep = {.time = 24h, .size = 1_MiB};
  auto opened = DurableLog::Open(options, {kWest});
  if (!opened.ok()) Die("cannot be opened: " + opened.error().message());
  DurableLog& log = *opened.value();
  for (const std::string& alarm : log.Alarms()) {
    ++shared.alarms;
    alarm.copy(shared.alarm.data(), shared.alarm.size() - 1);
  }
  Verify(log, shared);
  shared.writing = true;
  std::uint64_t number = log.MarksOf(kWest).head.value();
  for (std::uint64_t i = 0; i < kRecordsMax; ++i) {
    ++number;
    if (i % 50 == 49) {
      const Status kept = log.EnforceRetention(MomentAt(1));
      if (!kept.ok()) break;
    }
    if (!Append(log, number)) break;
    shared.acknowledged = number;
  }
  while (true) pause();
}

class Disk {
 public:
  Disk(const FileSystem& kind, const TempDir& place)
      : kind_(kind), image_(place.File("disk")), mount_(place.File("mount")) {
    std::filesystem::create_directory(mount_);
  }
  ~Disk() {
    if (mounted_) umount2(mount_.c_str(), MNT_DETACH);
    if (!device_.empty()) Run({"losetup", "-d", device_});
  }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  const std::string& mount_point() const { return mount_; }

  // Returns why it cannot be made; empty: it was.
  std::string Make() {
    WriteFile(image_, "");
    std::filesystem::resize_file(image_, 400U << 20U);
    RunResult result = Run({"losetup", "-f", "--show", image_});
    if (result.exit_code != 0) return "losetup: " + result.output;
    device_ = result.output.substr(0, result.output.find('\n'));
    std::vector<std::string> make = kind_.make;
    make.push_back(device_);
    result = Run(make);
    if (result.exit_code != 0) return make.front() + ": " + result.output;
    return Mount() ? "" : "mount: " + std::generic_category().message(errno);
  }

  bool Mount() {
    mounted_ = mount(device_.c_str(), mount_.c_str(), kind_.type.c_str(), 0, "") == 0;
    return mounted_;
  }
  // Cuts the power: from here on nothing reaches the disk.
  bool Cut(std::uint32_t flags) {
    const int directory = open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool cut = ioctl(directory, kShutdown, &flags) == 0;
    close(directory);
    return cut;
  }
  bool Unmount() {
    mounted_ = umount(mount_.c_str()) != 0;
    return !mounted_;
  }

 private:
  const FileSystem& kind_;
  std::string image_;
  std::string mount_;
  std::string device_;
  bool mounted_ = false;
};

struct Tally {
  std::uint64_t cuts = 0;
  std::uint64_t in_opening = 0;  // The cut came before the log was open.
  std::uint64_t lost = 0;
  std::uint64_t alarms = 0;
  std::uint64_t aborted = 0;
};

Shared& NewShared() {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return *new (memory) Shared();
}

void Rest(std::chrono::microseconds time) {
  const timespec wait{time.count() / 1'000'000, 1'000 * (time.count() % 1'000'000)};
  nanosleep(&wait, nullptr);
}

// Runs one life to its end. Returns false if the disk itself failed.
bool CutOnce(Disk& disk, Shared& shared, std::mt19937_64& random, Tally& tally) {
  shared.writing = false;
  shared.alarms = 0;
  const pid_t child = fork();
  if (child == 0) Live(disk.mount_point() + "/log", shared);
  // One cut in eight comes at any time while it opens; the others while it writes.
  const bool early = random() % 8 == 0;
  int ended = 0;
  for (int i = 0; !early && !shared.writing && i < 60'000; ++i) {
    if (waitpid(child, &ended, WNOHANG) == child) break;
    Rest(1ms);
  }
  Rest(std::chrono::microseconds(random() % (early ? 20'000 : 60'000)));
  const bool found_loss = ended != 0 || waitpid(child, &ended, WNOHANG) == child;
  // Counts only what was answered before the power went.
  const std::uint64_t acknowledged = shared.acknowledged;
  if (!disk.Cut(random() % 4 == 0 ? kFlushJournal : kFlushNothing)) return false;
  kill(child, SIGKILL);
  if (!found_loss) waitpid(child, &ended, 0);
  shared.acknowledged = acknowledged;
  ++tally.cuts;
  if (!shared.writing) ++tally.in_opening;
  if (found_loss) ++tally.lost;
  // A process must not die of a disk that refuses everything.
  if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGABRT) ++tally.aborted;
  if (shared.alarms > 0) {
    ++tally.alarms;
    fmt::print("  alarm at cut {}: {}\n", tally.cuts, shared.alarm.data());
  }
  for (int i = 0; !disk.Unmount(); ++i) {
    if (i == 5'000) return false;
    Rest(1ms);
  }
  return disk.Mount();
}

// Returns whether nothing was lost.
bool Soak(const FileSystem& kind, std::uint64_t cuts, std::uint64_t seed) {
  const TempDir place;
  Disk disk(kind, place);
  if (const std::string why = disk.Make(); !why.empty()) {
    fmt::print("{}: SKIPPED: {}\n", kind.name, why);
    return true;
  }
  const auto begun = std::chrono::steady_clock::now();
  Shared& shared = NewShared();
  std::mt19937_64 random(seed);
  Tally tally;
  while (tally.cuts < cuts && tally.lost == 0) {
    if (!CutOnce(disk, shared, random, tally)) {
      fmt::print("{}: the disk failed: {}\n", kind.name, std::generic_category().message(errno));
      return false;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print("{}: {} power cuts ({} while opening), {} records acknowledged, {} lost, {} alarms, ",
             kind.name, tally.cuts, tally.in_opening, shared.acknowledged.load(), tally.lost,
             tally.alarms);
  fmt::print("{} processes aborted, {:.0f} s\n", tally.aborted, took.count());
  return tally.lost == 0 && tally.aborted == 0;
}

}  // namespace
}  // namespace relay::test

int main(int argc, char** argv) {
  using namespace relay::test;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::uint64_t cuts = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000;
  const std::vector<std::string> wanted(argv + std::min(argc, 2), argv + argc);
  const std::uint64_t seed = PrintedSeed();
  bool well = true;
  for (const FileSystem& kind : FileSystems()) {
    const bool asked = std::find(wanted.begin(), wanted.end(), kind.name) != wanted.end();
    if (wanted.empty() || asked) well = Soak(kind, cuts, seed) && well;
  }
  return well ? 0 : 1;
}
