#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <utility>

#include "relay/base/json_text.h"
#include "relay/cli/commands.h"
#include "relay/cli/log_directory.h"
#include "relay/terminal/progress_line.h"
#include "wal/verify/verify.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const LogFinding& finding) {
  return {{"family", finding.family},
          {"key", finding.key},
          {"expected", finding.expected},
          {"found", finding.found}};
}

Json ToJson(const VerifySummary::Backend& backend) {
  const auto known = [&backend](Sequence mark) {
    return backend.marks_known ? Json(mark.value()) : Json();
  };
  return {{"name", backend.name},
          {"trimmed", known(backend.marks.trimmed)},
          {"cursor", known(backend.marks.cursor)},
          {"head", known(backend.marks.head)},
          {"unaccounted_points", backend.unaccounted ? Json(*backend.unaccounted) : Json()}};
}

Json ToJson(const std::string& directory, const VerifySummary& summary) {
  Json json = {{"log", directory},
               {"format", summary.format},
               {"sound", summary.sound()},
               {"entries", summary.entries},
               {"payloads", summary.payloads},
               {"payload_bytes", summary.payload_bytes.count()},
               {"unused_payloads", summary.unused_payloads},
               {"held", summary.held},
               {"dead_letters", summary.dead_letters},
               {"gaps", summary.gaps},
               {"backends", Json::array()},
               {"finding_count", summary.findings}};
  for (const VerifySummary::Backend& backend : summary.backends) {
    json["backends"].push_back(ToJson(backend));
  }
  json["finding_count_by_family"] = summary.findings_by_family;
  return json;
}

void Print(const std::string& directory, const VerifySummary& summary) {
  fmt::print("{}: format {}\n", directory, summary.format);
  for (const VerifySummary::Backend& backend : summary.backends) {
    fmt::print("  backend       {}", backend.name);
    if (backend.marks_known) {
      fmt::print(": trimmed {}, cursor {}, head {}", backend.marks.trimmed.value(),
                 backend.marks.cursor.value(), backend.marks.head.value());
    }
    fmt::print("{}\n", backend.unaccounted ? "" : "; cannot tell whether points are missing");
  }
  fmt::print(
      "  entries       {}\n  payloads      {} ({} bytes)\n  held          {}\n"
      "  dead letters  {}\n  gaps          {}\n",
      Grouped(summary.entries), Grouped(summary.payloads), Grouped(summary.payload_bytes.count()),
      Grouped(summary.held), Grouped(summary.dead_letters), Grouped(summary.gaps));
  for (const auto& [family, count] : summary.findings_by_family) {
    fmt::print("  DAMAGED       {}: {} findings\n", family, Grouped(count));
  }
  if (summary.sound()) fmt::print("sound\n");
}

// Prints findings as they come, or collects them for the JSON; up to the limit.
class Findings {
 public:
  Findings(const VerifyArgs& args, ProgressLine& progress) : args_(args), progress_(progress) {}

  void Add(const LogFinding& finding) {
    if (++count_ > args_.limit) return;
    if (args_.json) {
      list_.push_back(ToJson(finding));
      return;
    }
    progress_.Erase();
    fmt::print("DAMAGED {}: {}: expected {}; found {}\n", finding.family, finding.key,
               finding.expected, finding.found);
    if (count_ == args_.limit) fmt::print("further findings are counted but not shown (--limit)\n");
  }
  Json list() const { return list_; }

 private:
  const VerifyArgs& args_;
  ProgressLine& progress_;
  std::uint64_t count_ = 0;
  Json list_ = Json::array();
};

}  // namespace

int Verify(const VerifyArgs& args) {
  Result<std::string> directory = LogDirectory(args.where);
  if (!directory.ok()) return PrintFailure("verify", directory.error(), args.json);
  const SystemClock clock;
  ProgressLine progress(clock);
  Findings findings(args, progress);
  VerifyObserver observer;
  observer.on_finding = [&findings](const LogFinding& finding) { findings.Add(finding); };
  observer.on_progress = [&progress](double part, const VerifySummary& so_far) {
    progress.Show(part, fmt::format("{} payloads, {} findings", Grouped(so_far.payloads),
                                    Grouped(so_far.findings)));
  };
  const Result<VerifySummary> summary = VerifyLog(directory.value(), observer);
  progress.Erase();
  if (!summary.ok() && summary.error().code() == ErrorCode::kNotFound) {
    return PrintFailure("verify", {ErrorCode::kNotFound, "there is no log in " + directory.value()},
                        args.json);
  }
  if (!summary.ok()) return PrintFailure("verify", summary.error(), args.json);
  if (args.json) {
    Json json = ToJson(directory.value(), summary.value());
    json["findings"] = findings.list();
    fmt::print("{}\n", DumpJson(json));
  } else {
    Print(directory.value(), summary.value());
  }
  return summary.value().sound() ? kDone : kFailed;
}

}  // namespace relay
