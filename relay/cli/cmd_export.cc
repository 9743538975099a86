#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "relay/cli/commands.h"
#include "relay/cli/log_directory.h"
#include "relay/terminal/progress_line.h"
#include "relay/transfer/exporter.h"
#include "relay/transfer/output_file.h"

namespace relay {
namespace {

constexpr ReadLimit kWindow{.records = 256, .bytes = 4_MiB};
constexpr std::uint64_t kUnreadableShown = 100;

// Exports from a log into an exporter.
class ExportRun {
 public:
  ExportRun(const LogView& log, BackendId backend, const ExportArgs& args, Exporter& exporter,
            ProgressLine& progress)
      : log_(log),
        backend_(std::move(backend)),
        args_(args),
        exporter_(exporter),
        progress_(progress) {}

  Status Run() {
    if (args_.dead) return TakeDead();
    return args_.held ? TakeHeld() : TakeRecords();
  }

 private:
  using Read = std::function<Result<std::vector<StoredRecord>>(Sequence after)>;

  // Skips unreadable records one at a time.
  Status TakeRange(Sequence after, Sequence last, const Read& read) {
    const Sequence begin = after;
    while (after < last) {
      Result<std::vector<StoredRecord>> window = read(after);
      if (!window.ok()) {
        after = after.Next();
        exporter_.CountDamaged(after, window.error().message());
        continue;
      }
      if (window.value().empty()) return Ok();
      for (const StoredRecord& stored : window.value()) {
        after = stored.entry.position.sequence;
        if (after > last) return Ok();
        RETURN_IF_ERROR(exporter_.Take(stored));
      }
      progress_.Show(static_cast<double>(after - begin) / static_cast<double>(last - begin),
                     fmt::format("{} lines", Grouped(exporter_.tally().lines)));
    }
    return Ok();
  }

  Status TakeRecords() {
    ASSIGN_OR_RETURN(LogRange range, RangeOf(log_, backend_, args_.from, args_.to));
    return TakeRange(range.after, range.last,
                     [this](Sequence after) { return log_.Read(backend_, after, kWindow); });
  }

  Status TakeHeld() {
    ASSIGN_OR_RETURN(std::vector<HeldLane> lanes, log_.HeldLanes(backend_));
    for (const HeldLane& held : lanes) {
      if (!held.last) continue;
      Status taken = TakeRange(Sequence::BeforeFirst(), *held.last, [&](Sequence after) {
        return log_.ReadHeld(backend_, held.lane, after, kWindow);
      });
      if (!taken.ok()) return taken;
    }
    return Ok();
  }

  Status TakeDead() {
    constexpr std::size_t kLettersMax = 16;
    for (std::uint64_t after = 0;;) {
      ASSIGN_OR_RETURN(std::vector<StoredDeadLetter> letters,
                       log_.ReadDead(backend_, after, kLettersMax));
      if (letters.empty()) return Ok();
      for (const StoredDeadLetter& letter : letters) {
        after = letter.number;
        RETURN_IF_ERROR(exporter_.Take(letter));
      }
    }
  }

  const LogView& log_;
  const BackendId backend_;
  const ExportArgs& args_;
  Exporter& exporter_;
  ProgressLine& progress_;
};

// Prints to standard error if the lines go to standard output.
void PrintSummary(const ExportArgs& args, const ExportTally& tally) {
  std::FILE* const to = args.output.empty() ? stderr : stdout;
  if (args.json) {
    const nlohmann::ordered_json json = {{"lines", tally.lines},
                                         {"records", tally.records},
                                         {"damaged_records", tally.damaged},
                                         {"unreachable_times", tally.unreachable}};
    fmt::print(to, "{}\n", json.dump());
    return;
  }
  fmt::print(to, "{} lines of {} records exported", Grouped(tally.lines), Grouped(tally.records));
  if (tally.damaged > 0) fmt::print(to, ", {} damaged records left out", Grouped(tally.damaged));
  if (tally.unreachable > 0) {
    fmt::print(to, ", {} lines left out: time out of the range of nanoseconds",
               Grouped(tally.unreachable));
  }
  fmt::print(to, "\n");
}

ExportFilter FilterOf(const ExportArgs& args) {
  ExportFilter filter{.database = args.database, .measurement = args.measurement};
  if (args.with_retention_policy) filter.retention_policy = args.retention_policy;
  return filter;
}

}  // namespace

int Export(const ExportArgs& args) {
  std::signal(SIGPIPE, SIG_IGN);  // The reader of a pipe may close it.
  Result<OpenedLog> opened = OpenLogFor(args.where, args.backend);
  if (!opened.ok())
    return PrintFailure("export", opened.error(), args.json && !args.output.empty());
  Result<std::unique_ptr<OutputFile>> output = OutputFile::Create(args.output);
  if (!output.ok())
    return PrintFailure("export", output.error(), args.json && !args.output.empty());

  const SystemClock clock;
  ProgressLine progress(clock);
  std::uint64_t printed = 0;
  Exporter exporter(
      args.format == "lp" ? ExportFormat::kLines : ExportFormat::kInflux, FilterOf(args),
      [&output](std::string_view text) { return output.value()->Write(text); },
      [&](const std::string& what) {
        if (++printed > kUnreadableShown) return;
        progress.Erase();
        fmt::print(stderr, "{}\n", what);
        if (printed == kUnreadableShown) {
          fmt::print(stderr, "further ones are counted but not shown\n");
        }
      });
  Status done =
      ExportRun(*opened.value().log, opened.value().backend, args, exporter, progress).Run();
  if (done.ok()) done = output.value()->Finish();
  progress.Erase();
  if (!done.ok()) return PrintFailure("export", done.error(), args.json && !args.output.empty());
  PrintSummary(args, exporter.tally());
  return exporter.tally().damaged + exporter.tally().unreachable == 0 ? kDone : kFailed;
}

}  // namespace relay
