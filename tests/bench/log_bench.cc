// Compares the log with the limit of the disk: appends a second of the durable log, and of the
// minimum that makes the same promise (the bytes and their checksum in a file, one write and one
// fdatasync for all that wait), in turns.
//
// THE WRITERS. "64 writers" are 64 outstanding records, each replaced as soon as
// its completion comes. Two threads keep them so, as a relay's two event loops
// do for its connections: 64 threads on two cores would measure the scheduler,
// on both sides. These threads also encode (checksum and compression), as in the
// relay.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "tests/bench/figures.h"
#include "tests/bench/options.h"
#include "tests/bench/sample_lines.h"
#include "tests/support/eventually.h"
#include "wal/base/crc32c.h"
#include "wal/log/durable_log.h"

namespace relay::bench {
namespace {

using test::Fd;

[[noreturn]] void Fail(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  std::_Exit(1);
}

void LetPass(std::chrono::milliseconds time) {
  test::Eventually(time, [] { return false; });
}

// ---------------------------------------------------------------- contestants

class Appender {
 public:
  // Called on a thread of the appender.
  using Done = std::function<void()>;

  Appender() = default;
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  virtual ~Appender() = default;

  // Encodes on the calling thread; calls `done` when the record is on stable storage.
  virtual void Append(const Record& record, Done done) = 0;
};

class LogAppender final : public Appender {
 public:
  LogAppender(const std::string& directory, std::size_t backends) {
    std::vector<BackendId> names;
    for (std::size_t i = 0; i < backends; ++i) {
      names.push_back(BackendId::Parse(fmt::format("backend-{}", i)).value());
    }
    Result<std::unique_ptr<DurableLog>> opened = DurableLog::Open({.directory = directory}, names);
    if (!opened.ok()) Fail(opened.error().message());
    log_ = std::move(opened).value();
    backends_ = std::make_shared<const std::vector<BackendId>>(std::move(names));
  }

  void Append(const Record& record, Done done) override {
    const WallTime now = std::chrono::system_clock::now();
    log_->Append({Encode(record, Codec::kZstd).value(), backends_, now},
                 [done = std::move(done)](const Result<Durable>& durable) {
                   if (!durable.ok()) Fail(durable.error().message());
                   done();
                 });
  }

 private:
  std::unique_ptr<DurableLog> log_;
  std::shared_ptr<const std::vector<BackendId>> backends_;
};

// The minimum that makes the same promise: it cannot read a record back, knows
// no backends and never gives space back.
class RawAppender final : public Appender {
 public:
  RawAppender(const std::string& path, bool compressed)
      : compressed_(compressed),
        file_(open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)) {
    if (!file_.open()) Fail("cannot make " + path);
    committer_ = std::thread([this] { CommitLoop(); });
  }
  ~RawAppender() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_one();
    committer_.join();
  }

  void Append(const Record& record, Done done) override {
    Waiting waiting{.encoded = {}, .bytes = record.lines, .crc = 0, .done = std::move(done)};
    if (compressed_) {
      // Writes the same bytes as the log; their checksum is in them.
      waiting.encoded = Encode(record, Codec::kZstd).value();
      waiting.bytes = waiting.encoded->Seal(PayloadId(1));
    } else {
      waiting.crc = Crc32c(waiting.bytes);
    }
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = waiting_.empty();
      waiting_.push_back(std::move(waiting));
    }
    if (first) work_.notify_one();
  }

 private:
  struct Waiting {
    std::optional<EncodedRecord> encoded;
    std::string_view bytes;  // Points into `encoded`, or into the record, which outlives this.
    std::uint32_t crc;
    Done done;
  };

  void CommitLoop() {
    while (true) {
      std::vector<Waiting> group;
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        group.swap(waiting_);
      }
      Commit(group);
      for (Waiting& one : group) one.done();
    }
  }

  void Commit(std::vector<Waiting>& group) {
    std::vector<iovec> parts;
    std::size_t size = 0;
    for (Waiting& one : group) {
      if (one.encoded) one.bytes = one.encoded->Seal(PayloadId(1));  // The record has moved.
      if (!one.encoded) parts.push_back({&one.crc, sizeof one.crc});
      parts.push_back({const_cast<char*>(one.bytes.data()), one.bytes.size()});
      size += one.bytes.size() + (one.encoded ? 0 : sizeof one.crc);
    }
    const ssize_t written = writev(file_.get(), parts.data(), static_cast<int>(parts.size()));
    if (written < 0 || static_cast<std::size_t>(written) != size) Fail("short write");
    if (fdatasync(file_.get()) != 0) Fail("fdatasync failed");
  }

  const bool compressed_;
  Fd file_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::vector<Waiting> waiting_;  // Guarded by mutex_, as is the next.
  bool stopping_ = false;
  std::thread committer_;
};

