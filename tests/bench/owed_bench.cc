// The log with a large backlog: the cost of an outage of the backends, and of
// what follows it. Bytes written to the device for each byte accepted, healthy
// and in an outage; appends a second, empty and with the whole backlog; the
// time to open; how fast a drain reads; memory.
#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <thread>

#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/bench/sample_lines.h"
#include "wal/log/durable_log.h"

namespace relay::bench {
namespace {

constexpr std::size_t kOutstanding = 64;
constexpr PointCount kLinesOfRecord = 100;
constexpr Bytes kProbe(1'000'000'000);

[[noreturn]] void Fail(const Error& error) {
  fmt::print(stderr, "{}\n", error.message());
  std::_Exit(1);
}

double Megabytes(Bytes bytes) {
  return 1e-6 * static_cast<double>(bytes.count());
}

Bytes Gigabytes(double count) {
  return Bytes(static_cast<std::uint64_t>(1e9 * count));
}

// A log for two backends, and a writer that keeps 64 records outstanding.
class Bench {
 public:
  explicit Bench(std::string directory, KeepPolicy keep = {})
      : directory_(std::move(directory)),
        keep_(keep),
        records_(SampleRecords(512, kLinesOfRecord)) {
    Open();
  }

  void Open() {
    LogOptions options;
    options.directory = directory_;
    options.limits.keep = keep_;
    options.limits.size_max = 1'000_GiB;
    options.limits.free_min = 1_GiB;
    Result<std::unique_ptr<DurableLog>> log = DurableLog::Open(options, *backends_);
    if (!log.ok()) Fail(log.error());
    log_ = std::move(log).value();
  }
  void Close() { log_.reset(); }

  // Returns appends a second, until that many bytes of lines were accepted.
  double Fill(Bytes size) {
    const SteadyClock::time_point start = SteadyClock::now();
    std::uint64_t count = 0;
    for (Bytes done(0); done < size; ++count) {
      const Record& record = records_[count % records_.size()];
      done += Bytes(record.lines.size());
      AppendOne(record);
    }
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return outstanding_ == 0; });
    return static_cast<double>(count) / SecondsSince(start);
  }

  // Reads all that is owed; returns megabytes of lines a second.
  double Drain(bool resolve) {
    const SteadyClock::time_point start = SteadyClock::now();
    Bytes size(0);
    Sequence after = log_->MarksOf(backends_->front()).cursor;
    while (const std::size_t read = DrainOne(backends_->front(), after, size, resolve)) {
      (void)read;
    }
    return Megabytes(size) / SecondsSince(start);
  }

