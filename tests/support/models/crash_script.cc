#include "tests/support/models/crash_script.h"

#include <fmt/format.h>

#include <future>
#include <random>
#include <utility>

#include "tests/support/eventually.h"

namespace relay::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFirstHold = "a record of west goes on hold";
const Lane kLane{"a", ""};

BackendId Named(std::string_view name) {
  return BackendId::Parse(name).value();
}

WallTime Now() {
  return WallTime(1'000s);
}

// Lines that do not compress: records of some kilobytes fill files.
Record RecordOf(std::uint64_t number, std::size_t bulk) {
  std::mt19937_64 random(number);
  std::string text;
  while (text.size() < bulk) text += fmt::format("{:016x}", random());
  Record record;
  record.params.database = number % 3 == 0 ? "b" : "a";
  record.points = 1 + number % 4;
  for (PointCount i = 0; i < record.points; ++i) {
    record.lines += fmt::format("m,n={} v=\"{}\" {}\n", number, text, 1'000 * number + i);
  }
  return record;
}

AppendRequest RequestOf(std::uint64_t number, std::vector<BackendId> to, std::size_t bulk = 8) {
  return {Encode(RecordOf(number, bulk), Codec::kZstd).value(),
          std::make_shared<const std::vector<BackendId>>(std::move(to)), Now()};
}

Status AppendAndWait(Log& log, std::vector<AppendRequest> parts) {
  std::promise<Status> answered;
  log.AppendParts(std::move(parts), [&answered](const Result<Durable>& done) {
    answered.set_value(done.ok() ? Ok() : Status(done.error()));
  });
  return answered.get_future().get();
}

Status Execute(Log& log, const BackendId& backend, const LogCommand& command) {
  RETURN_IF_ERROR(log.Execute(backend, command));
  return Ok();
}

// Resolves the backend's next records, each as a whole, by `fate`.
using Fated = std::function<void(const StoredRecord& stored, Resolution& resolution)>;
Status ResolveNext(Log& log, const BackendId& backend, RecordCount count, const Fated& fate) {
  const Sequence cursor = log.MarksOf(backend).cursor;
  const auto records = log.Read(backend, cursor, {.records = count, .bytes = 1_GiB});
  if (!records.ok()) return records.error();
  Resolution resolution{.after = cursor,
                        .through = records.value().back().entry.position,
                        .letters = {},
                        .gaps = {},
                        .held = {}};
  for (const StoredRecord& stored : records.value()) fate(stored, resolution);
  return log.Resolve(backend, resolution);
}

void Delivered(const StoredRecord& stored, Resolution& resolution) {
  resolution.delivered += stored.entry.size.points;
}

void Buried(const StoredRecord& stored, Resolution& resolution) {
  const std::shared_ptr<const Record>& record = stored.record.value();
  DeadLetter letter;
  letter.sequence = stored.entry.position.sequence;
  letter.points = record->points;
  letter.params = record->params;
  letter.lines = record->lines;
  letter.when = Now();
  resolution.letters.push_back(std::move(letter));
}

void Held(const StoredRecord& stored, Resolution& resolution) {
  resolution.held.push_back(stored.entry.position.sequence);
}

Status ResolveAllHeld(Log& log, const BackendId& backend) {
  const std::vector<HeldLane> lanes = log.HeldLanes(backend).value();
  const HeldLane& held = lanes.front();
  return log.ResolveHeld(backend, held.lane,
                         {.first = held.first.value(),
                          .through = held.last.value(),
                          .delivered = held.size.points,
                          .letters = {},
                          .gaps = {}});
}

// Fails the sync of a change without an effect; the log closes and reopens.
Status FailASync(SmallLog& small) {
  small.disk().FailSyncs(true);
  const Status refused = Execute(small.log(), Named("west"), SetPaused{false});
  small.disk().FailSyncs(false);
  if (refused.ok()) return Error(ErrorCode::kIo, "changed, though its sync failed");
  const bool back = Eventually(kPatience, [&small] { return small.log().Health().ok(); });
  return back ? Ok() : small.log().Health();
}

class Writer {
 public:
  std::vector<CrashStep> Script() && {
    const BackendId west = Named("west");
    const BackendId east = Named("east");
    Reopen("the log opens", {west, east});
    Appends();
    Deliveries(west, east);
    Operators(west);
    Copy("copy");
    Trims({west, east});
    Backends(west, east);
    return std::move(steps_);
  }

 private:
  using Verb = std::function<Status(Log&)>;

  void Add(std::string name, const Verb& verb) {
    const auto on_log = [verb](SmallLog& small) { return verb(small.log()); };
    const auto on_model = [verb](MemoryLog& model) { INVARIANT(verb(model).ok()); };
    steps_.push_back({std::move(name), on_log, on_model, true, configured_});
  }

  void AddCommand(std::string name, const BackendId& backend, const LogCommand& command) {
    Add(std::move(name), [backend, command](Log& log) { return Execute(log, backend, command); });
  }

  void Reopen(std::string name, std::vector<BackendId> configured) {
    configured_ = std::move(configured);
    const auto on_log = [to = configured_](SmallLog& small) {
      small.Close();
      return small.Open(to);
    };
    steps_.push_back({std::move(name), on_log, [](MemoryLog&) {}, true, configured_});
  }

  // Appends the records as parts of one write: all of them or none.
  void Append(std::size_t count, std::size_t bulk = 8) {
    const std::uint64_t first = std::exchange(next_number_, next_number_ + count);
    const auto verb = [first, count, bulk, to = configured_](Log& log) {
      std::vector<AppendRequest> parts;
      for (std::uint64_t i = 0; i < count; ++i) parts.push_back(RequestOf(first + i, to, bulk));
      return AppendAndWait(log, std::move(parts));
    };
    Add(fmt::format("{} records from {} on are appended", count, first), verb);
  }

  void Appends() {
    Append(1);
    Append(7);
    Add("a write in parts for different backends is appended", [](Log& log) {
      std::vector<AppendRequest> parts;
      parts.push_back(RequestOf(101, {Named("west")}));
      parts.push_back(RequestOf(102, {Named("east")}));
      return AppendAndWait(log, std::move(parts));
    });
  }

  void Deliver(const BackendId& backend, RecordCount count) {
    Add(backend.text() + " takes records",
        [backend, count](Log& log) { return ResolveNext(log, backend, count, Delivered); });
    steps_.back().waits = false;
  }

  void SetAside(const BackendId& backend) {
    Add("a record of " + backend.text() + " is set aside",
        [backend](Log& log) { return ResolveNext(log, backend, 1, Buried); });
  }

  void Hold(const BackendId& backend) {
    Add(kFirstHold, [backend](Log& log) { return ResolveNext(log, backend, 1, Held); });
  }

  void Deliveries(const BackendId& west, const BackendId& east) {
    Deliver(west, 2);
    Deliver(east, 3);
    Deliver(west, 1);
    SetAside(west);
    SetAside(east);
    Hold(west);
    Add("west takes what was on hold", [west](Log& log) { return ResolveAllHeld(log, west); });
    Hold(west);
    Deliver(east, 1);
  }

  void Operators(const BackendId& west) {
    const Actor ann{.by = "ann", .note = "why", .when = Now()};
    AddCommand("a lane is held", west, HoldLane{{"c", ""}});
    AddCommand("a lane is released", west, ReleaseLane{{"c", ""}});
    Add("what is on hold is skipped", [west, ann](Log& log) {
      const std::vector<HeldLane> lanes = log.HeldLanes(west).value();
      return Execute(log, west, SkipHeld{lanes.front().lane, ann});
    });
    Add("a record is skipped", [west, ann](Log& log) {
      return Execute(log, west, Skip{log.MarksOf(west).cursor.Next(), ann});
    });
    AddCommand("west is rewound", west, Rewind{Sequence(2)});
    AddCommand("a dead letter is driven again", west, Redrive{{1}, Now()});
    SetAside(west);
    AddCommand("a dead letter is dropped", west, DropDead{{2}});
    AddCommand("west pauses", west, SetPaused{true});
    AddCommand("west goes on", west, SetPaused{false});
  }

  void Copy(const std::string& name) {
    const auto on_log = [name](SmallLog& small) {
      return small.log().Checkpoint({.directory = small.CopyNamed(name)});
    };
    steps_.push_back({"a checkpoint is made", on_log, [](MemoryLog&) {}, true, configured_});
  }

  void Trims(const std::vector<BackendId>& backends) {
    Append(12, 6'000);
    for (const BackendId& backend : backends) Deliver(backend, 1'000);
    EnforceRetention();
    Append(8, 6'000);
    for (const BackendId& backend : backends) Deliver(backend, 6);
    EnforceRetention();
    // No record is left to trim: a turn of the house removes the letters of west in one step.
    AddCommand("a dead letter of east is dropped", Named("east"), DropDead{{1}});
    SetAside(Named("west"));
    EnforceRetention();
    RemoveDeadLetters(Named("west"));
  }

  void RemoveDeadLetters(const BackendId& backend) {
    const auto on_log = [](SmallLog& small) {
      small.LimitDeadLetters(0_B);
      return small.log().EnforceRetention({Clock::TimePoint(1'000s), Now()});
    };
    const auto on_model = [backend](MemoryLog& model) { model.RemoveDead(backend, Now()); };
    steps_.push_back(
        {"dead letters beyond their budget are removed", on_log, on_model, true, configured_});
  }

  void EnforceRetention() {
    const auto on_log = [](SmallLog& small) {
      return small.log().EnforceRetention({Clock::TimePoint(1'000s), Now()});
    };
    const auto on_model = [](MemoryLog& model) {
      for (const BackendId& backend : model.Backends()) {
        model.Trim(backend, model.MarksOf(backend).cursor);
      }
    };
    steps_.push_back({"the house is kept", on_log, on_model, true, configured_});
    steps_.back().by_backend = true;
  }

  void Backends(const BackendId& west, const BackendId& east) {
    const BackendId north = Named("north");
    configured_ = {west, east, north};
    steps_.push_back({"a backend is added",
                      [to = configured_](SmallLog& small) { return small.log().SetBackends(to); },
                      [north](MemoryLog& model) { model.Configure(north); }, true, configured_});
    Append(1);
    steps_.push_back({"a sync fails", FailASync, [](MemoryLog&) {}, false, configured_});
    Append(1);
    Reopen("a backend is gone from the configuration", {west, north});
    steps_.back().on_model = [east](MemoryLog& model) { model.Orphan(east); };
    AddCommand("a backend is forgotten", east, Forget{});
    Append(1);
    Reopen("the log is closed and opened", configured_);
  }

  std::vector<CrashStep> steps_;
  std::vector<BackendId> configured_;
  std::uint64_t next_number_ = 1;
};

}  // namespace

SmallLog::SmallLog(std::string directory) {
  options_.directory = std::move(directory);
  options_.env = env_.get();
  options_.cursor_interval = 20ms;
  options_.reopen_first = 5ms;
  options_.reopen_max = 20ms;
  options_.file_size = 64_KiB;
  options_.limits.free_min = 0_B;
  options_.limits.keep = {.time = 1h, .size = 0_B};
}

void SmallLog::LimitDeadLetters(Bytes size) {
  LogLimits limits = options_.limits;
  limits.dead.size = size;
  log_->SetLimits(limits);
}

Status SmallLog::Open(const std::vector<BackendId>& backends) {
  Result<std::unique_ptr<DurableLog>> log = DurableLog::Open(options_, backends);
  if (!log.ok()) return log.error();
  log_ = std::move(log).value();
  return Ok();
}

std::vector<CrashStep> CrashScript() {
  return Writer().Script();
}

std::size_t StepsOfFormatOne(const std::vector<CrashStep>& script) {
  std::size_t count = 0;
  while (script.at(count).name != kFirstHold) ++count;
  return count;
}

}  // namespace relay::test