// -------------------------------------------------------------------- writers

// Keeps a number of records outstanding, on one thread.
class Writer {
 public:
  Writer(Appender& appender, const std::vector<Record>& records, std::size_t first,
         std::size_t outstanding)
      : appender_(appender), records_(records), next_(first), outstanding_(outstanding) {
    // The first completions, without a record.
    returned_.assign(outstanding, SteadyClock::now());
    thread_ = std::thread([this] { Run(); });
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void BeginMeasuring() { measuring_ = true; }

  // Returns the times of appends since measuring began, in milliseconds, once
  // nothing is outstanding.
  std::vector<double> Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    back_.notify_one();
    thread_.join();
    return std::move(milliseconds_);
  }

  std::uint64_t completed() const { return completed_; }

 private:
  void Run() {
    std::size_t out = outstanding_;
    while (true) {
      std::vector<SteadyClock::time_point> returned;
      bool stopping = false;
      {
        std::unique_lock lock(mutex_);
        back_.wait(lock, [&] { return !returned_.empty() || (stopping_ && out == 0); });
        returned.swap(returned_);
        stopping = stopping_;
      }
      out -= returned.size();
      Note(returned);
      if (stopping && out == 0) return;
      for (; !stopping && out < outstanding_; ++out) AppendNext();
    }
  }

  void Note(const std::vector<SteadyClock::time_point>& begun) {
    if (!measuring_) return;
    for (const SteadyClock::time_point start : begun) {
      milliseconds_.push_back(1e3 * SecondsSince(start));
    }
  }

  void AppendNext() {
    const Record& record = records_[next_++ % records_.size()];
    appender_.Append(record, [this, start = SteadyClock::now()] { Return(start); });
  }

  void Return(SteadyClock::time_point start) {
    ++completed_;
    const std::lock_guard lock(mutex_);
    returned_.push_back(start);
    // Wakes up once for all completions of a group. Holds the lock: after the
    // last one, Stop returns and this object is destroyed.
    if (returned_.size() == 1) back_.notify_one();
  }

  Appender& appender_;
  const std::vector<Record>& records_;
  std::size_t next_;
  const std::size_t outstanding_;
  std::atomic<std::uint64_t> completed_ = 0;
  std::atomic<bool> measuring_ = false;
  std::vector<double> milliseconds_;
  std::mutex mutex_;
  std::condition_variable back_;
  std::vector<SteadyClock::time_point> returned_;  // Guarded by mutex_, as is the next.
  bool stopping_ = false;
  std::thread thread_;
};

// --------------------------------------------------------------------- rounds

struct Round {
  double records_per_second = 0;
  double cpu_us = 0;  // CPU time of the whole process, for one record.
  double p50_ms = 0;
  double p99_ms = 0;
};

struct Plan {
  std::size_t writers;
  PointCount points;
  std::chrono::milliseconds warm_up;
  std::chrono::milliseconds measured;
  int rounds;
};

double CpuSecondsOfThis() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Round RunRound(Appender& appender, const std::vector<Record>& records, const Plan& plan) {
  Writer left(appender, records, 0, plan.writers / 2);
  Writer right(appender, records, records.size() / 2, plan.writers - plan.writers / 2);
  LetPass(plan.warm_up);
  left.BeginMeasuring();
  right.BeginMeasuring();
  const double cpu_before = CpuSecondsOfThis();
  const std::uint64_t before = left.completed() + right.completed();
  const SteadyClock::time_point start = SteadyClock::now();
  LetPass(plan.measured);
  const auto completed = static_cast<double>(left.completed() + right.completed() - before);
  const double seconds = SecondsSince(start);
  const double cpu = CpuSecondsOfThis() - cpu_before;
  std::vector<double> times = left.Stop();
  const std::vector<double> more = right.Stop();
  times.insert(times.end(), more.begin(), more.end());
  return {.records_per_second = completed / seconds,
          .cpu_us = 1e6 * cpu / completed,
          .p50_ms = Quantile(times, 0.5),
          .p99_ms = Quantile(times, 0.99)};
}

struct Contestant {
  std::string name;
  // Creates it with its files at a path that does not exist yet.
  std::function<std::unique_ptr<Appender>(const std::string& path)> make;
  std::vector<Round> rounds = {};
};

std::vector<Contestant> Contestants() {
  const auto raw = [](bool compressed) {
    return [compressed](const std::string& path) {
      return std::make_unique<RawAppender>(path, compressed);
    };
  };
  const auto log = [](std::size_t backends) {
    return [backends](const std::string& path) {
      return std::make_unique<LogAppender>(path, backends);
    };
  };
  return {{"raw file, plain bytes", raw(false)},
          {"raw file, compressed bytes", raw(true)},
          {"log, one backend", log(1)},
          {"log, two backends", log(2)}};
}

