#include "tests/support/what_is_left.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/log_difference.h"
#include "wal/checkpoint.h"
#include "wal/verify.h"

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

// Under its name a copy is whole; what else is left of one is opened by nobody
// or whole too, and the next of that name takes its place.
void CheckCopy(SmallLog& log) {
  const std::string copy = log.CopyNamed("copy");
  const std::string half = copy + std::string(kUnfinishedCheckpoint);
  const bool is_half = std::filesystem::exists(half);
  if (!is_half && !std::filesystem::exists(copy)) return;  // It did not come to one.
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

  // An append is a step that needs nothing but its backends.
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