  // Reads one window; returns its number of records.
  std::size_t DrainOne(const BackendId& backend, Sequence& after, Bytes& size, bool resolve) {
    Result<std::vector<StoredRecord>> read =
        log_->Read(backend, after, {.records = 10'000, .bytes = 4_MiB});
    if (!read.ok()) Fail(read.error());
    if (read.value().empty()) return 0;
    Resolution resolution{.after = after, .through = {}, .letters = {}, .gaps = {}, .held = {}};
    for (const StoredRecord& stored : read.value()) {
      if (!stored.record.ok()) Fail(stored.record.error());
      size += Bytes(stored.record.value()->lines.size());
      resolution.delivered += stored.entry.size.points;
      resolution.through = stored.entry.position;
    }
    after = resolution.through.sequence;
    if (!resolve) return read.value().size();
    if (Status resolved = log_->Resolve(backend, resolution); !resolved.ok()) {
      Fail(resolved.error());
    }
    return read.value().size();
  }

  DurableLog& log() { return *log_; }
  const std::vector<BackendId>& backends() const { return *backends_; }

 private:
  void AppendOne(const Record& record) {
    {
      std::unique_lock lock(mutex_);
      returned_.wait(lock, [this] { return outstanding_ < kOutstanding; });
      ++outstanding_;
    }
    log_->Append(
        {Encode(record, Codec::kZstd).value(), backends_, std::chrono::system_clock::now()},
        [this](const Result<Durable>& done) {
          if (!done.ok()) Fail(done.error());
          const std::lock_guard lock(mutex_);
          --outstanding_;
          returned_.notify_one();
        });
  }

  const std::string directory_;
  const KeepPolicy keep_;
  const std::vector<Record> records_;
  const std::shared_ptr<const std::vector<BackendId>> backends_ =
      std::make_shared<const std::vector<BackendId>>(std::vector<BackendId>{
          BackendId::Parse("west").value(), BackendId::Parse("east").value()});
  std::unique_ptr<DurableLog> log_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::size_t outstanding_ = 0;
};

std::uint64_t WrittenByThis() {
  return StatsOf(getpid()).written_bytes;
}

double WrittenPerByte(std::uint64_t before, Bytes accepted) {
  return static_cast<double>(WrittenByThis() - before) / static_cast<double>(accepted.count());
}

// Runs backends that keep up: records are resolved as they come, kept for a
// while, and given back.
void RunHealthy(const std::string& directory, Bytes size) {
  Bench bench(directory, {.time = std::chrono::hours(24), .size = 256_MiB});
  const std::uint64_t before = WrittenByThis();
  std::jthread deliverer([&bench](const std::stop_token& stop) {
    std::vector<Sequence> after(bench.backends().size(), Sequence::BeforeFirst());
    SteadyClock::time_point kept = SteadyClock::now();
    Bytes delivered(0);
    while (!stop.stop_requested()) {
      std::size_t records = 0;
      for (std::size_t i = 0; i < after.size(); ++i) {
        records += bench.DrainOne(bench.backends()[i], after[i], delivered, true);
      }
      if (records == 0) std::this_thread::yield();
      if (SecondsSince(kept) < 1) continue;
      kept = SteadyClock::now();
      if (Status done = bench.log().EnforceRetention(MomentOf(SystemClock())); !done.ok()) {
        Fail(done.error());
      }
    }
  });
  bench.Fill(size);
  fmt::print("healthy: {:.2f} bytes written for each accepted\n", WrittenPerByte(before, size));
}

// Takes turns with an empty log, so that a disk whose speed changes affects both.
void CompareWithEmpty(const std::string& directory, Bench& owed, Bytes probe) {
  constexpr int kRounds = 7;
  std::vector<double> empty_rates;
  std::vector<double> owed_rates;
  for (int round = 0; round < kRounds; ++round) {
    {
      Bench empty(directory);
      empty_rates.push_back(empty.Fill(probe));
    }
    std::filesystem::remove_all(directory);
    owed_rates.push_back(owed.Fill(probe));
  }
  const double empty = Median(empty_rates);
  fmt::print("appends/s: {:.0f} empty, {:.0f} with all of it owed ({:.2f})\n", empty,
             Median(owed_rates), Median(owed_rates) / empty);
}

std::uint64_t PeakMib() {
  constexpr std::uint64_t kKibOfMib = 1024;
  return StatsOf(getpid()).peak_memory_kib / kKibOfMib;
}

void ForgetPeak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

void RunOutage(const std::string& directory, Bytes size) {
  Bench bench(directory);
  const std::uint64_t before = WrittenByThis();
  bench.Fill(size);
  fmt::print("outage: {:.2f} bytes written for each accepted\n", WrittenPerByte(before, size));
  const std::uint64_t filling = PeakMib();
  CompareWithEmpty(directory + "-empty", bench, std::min(size, kProbe));
  bench.Close();
  ForgetPeak();  // Forgets the peak of two logs.
  const SteadyClock::time_point start = SteadyClock::now();
  bench.Open();
  fmt::print("open: {:.2f} s\n", SecondsSince(start));
  const double first = bench.Drain(false);
  fmt::print("drain: {:.0f} MB of lines a second read, {:.0f} once more\n", first,
             bench.Drain(false));
  fmt::print("memory: {} MiB at most, filling; {} MiB, opening and draining\n", filling, PeakMib());
}

int Main(int argc, char** argv) {
  const Options options(
      "The log with much owed: bytes written, appends, opening, draining, memory.",
      {{"dir", "", "where the files are; $TMPDIR, or else the current directory"},
       {"gigabytes", "4", "of lines that are owed"},
       {"healthy", "2", "gigabytes of lines that are delivered as they come"}},
      argc, argv);
  const ScratchDir directory(options.Text("dir"));
  PrintConditions(directory.path());
  RunHealthy(directory.path() + "/healthy", Gigabytes(options.Number("healthy")));
  std::filesystem::remove_all(directory.path() + "/healthy");
  RunOutage(directory.path() + "/outage", Gigabytes(options.Number("gigabytes")));
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