// Uses new files for each round: overwriting old ones would be cheaper than in
// real use.
void RunInTurns(std::vector<Contestant>& contestants, const std::vector<Record>& records,
                const Plan& plan, const std::string& directory) {
  const std::string path = directory + "/files";
  for (int i = 0; i < plan.rounds; ++i) {
    for (Contestant& one : contestants) {
      std::unique_ptr<Appender> appender = one.make(path);
      one.rounds.push_back(RunRound(*appender, records, plan));
      appender.reset();
      std::filesystem::remove_all(path);
    }
  }
}

Round MedianOf(const std::vector<Round>& rounds) {
  const auto of = [&rounds](double Round::*figure) {
    std::vector<double> values;
    for (const Round& round : rounds) values.push_back(round.*figure);
    return Median(std::move(values));
  };
  return {of(&Round::records_per_second), of(&Round::cpu_us), of(&Round::p50_ms),
          of(&Round::p99_ms)};
}

// Prints the writers' cost of each record before the log gets it, on one core
// that does nothing else.
void PrintRecords(const std::vector<Record>& records, const Plan& plan) {
  double plain = 0;
  double stored = 0;
  const SteadyClock::time_point start = SteadyClock::now();
  for (const Record& record : records) {
    plain += static_cast<double>(record.lines.size());
    stored += static_cast<double>(Encode(record, Codec::kZstd).value().Seal(PayloadId(1)).size());
  }
  const double seconds = SecondsSince(start);
  const auto count = static_cast<double>(records.size());
  fmt::print(
      "\n{} writers, records of {} lines: {:.0f} bytes, stored as {:.0f} (ratio {:.2f}), "
      "encoded in {:.1f} us\n",
      plan.writers, plan.points, plain / count, stored / count, plain / stored,
      1e6 * seconds / count);
}

void PrintTable(const std::vector<Contestant>& contestants) {
  fmt::print("{:<28} {:>10} {:>9} {:>8} {:>8} {:>10} {:>16}\n", "median of the rounds", "records/s",
             "CPU us", "p50 ms", "p99 ms", "of plain", "of compressed");
  const double plain = MedianOf(contestants[0].rounds).records_per_second;
  const double compressed = MedianOf(contestants[1].rounds).records_per_second;
  for (const Contestant& one : contestants) {
    const Round round = MedianOf(one.rounds);
    fmt::print("{:<28} {:>10.0f} {:>9.1f} {:>8.2f} {:>8.2f} {:>10.2f} {:>16.2f}\n", one.name,
               round.records_per_second, round.cpu_us, round.p50_ms, round.p99_ms,
               round.records_per_second / plain, round.records_per_second / compressed);
  }
}

void RunShape(const Plan& plan, const std::string& directory, const std::string& only) {
  constexpr std::uint64_t kLines = 51'200;  // 17 MB: more than the caches hold.
  const std::vector<Record> records = SampleRecords(kLines / plan.points, plan.points);
  PrintRecords(records, plan);
  std::vector<Contestant> contestants = Contestants();
  std::erase_if(contestants, [&only](const Contestant& one) {
    return one.name.find(only) == std::string::npos;
  });
  RunInTurns(contestants, records, plan, directory);
  if (only.empty()) return PrintTable(contestants);
  for (const Contestant& one : contestants) {
    const Round round = MedianOf(one.rounds);
    fmt::print("{}: {:.0f} records/s, {:.1f} us of CPU each\n", one.name, round.records_per_second,
               round.cpu_us);
  }
}

int Main(int argc, char** argv) {
  const Options options(
      "Appends a second of the log, and of a raw file with a group fdatasync.",
      {{"dir", "", "where the files are; $TMPDIR, or else the current directory"},
       {"shapes", "64x100,256x1", "WRITERSxLINES: records outstanding, lines in each"},
       {"rounds", "5", "of each contestant, in turns"},
       {"seconds", "2", "measured in each round"},
       {"only", "", "contestants whose name holds this: \"log\", \"two\""}},
      argc, argv);
  const ScratchDir directory(options.Text("dir"));
  PrintConditions(directory.path());
  const auto measured = static_cast<int>(1e3 * options.Number("seconds"));
  for (const auto& [writers, lines] : options.Pairs("shapes")) {
    const Plan plan{.writers = writers,
                    .points = lines,
                    .warm_up = std::chrono::milliseconds(500),
                    .measured = std::chrono::milliseconds(measured),
                    .rounds = static_cast<int>(options.Count("rounds"))};
    RunShape(plan, directory.path(), options.Text("only"));
  }
  return 0;
}

}  // namespace
}  // namespace relay::bench

int main(int argc, char** argv) {
  return relay::bench::Main(argc, argv);
}
