#include "tests/support/models/after_crash.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "tests/support/models/log_difference.h"
#include "tests/support/process/process.h"
#include "wal/recovery/checkpoint_draft.h"
#include "wal/verify/verify.h"

namespace relay::test {
namespace {

void CheckThatItIsSound(const std::string& directory) {
  VerifyObserver observer;
  observer.on_finding = [](const LogFinding& finding) {
    FAIL_CHECK(finding.family << " " << finding.key << ": " << finding.found);
  };
  const Result<VerifySummary> summary = VerifyLog(directory, observer);
  REQUIRE(summary.ok());
  CHECK(summary.value().sound());
}

// A copy under its final name is complete. An unfinished one is refused or
// complete too, and the next copy of that name replaces it.
void CheckCopy(SmallLog& log) {
  const std::string copy = log.CopyNamed("copy");
  const std::string half = copy + std::string(kUnfinishedCheckpoint);
  const bool is_half = std::filesystem::exists(half);
  if (!is_half && !std::filesystem::exists(copy)) return;  // The life ended before the copy.
  if (is_half) {
    CHECK_FALSE(std::filesystem::exists(copy));
    const Result<VerifySummary> refused = VerifyLog(half, {});
    CHECK((refused.ok() ? refused.value().sound()
                        : refused.error().code() == ErrorCode::kInvalidInput ||
                              refused.error().code() == ErrorCode::kNotFound));
    const Status made = log.log().Checkpoint({.directory = copy});
    CHECK_EQ(made.ok() ? "" : made.error().message(), "");
    CHECK_FALSE(std::filesystem::exists(half));
  }
  CheckThatItIsSound(copy);
}

}  // namespace

void ReportStep(const std::string& report, Progress progress, std::size_t step) {
  const int file = open(report.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string line =
      fmt::format("{} {}\n", progress == Progress::kDone ? "done" : "begun", step);
  REQUIRE_EQ(write(file, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  close(file);
}

Lived ReadLived(const std::string& report, std::size_t from) {
  Lived lived{.died = false, .done = from, .begun = from};
  std::istringstream lines(ReadFile(report));
  std::string what;
  for (std::size_t step = 0; lines >> what >> step;) {
    (what == "done" ? lived.done : lived.begun) = step + 1;
  }
  return lived;
}

std::string DifferenceAfter(const LogView& log, const Lived& lived, ScriptModel& model) {
  const std::vector<CrashStep> script = CrashScript();
  for (std::size_t step = 0; step < lived.done; ++step) model.Do(script[step]);
  if (lived.begun == lived.done) return model.DifferenceOf(log);
  try {
    model.FollowInterrupted(log, script[lived.done]);
  } catch (const Difference& difference) {
    return difference.what;
  }
  return "";
}

void CheckWhatIsLeft(const std::string& directory, const Lived& lived, bool damaged) {
  const std::vector<CrashStep> script = CrashScript();
  const CrashStep& last = script[std::max<std::size_t>(lived.begun, 1) - 1];
  INFO("the last step: " << last.name);
  SmallLog log(directory);
  const Status opened = log.Open(last.configured);
  REQUIRE_EQ(opened.ok() ? "" : opened.error().message(), "");
  if (!damaged) CHECK_EQ(fmt::format("{}", fmt::join(log.log().Alarms(), "; ")), "");
  ScriptModel model(script.front().configured);
  REQUIRE_EQ(DifferenceAfter(log.log(), lived, model), "");

  // An append is a step that needs only its backends.
  const CrashStep& append = script.at(1);
  if (log.log().Backends() == append.configured) {
    REQUIRE(append.on_log(log).ok());
    model.Do(append);
    CHECK_EQ(model.DifferenceOf(log.log()), "");
  }
  CheckCopy(log);
  log.Close();
  CheckThatItIsSound(directory);
}

}  // namespace relay::test
