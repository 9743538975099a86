#include "tests/faults/each_call.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>

#include "tests/support/eventually.h"
#include "tests/support/models/after_crash.h"
#include "tests/support/models/log_difference.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace relay::test {
namespace {

struct Life {
  Lived lived;
  std::string failed_call;  // Empty: the life ended before that call.
  bool open = false;
};

// Checks that the log stays readable, whatever the disk refuses to take, but for the moments in
// which it is being reopened.
void CheckThatItIsReadable(const Log& log) {
  for (const BackendId& backend : log.Backends()) {
    const Result<QueueStats> figures = log.StatsOf(backend);
    if (!figures.ok()) continue;  // Forgotten after all, though that was refused.
    const Sequence trimmed = figures.value().marks.trimmed;
    CHECK(Eventually(kPatience, [&] { return log.Read(backend, trimmed, kAll).ok(); }));
  }
}

// Ends with the first step that is refused, or with the script.
Life LiveUntilRefused(SmallLog& log, const std::string& directory, Fault fault, std::uint64_t nth) {
  Life life;
  FailCalls(directory, fault, nth);
  for (const CrashStep& step : CrashScript()) {
    ++life.lived.begun;
    if (!step.on_log(log).ok()) break;
    ++life.lived.done;
  }
  life.open = log.is_open();
  if (life.open && fault != Fault::kUnreadable) CheckThatItIsReadable(log.log());
  return life;
}

// Checks that the log comes back by itself once the fault is over.
void CheckThatItComesBack(SmallLog& log, const Lived& lived) {
  CHECK(Eventually(kPatience, [&log] { return log.log().Health().ok(); }));
  const std::vector<CrashStep> script = CrashScript();
  // Backends that could not be added are asked for again.
  const Status asked = log.log().SetBackends(script[lived.begun - 1].configured);
  CHECK_EQ(asked.ok() ? "" : asked.error().message(), "");
  ScriptModel model(script.front().configured);
  CHECK_EQ(DifferenceAfter(log.log(), lived, model), "");
}

// Returns whether the life reached the call.
bool LiveWithFault(Fault fault, std::uint64_t nth) {
  const TempDir directory(FastestDirectory());
  const std::string path = directory.File("log");
  SmallLog log(path);
  Life life = LiveUntilRefused(log, path, fault, nth);
  life.failed_call = MendCalls();
  const std::vector<CrashStep> script = CrashScript();
  INFO("call " << nth << ", " << life.failed_call << ", in: " << script[life.lived.begun - 1].name);
  if (life.failed_call.empty()) CHECK_EQ(life.lived.done, script.size());
  if (life.open) CheckThatItComesBack(log, life.lived);
  log.Close();
  CheckWhatIsLeft(path, life.lived, false);
  return !life.failed_call.empty();
}

}  // namespace

void FailAtEach(Fault fault) {
  if (const char* only = std::getenv("RELAY_CALL")) {
    CHECK(LiveWithFault(fault, std::stoull(only)));
    return;
  }
  std::uint64_t nth = 1;
  while (LiveWithFault(fault, nth)) ++nth;
  fmt::print("{} calls\n", nth - 1);
  CHECK_GT(nth, 100);
}

}  // namespace relay::test
