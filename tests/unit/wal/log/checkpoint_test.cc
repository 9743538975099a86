// Copies of a log that is in use.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"
#include "wal/offline.h"
#include "wal/record/identity.h"
#include "wal/recovery/checkpoint_draft.h"
#include "wal/verify/verify.h"

namespace relay::test::wal_log_checkpoint_test {
namespace {

namespace fs = std::filesystem;

// A log whose cursors are not written automatically while a test runs.
struct Original {
  std::unique_ptr<DurableLog> Open() {
    options.directory = directory.path() + "/log";
    return DurableLog::Open(options, {kWest, kEast}).value();
  }
  std::string File(const std::string& name) const { return directory.File("log/" + name); }
  std::string Copy(const std::string& name = "copy") const { return directory.File(name); }

  TempDir directory;
  LogOptions options{.group_max = 128_KiB, .limits = {.free_min = 0_B}, .file_size = 1_MiB};
};

std::unique_ptr<DurableLog> OpenCopy(const std::string& directory) {
  Result<std::unique_ptr<DurableLog>> log =
      DurableLog::Open({.directory = directory, .limits = {.free_min = 0_B}}, {kWest, kEast});
  if (!log.ok()) FAIL(log.error().message());
  return std::move(log).value();
}

void MustCopy(DurableLog& log, const std::string& directory) {
  const Status made = log.Checkpoint({.directory = directory});
  if (!made.ok()) FAIL(made.error().message());
}

void CheckSound(const std::string& directory) {
  VerifyObserver observer;
  observer.on_finding = [](const LogFinding& finding) {
    FAIL_CHECK(finding.family, ": ", finding.key, ": expected ", finding.expected, ", found ",
               finding.found);
  };
  const Result<VerifySummary> summary = VerifyLog(directory, observer);
  if (!summary.ok()) FAIL(summary.error().message());
  for (const VerifySummary::Backend& backend : summary.value().backends) {
    CHECK_EQ(backend.unaccounted, 0);
  }
}

void AppendTo(Log& log, std::uint64_t count, PointCount points = 1) {
  for (std::uint64_t n = 1; n <= count; ++n) {
    REQUIRE(AppendAndWait(log, NumberedRecord(n, points), {kWest, kEast}).ok());
  }
}

// Returns the files by inode, with their sizes on disk.
std::map<ino_t, std::uint64_t> FilesIn(const std::string& directory) {
  std::map<ino_t, std::uint64_t> files;
  for (const auto& file : fs::recursive_directory_iterator(directory)) {
    struct stat info {};
    if (lstat(file.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    files[info.st_ino] = static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
  return files;
}

TEST_CASE("checkpoint: a copy holds every record, and cursors that only memory knew") {
  Original original;
  original.options.cursor_interval = std::chrono::hours(1);
  const auto log = original.Open();
  AppendTo(*log, 5);
  const auto records = ReadAll(*log, kWest);
  REQUIRE(Deliver(*log, kWest, records[2].entry.position, 3).ok());
  MustCopy(*log, original.Copy());
  CheckSound(original.Copy());

  const auto copy = OpenCopy(original.Copy());
  CHECK(copy->Alarms().empty());
  CHECK_EQ(copy->MarksOf(kWest).cursor, Sequence(3));
  CHECK_EQ(copy->MarksOf(kWest).head, Sequence(5));
  CHECK_EQ(copy->MarksOf(kEast).cursor, Sequence(0));
  CHECK_EQ(copy->StatsOf(kWest).value().delivered, 3);
  CHECK_EQ(ReadAll(*copy, kWest, Sequence(3)).front().record.value()->lines,
           NumberedRecord(4).lines);
}

TEST_CASE(
    "checkpoint: a copy knows the positions of before it, and of what came later only its own") {
  Original original;
  auto log = original.Open();
  const WritePosition before = AppendAndWait(*log, NumberedRecord(1)).value().position();
  CHECK_FALSE(before.life.is_none());
  MustCopy(*log, original.Copy());
  const WritePosition later = AppendAndWait(*log, NumberedRecord(2)).value().position();
  const auto copy = OpenCopy(original.Copy());
  const WritePosition own = AppendAndWait(*copy, NumberedRecord(3)).value().position();
  CHECK_EQ(own.payload, later.payload);
  CHECK(copy->Gave(before));
  CHECK(copy->Gave(own));
  CHECK_FALSE(copy->Gave(later));
  CHECK(log->Gave(before));
  CHECK(log->Gave(later));
  CHECK_FALSE(log->Gave(own));
  CHECK_FALSE(log->Gave({later.payload.Next(), later.life}));
  CHECK_FALSE(log->Gave({later.payload.Next(), LifeId()}));
}

TEST_CASE(
    "checkpoint: positions are known over restarts, and an older state that came back is told") {
  Original original;
  auto log = original.Open();
  const WritePosition first = AppendAndWait(*log, NumberedRecord(1)).value().position();
  log.reset();
  const std::string older = original.Copy("older");
  fs::copy(original.directory.File("log"), older, fs::copy_options::recursive);
  log = original.Open();
  const WritePosition lost = AppendAndWait(*log, NumberedRecord(2)).value().position();
  CHECK(log->Gave(first));
  CHECK(first.life != lost.life);
  log.reset();
  CHECK(OpenLogView(original.directory.File("log")).value()->Gave(lost));
  CHECK_FALSE(OpenLogView(older).value()->Gave(lost));

  fs::remove_all(original.directory.File("log"));
  fs::rename(older, original.directory.File("log"));
  log = original.Open();
  const WritePosition other = AppendAndWait(*log, NumberedRecord(3)).value().position();
  CHECK_EQ(other.payload, lost.payload);
  CHECK(log->Gave(first));
  CHECK(log->Gave(other));
  CHECK_FALSE(log->Gave(lost));
}

TEST_CASE("checkpoint: a start on one is remembered until somebody takes note of it") {
  Original original;
  const auto log = original.Open();
  CHECK_FALSE(log->UnacknowledgedCopy().has_value());
  CHECK_EQ(log->AcknowledgeCopy(At(1)).error().code(), ErrorCode::kConflict);
  AppendTo(*log, 2);
  MustCopy(*log, original.Copy());
  {
    const auto copy = OpenCopy(original.Copy());
    const StartedCopy started = copy->UnacknowledgedCopy().value();
    CHECK(started.is_new);
    CHECK_EQ(started.origin, ReadIdentity(original.directory.File("log"), 99).value().identity.id);
    CHECK_EQ(started.newest_write, "1970-01-01T00:00:01Z");
    CHECK_GT(started.first_start, "2020");
    for (const BackendId& backend : {kWest, kEast}) {
      const auto gaps = copy->ReadGaps(backend, 0, 9).value();
      REQUIRE_EQ(gaps.size(), 1);
      CHECK_EQ(gaps[0].gap.reason, GapReason::kOtherCopy);
      CHECK_EQ(gaps[0].gap.first, Sequence(2));
      CHECK(gaps[0].gap.from == At(1));
      CHECK_EQ(copy->StatsOf(backend).value().unaccounted(), 0);
    }
  }
  {
    const auto copy = OpenCopy(original.Copy());
    const StartedCopy started = copy->UnacknowledgedCopy().value();
    CHECK_FALSE(started.is_new);
    CHECK_EQ(started.newest_write, "1970-01-01T00:00:01Z");
    CHECK_EQ(copy->ReadGaps(kWest, 0, 9).value().size(), 1);
    REQUIRE(copy->AcknowledgeCopy(At(5)).ok());
    CHECK_FALSE(copy->UnacknowledgedCopy().has_value());
    CHECK_EQ(copy->AcknowledgeCopy(At(5)).error().code(), ErrorCode::kConflict);
  }
  CheckSound(original.Copy());
  const auto copy = OpenCopy(original.Copy());
  CHECK_FALSE(copy->UnacknowledgedCopy().has_value());

  // A copy of the copy is another one.
  MustCopy(*copy, original.Copy("second"));
  CHECK(OpenCopy(original.Copy("second"))->UnacknowledgedCopy().value().is_new);
}

TEST_CASE("checkpoint: original and copy go on apart from each other") {
  Original original;
  const auto log = original.Open();
  AppendTo(*log, 3);
  MustCopy(*log, original.Copy());
  const auto copy = OpenCopy(original.Copy());
  AppendTo(*log, 1);
  AppendTo(*copy, 4);
  CHECK_EQ(log->MarksOf(kWest).head, Sequence(4));
  CHECK_EQ(copy->MarksOf(kWest).head, Sequence(7));
  REQUIRE(Deliver(*copy, kWest, ReadAll(*copy, kWest)[6].entry.position, 7).ok());
  CHECK_EQ(log->MarksOf(kWest).cursor, Sequence(0));
  CheckSound(original.File(""));
  CheckSound(original.Copy());
}

TEST_CASE("checkpoint: what is held, dead, dropped and paused is in the copy") {
  Original original;
  const auto log = original.Open();
  AppendTo(*log, 6, 2);
  const auto records = ReadAll(*log, kWest);
  REQUIRE(log->Resolve(kWest,
                       {.after = Sequence(0),
                        .through = records[2].entry.position,
                        .delivered = 2,
                        .letters = {{.sequence = Sequence(2), .points = 2, .lines = "m v=1 1\n"}},
                        .gaps = {},
                        .held = {Sequence(3)}})
              .ok());
  REQUIRE(log->Execute(kWest, Skip{Sequence(4), {.by = "me", .note = "why", .when = At(9)}}).ok());
  REQUIRE(log->Execute(kWest, SetPaused{true}).ok());
  const QueueStats before = log->StatsOf(kWest).value();
  MustCopy(*log, original.Copy());
  CheckSound(original.Copy());
  const auto copy = OpenLogView(original.Copy()).value();
  const QueueStats figures = copy->StatsOf(kWest).value();
  CHECK_EQ(figures.delivered, before.delivered);
  CHECK_EQ(figures.held.points, 2);
  CHECK_EQ(figures.dead, 2);
  CHECK_EQ(figures.dropped, 2);
  CHECK(figures.paused);
  CHECK_EQ(figures.unaccounted(), 0);
  CHECK_EQ(copy->ReadDead(kWest, 0, 9).value().size(), 1);
  CHECK_EQ(copy->ReadGaps(kWest, 0, 9).value().front().gap.note, "why");
}

// Writes and delivers until it is stopped, in threads of its own.
class Traffic {
 public:
  explicit Traffic(DurableLog& log) : log_(log) {
    threads_.emplace_back([this](const std::stop_token& stop) { Write(stop); });
    threads_.emplace_back([this](const std::stop_token& stop) { Resolve(stop); });
  }

  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t resolved() const { return resolved_; }  // Resolved in the log, or about to be.

 private:
  void Write(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::promise<bool> done;
      const std::uint64_t number = acknowledged_ + 1;
      log_.Append(
          {Encode(NumberedRecord(number, 50), Codec::kNone).value(), To({kWest, kEast}), At(1)},
          [&done](const Result<Durable>& answer) { done.set_value(answer.ok()); });
      INVARIANT(done.get_future().get());
      ++acknowledged_;
    }
  }

  // Resolves for west only: what east is owed keeps every payload.
  void Resolve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const Marks marks = log_.MarksOf(kWest);
      const auto read = log_.Read(kWest, marks.cursor, {.records = 7, .bytes = 1_MiB});
      INVARIANT(read.ok());
      if (read.value().empty()) continue;
      const Position& through = read.value().back().entry.position;
      resolved_ = through.sequence.value();
      INVARIANT(Deliver(log_, kWest, through, 50 * (through.sequence - marks.cursor)).ok());
    }
  }

  DurableLog& log_;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::atomic<std::uint64_t> resolved_ = 0;
  std::vector<std::jthread> threads_;
};

// Checks that every record is there, with the content that its number determines.
void CheckRecords(const LogView& copy, const BackendId& backend, std::uint64_t head) {
  const auto records = ReadAll(copy, backend);
  REQUIRE_EQ(records.size(), head);
  for (std::uint64_t n = 1; n <= head; ++n) {
    REQUIRE_EQ(records[n - 1].entry.position.sequence, Sequence(n));
    REQUIRE_EQ(records[n - 1].record.value()->lines, NumberedRecord(n, 50).lines);
  }
}

TEST_CASE("checkpoint: made under load it is sound, and no cursor is ahead of what was resolved") {
  Original original;
  const auto log = original.Open();
  Traffic traffic(*log);
  for (int turn = 1; turn <= 4; ++turn) {
    const std::uint64_t more = traffic.acknowledged() + 300;
    REQUIRE(Eventually(kPatience, [&] { return traffic.acknowledged() >= more; }));
    const std::string directory = original.Copy(fmt::format("copy-{}", turn));
    const std::uint64_t acknowledged = traffic.acknowledged();
    const Sequence cursor = log->MarksOf(kWest).cursor;
    MustCopy(*log, directory);
    const Sequence resolved(traffic.resolved());
    CheckSound(directory);
    const auto copy = OpenCopy(directory);
    CHECK(copy->Alarms().empty());
    const Marks marks = copy->MarksOf(kWest);
    CHECK_GE(marks.head, Sequence(acknowledged));
    CHECK_GE(marks.cursor, cursor);
    CHECK_LE(marks.cursor, resolved);
    CHECK_EQ(copy->StatsOf(kWest).value().unaccounted(), 0);
    CheckRecords(*copy, kEast, copy->MarksOf(kEast).head.value());
  }
}

TEST_CASE("checkpoint: it shares the log's files, and keeps what the log gives back") {
  Original original;
  original.options.limits.keep = {.time = std::chrono::seconds(0), .size = 0_B};
  const auto log = original.Open();
  for (std::uint64_t n = 1; n <= 2000; ++n) {  // About 10 MB.
    log->Append({Encode(NumberedRecord(n, 200), Codec::kNone).value(), To({kWest}), At(1)},
                [](const Result<Durable>& done) { INVARIANT(done.ok()); });
  }
  AppendTo(*log, 1);
  MustCopy(*log, original.Copy());
  const auto own = FilesIn(original.File(""));
  std::uint64_t size = 0;
  std::uint64_t added = 0;
  for (const auto& [file, bytes] : FilesIn(original.Copy())) {
    size += bytes;
    if (!own.contains(file)) added += bytes;
  }
  CHECK_GT(size, 8U << 20U);
  CHECK_LT(added, 3U << 20U);  // The WAL that is being written, and small files.

  const Position head = ReadAll(*log, kWest).back().entry.position;
  REQUIRE(Deliver(*log, kWest, head, 2000 * 200 + 1).ok());
  REQUIRE(Eventually(kPatience, [&] {
    REQUIRE(log->EnforceRetention(MomentAt(1000)).ok());
    return log->disk_use().used < 6_MiB;
  }));
  CheckSound(original.Copy());
  CHECK_EQ(ReadAll(*OpenLogView(original.Copy()).value(), kWest).size(), 2001);
}

TEST_CASE("checkpoint: those in the log's directory are not counted as the log's") {
  Original original;
  const auto log = original.Open();
  AppendTo(*log, 50, 200);
  REQUIRE(log->EnforceRetention(MomentAt(1)).ok());
  const Bytes used = log->disk_use().used;
  for (int i = 0; i < 5; ++i) MustCopy(*log, original.File(fmt::format("checkpoints/{}", i)));
  REQUIRE(log->EnforceRetention(MomentAt(1)).ok());
  CHECK_LT(log->disk_use().used, used + 64_KiB);
}

TEST_CASE("checkpoint: what lies beside the log and belongs to it goes along") {
  Original original;
  const auto log = original.Open();
  WriteFile(original.File("audit"), "who did what\n");
  fs::create_directory(original.File("jobs"));
  WriteFile(original.File("jobs/1.json"), "{}");
  WriteFile(original.File("strange"), "nobody's");
  REQUIRE(
      log->Checkpoint({.directory = original.Copy(), .beside = {"audit", "jobs", "none"}}).ok());
  CHECK_EQ(ReadFile(original.Copy("copy/audit")), "who did what\n");
  CHECK_EQ(ReadFile(original.Copy("copy/jobs/1.json")), "{}");
  std::set<std::string> names;
  for (const auto& file : fs::directory_iterator(original.Copy())) {
    names.insert(file.path().filename().string());
  }
  CHECK_EQ(names, std::set<std::string>{"audit", "db", "high-water", "identity", "jobs"});
}

TEST_CASE("checkpoint: it has an identity of its own, and says which log's copy it is") {
  Original original;
  const auto log = original.Open();
  MustCopy(*log, original.Copy());
  const Identity own = ReadIdentity(original.File(""), kFormatVersion).value().identity;
  const FoundIdentity copied = ReadIdentity(original.Copy(), kFormatVersion).value();
  CHECK(copied.state == IdentityState::kKnown);
  CHECK_NE(copied.identity.id, own.id);
  CHECK_EQ(copied.identity.origin, own.id);
  CHECK(own.origin.empty());
  // Both IDs stay when the copy becomes a log, which notes that it was started.
  OpenCopy(original.Copy());
  const Identity started = ReadIdentity(original.Copy(), kFormatVersion).value().identity;
  CHECK_EQ(started.id, copied.identity.id);
  CHECK_EQ(started.origin, own.id);
  CHECK_EQ(started.newest_write, copied.identity.created);
  CHECK_NE(started.first_start, "");
}

TEST_CASE("checkpoint: a copy of a copy, and of a log that was opened many times, alarms nobody") {
  Original original;
  for (int i = 0; i < 5; ++i) AppendTo(*original.Open(), 1);
  const auto log = original.Open();
  MustCopy(*log, original.Copy());
  const auto copy = OpenCopy(original.Copy());
  CHECK(copy->Alarms().empty());
  AppendTo(*copy, 2);
  MustCopy(*copy, original.Copy("second"));
  const auto second = OpenCopy(original.Copy("second"));
  CHECK(second->Alarms().empty());
  CHECK_EQ(second->MarksOf(kWest).head, Sequence(7));
}

TEST_CASE("checkpoint: one that lost its newest file is as damaged as a log would be") {
  Original original;
  {
    const auto log = original.Open();
    AppendTo(*log, 20);
    MustCopy(*log, original.Copy());
  }
  for (const auto& file : fs::directory_iterator(original.Copy("copy/db"))) {
    if (file.path().extension() == ".log") fs::resize_file(file.path(), 0);
  }
  const auto copy = OpenCopy(original.Copy());
  CHECK_FALSE(copy->Alarms().empty());
  CHECK_EQ(copy->MarksOf(kWest).head, Sequence(20));
}

TEST_CASE("checkpoint: what is there is never written over") {
  Original original;
  const auto log = original.Open();
  AppendTo(*log, 1);
  fs::create_directory(original.Copy());
  WriteFile(original.Copy("file"), "");
  fs::create_symlink("nowhere", original.Copy("link"));
  for (const std::string name : {"copy", "file", "link", "log/db", "log"}) {
    const Status refused = log->Checkpoint({.directory = original.Copy(name)});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code() == ErrorCode::kInvalidInput);
    CHECK(refused.error().message().ends_with("already exists"));
  }
  CHECK(fs::is_empty(original.Copy()));
  CheckSound(original.File(""));
}

TEST_CASE("checkpoint: where it cannot be made it is refused, and nothing is left of it") {
  Original original;
  const auto log = original.Open();
  AppendTo(*log, 1);
  const Status lost = log->Checkpoint({.directory = original.Copy("not/there/copy")});
  CHECK(lost.error().code() == ErrorCode::kInvalidInput);
  CHECK_FALSE(fs::exists(original.Copy("not")));
  // Needs another file system than that of the other temporary directories.
  struct stat here {};
  struct stat shared {};
  REQUIRE_EQ(stat(original.directory.path().c_str(), &here), 0);
  if (stat("/dev/shm", &shared) != 0 || here.st_dev == shared.st_dev) {
    MESSAGE("SKIPPED: /dev/shm is no file system of its own");
    return;
  }
  const TempDir elsewhere("/dev/shm");
  const Status refused = log->Checkpoint({.directory = elsewhere.File("copy")});
  CHECK(refused.error().code() == ErrorCode::kInvalidInput);
  CHECK(refused.error().message().find("hard-links the log's files") != std::string::npos);
  CHECK(fs::is_empty(elsewhere.path()));
}

TEST_CASE("checkpoint: on a full disk none is made") {
  Original original;
  original.options.limits.free_min = Bytes(1ULL << 50U);
  const auto log = original.Open();
  const Status refused = log->Checkpoint({.directory = original.Copy()});
  CHECK(refused.error().code() == ErrorCode::kFull);
  CHECK_FALSE(fs::exists(original.Copy()));
}

TEST_CASE(
    "checkpoint: what a crash left half-made is opened by nobody, and gives way to the next") {
  Original original;
  const auto log = original.Open();
  AppendTo(*log, 3);
  MustCopy(*log, original.Copy());
  const std::string half = original.Copy() + std::string(kUnfinishedCheckpoint);
  fs::rename(original.Copy(), half);
  REQUIRE(WriteUnfinished(half).ok());
  for (const std::string& directory : {half, original.Copy("renamed")}) {
    if (directory != half) fs::copy(half, directory, fs::copy_options::recursive);
    CHECK(DurableLog::Open({.directory = directory}, {kWest}).error().code() ==
          ErrorCode::kInvalidInput);
    const Error refused = OpenLogView(directory).error();
    CHECK(refused.message().find("an unfinished checkpoint") != std::string::npos);
    CHECK(VerifyLog(directory, {}).error().code() == ErrorCode::kInvalidInput);
  }
  MustCopy(*log, original.Copy());
  CHECK_FALSE(fs::exists(half));
  CheckSound(original.Copy());
  CheckSound(original.File(""));
}

TEST_CASE("checkpoint: two at a time are one too many") {
  Original original;
  const auto log = original.Open();
  AppendTo(*log, 200, 50);
  std::atomic<int> made = 0;
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const Status done =
            log->Checkpoint({.directory = original.Copy(fmt::format("copy-{}", i))});
        if (done.ok()) {
          ++made;
        } else if (done.error().code() == ErrorCode::kUnavailable) {
          ++refused;
        }
      });
    }
  }
  CHECK_GE(made, 1);
  CHECK_EQ(made + refused, 4);
}

}  // namespace
}  // namespace relay::test::wal_log_checkpoint_test
