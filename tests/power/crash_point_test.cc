// A process lives the script of tests/support/crash_script.h and is killed at a
// crash point, at each of its passes in turn; what it left must open again as
// what the steps made that it reported: nothing that was answered for is gone,
// no cursor is ahead, the step that was under way happened or did not.
#include "wal/crash_point.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>

#include "tests/support/crash_script.h"
#include "tests/support/log_difference.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "wal/checkpoint.h"
#include "wal/verify.h"

namespace relay::test {
namespace {

// ---------------------------------------------------------------- who dies

constexpr int kDiedAsTold = 128 + SIGKILL;

struct Orders {
  std::string log;  // The directory.
  std::string report;
  std::size_t from = 0;  // The step to begin with.
  std::string point;
  std::uint64_t pass = 1;
};

void Report(const Orders& orders, std::string_view what, std::size_t step) {
  const int file = open(orders.report.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string line = fmt::format("{} {}\n", what, step);
  REQUIRE_EQ(write(file, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  close(file);
}

void LiveAndDie(const Orders& orders) {
  const std::vector<CrashStep> script = CrashScript();
  SmallLog log(orders.log);
  ArmCrashPoint(CrashPointNamed(orders.point).value(), orders.pass);
  if (orders.from > 0) REQUIRE(log.Open(script.at(orders.from - 1).configured).ok());
  for (std::size_t step = orders.from; step < script.size(); ++step) {
    Report(orders, "begun", step);
    const Status done = script[step].on_log(log);
    INFO(script[step].name);
    REQUIRE_EQ(done.ok() ? "" : done.error().message(), "");
    Report(orders, "done", step);
  }
}

// Its own process, see Send.
TEST_CASE("crash point: who dies" * doctest::skip()) {
  const char* text = std::getenv("RELAY_CRASH_ORDERS");
  REQUIRE(text != nullptr);
  std::istringstream in(text);
  Orders orders;
  in >> orders.log >> orders.report >> orders.from >> orders.point >> orders.pass;
  LiveAndDie(orders);
}

// ---------------------------------------------------------------- who looks

// How far a life came.
struct Lived {
  bool died = false;
  std::size_t done = 0;   // Steps that were reported.
  std::size_t begun = 0;  // One more where it died in one.
};

Lived Send(const Orders& orders) {
  const std::string output = orders.report + "-output";
  Process process(
      {.argv = {"/proc/self/exe", "--test-case=crash point: who dies", "--no-skip"},
       .environment = {fmt::format("RELAY_CRASH_ORDERS={} {} {} {} {}", orders.log, orders.report,
                                   orders.from, orders.point, orders.pass)},
       .output_path = output});
  const std::optional<int> code = process.WaitFor(kPatience);
  const bool as_told = code == 0 || code == kDiedAsTold;
  INFO(process.Output());
  REQUIRE(as_told);
  Lived lived{.died = code == kDiedAsTold, .done = orders.from, .begun = orders.from};
  std::istringstream report(ReadFile(orders.report));
  std::string what;
  for (std::size_t step = 0; report >> what >> step;) {
    (what == "done" ? lived.done : lived.begun) = step + 1;
  }
  return lived;
}

struct CursorPlace {
  Sequence cursor;
  PointCount delivered;
};

// What the first steps make, and where a cursor may be found after a crash.
struct Expected {
  std::unique_ptr<MemoryLog> model;
  std::map<BackendId, std::vector<CursorPlace>> places;
};

Expected LiveBeside(const std::vector<CrashStep>& script, std::size_t steps) {
  Expected expected{std::make_unique<MemoryLog>(script.front().configured), {}};
  for (std::size_t step = 0; step < steps; ++step) {
    script[step].on_model(*expected.model);
    if (script[step].waits) expected.places.clear();
    for (const BackendId& backend : expected.model->Backends()) {
      const Figures figures = expected.model->FiguresOf(backend).value();
      expected.places[backend].push_back({figures.marks.cursor, figures.delivered});
    }
  }
  return expected;
}

// In what the log is not as expected, but for cursors that fell back.
std::string DifferenceOf(const LogView& log, Expected& expected, const BackendId& backend) {
  try {
    const Result<Figures> figures = log.FiguresOf(backend);
    Expect(figures.ok(), backend.text() + " is not there");
    for (const CursorPlace& place : expected.places[backend]) {
      if (place.cursor != figures.value().marks.cursor) continue;
      expected.model->FallBack(backend, place.cursor, place.delivered);
    }
    ExpectSameFigures(log, *expected.model, backend);
    ExpectSameContents(log, *expected.model, backend);
  } catch (const Difference& difference) {
    return difference.what;
  }
  return "";
}

std::string DifferenceOf(const LogView& log, Expected& expected) {
  if (log.Backends() != expected.model->Backends()) return "other backends";
  for (const BackendId& backend : log.Backends()) {
    const std::string difference = DifferenceOf(log, expected, backend);
    if (!difference.empty()) return difference;
  }
  return "";
}

// The log as the reported steps left it, or the one under way too.
Expected FindExpected(const LogView& log, const std::vector<CrashStep>& script,
                      const Lived& lived) {
  Expected before = LiveBeside(script, lived.done);
  Expected after = LiveBeside(script, lived.begun);
  const std::size_t last = std::max<std::size_t>(lived.begun, 1) - 1;
  for (const BackendId& backend : script[last].configured) before.model->Configure(backend);
  const std::string without = DifferenceOf(log, before);
  if (without.empty()) return before;
  const std::string with = DifferenceOf(log, after);
  if (with.empty()) return after;
  bool each = script[last].by_backend;
  for (const BackendId& backend : log.Backends()) {
    if (!each) break;
    if (DifferenceOf(log, before, backend).empty()) continue;
    each = DifferenceOf(log, after, backend).empty();
    if (each) before.model->Trim(backend, after.model->MarksOf(backend).trimmed);
  }
  INFO("without the step under way: " << without << "\nwith it: " << with);
  REQUIRE(each);
  return before;
}

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

// What was left opens, is as expected, and goes on.
void CheckWhatIsLeft(const std::string& directory, const Lived& lived) {
  const std::vector<CrashStep> script = CrashScript();
  const std::size_t last = std::max<std::size_t>(lived.begun, 1) - 1;
  INFO("step under way: " << script[last].name);
  SmallLog log(directory);
  const Status opened = log.Open(script[last].configured);
  REQUIRE_EQ(opened.ok() ? "" : opened.error().message(), "");
  CHECK_EQ(fmt::format("{}", fmt::join(log.log().Alarms(), "; ")), "");
  Expected expected = FindExpected(log.log(), script, lived);
  // An append is a step that needs nothing but its backends.
  const CrashStep& append = script.at(1);
  if (log.log().Backends() == append.configured) {
    REQUIRE(append.on_log(log).ok());
    append.on_model(*expected.model);
    CHECK_EQ(DifferenceOf(log.log(), expected), "");
  }
  CheckCopy(log);
  log.Close();
  CheckThatItIsSound(directory);
}

void DieAtEach(CrashPoint point) {
  std::uint64_t deaths = 0;
  while (true) {
    const TempDir directory(FastestDirectory());
    const Orders orders{.log = directory.File("log"),
                        .report = directory.File("report"),
                        .point = std::string(ToString(point)),
                        .pass = deaths + 1};
    INFO("at pass " << orders.pass);
    const Lived lived = Send(orders);
    if (!lived.died) break;
    ++deaths;
    CheckWhatIsLeft(orders.log, lived);
  }
  CHECK_GT(deaths, 0);
}

#define RELAY_TEST(identifier, name)   \
  TEST_CASE("crash point: " name) {    \
    DieAtEach(CrashPoint::identifier); \
  }
RELAY_CRASH_POINTS(RELAY_TEST)
#undef RELAY_TEST

}  // namespace
}  // namespace relay::test
