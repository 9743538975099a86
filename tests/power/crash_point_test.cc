// A process lives the script of tests/support/models/crash_script.h and is killed at a
// crash point, at each of its passes in turn; what it left must open again in the
// state of the steps that it reported: nothing acknowledged is lost, no cursor is
// ahead, the step that was under way happened or did not.
#include "wal/base/crash_point.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <random>
#include <sstream>

#include "tests/support/models/after_crash.h"
#include "tests/support/models/crash_script.h"
#include "tests/support/models/format_v1.h"
#include "tests/support/models/script_model.h"
#include "tests/support/process/process.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace relay::test::power_crash_point_test {
namespace {

// ---------------------------------------------------------------- the process that dies

constexpr int kDiedAsTold = 128 + SIGKILL;

struct Orders {
  std::string log;  // The directory.
  std::string report;
  std::size_t from = 0;  // The step to begin with, and the one to end before.
  std::size_t to = 0;
  std::string point;
  std::uint64_t pass = 1;
  bool too_early = false;  // A planted bug: a step is reported before it is done.
};

void LiveAndDie(const Orders& orders) {
  const std::vector<CrashStep> script = CrashScript();
  SmallLog log(orders.log);
  ArmCrashPoint(CrashPointNamed(orders.point).value(), orders.pass);
  if (orders.from > 0) REQUIRE(log.Open(script.at(orders.from - 1).configured).ok());
  for (std::size_t step = orders.from; step < orders.to; ++step) {
    ReportStep(orders.report, Progress::kBegun, step);
    if (orders.too_early) ReportStep(orders.report, Progress::kDone, step);
    const Status done = script[step].on_log(log);
    INFO(script[step].name);
    REQUIRE_EQ(done.ok() ? "" : done.error().message(), "");
    if (!orders.too_early) ReportStep(orders.report, Progress::kDone, step);
  }
}

// Runs in its own process, see Send.
TEST_CASE("crash point: who dies" * doctest::skip()) {
  const char* text = std::getenv("RELAY_CRASH_ORDERS");
  REQUIRE(text != nullptr);
  std::istringstream in(text);
  Orders orders;
  in >> orders.log >> orders.report >> orders.from >> orders.to >> orders.point >> orders.pass >>
      orders.too_early;
  LiveAndDie(orders);
}

// ---------------------------------------------------------------- the process that checks

Lived Send(const Orders& orders) {
  const std::string text =
      fmt::format("{} {} {} {} {} {} {:d}", orders.log, orders.report, orders.from, orders.to,
                  orders.point, orders.pass, orders.too_early);
  Process process({.argv = {"/proc/self/exe", "--test-case=crash point: who dies", "--no-skip"},
                   .environment = {"RELAY_CRASH_ORDERS=" + text},
                   .output_path = orders.report + "-output"});
  const std::optional<int> code = process.WaitFor(kPatience);
  const bool as_told = code == 0 || code == kDiedAsTold;
  INFO(process.Output());
  REQUIRE(as_told);
  Lived lived = ReadLived(orders.report, orders.from);
  lived.died = code == kDiedAsTold;
  return lived;
}

// ---------------------------------------------------------------- the logs they begin with

// A log at the start, and the progress of its life.
struct Scene {
  const char* name;
  void (*prepare)(const Orders& orders, std::size_t& steps);
  bool damaged = false;
};

void BeginAnew(const Orders&, std::size_t&) {}

// Kills a process in the middle: the step under way had not happened.
void BeginAfterACrash(const Orders& orders, std::size_t& steps) {
  Orders first = orders;
  first.report += "-first";
  first.to = CrashScript().size();
  first.point = ToString(CrashPoint::kCommitStaged);
  first.pass = 12;
  const Lived lived = Send(first);
  REQUIRE(lived.died);
  steps = lived.done;
}

void BeginDamaged(const Orders& orders, std::size_t& steps) {
  BeginAfterACrash(orders, steps);
  REQUIRE(std::filesystem::remove(StoreDirectory(orders.log) + "/CURRENT"));
}

void BeginWithFormatOne(const Orders& orders, std::size_t& steps) {
  const std::vector<CrashStep> script = CrashScript();
  steps = StepsOfFormatOne(script);
  SmallLog log(orders.log);
  for (std::size_t step = 0; step < steps; ++step) REQUIRE(script[step].on_log(log).ok());
  log.Close();
  REQUIRE(TurnIntoFormatOne(orders.log).ok());
}

constexpr Scene kScenes[] = {
    {"a new log", BeginAnew},
    {"a log after a crash", BeginAfterACrash},
    {"a log of format 1", BeginWithFormatOne},
    {"a log whose CURRENT is gone", BeginDamaged, true},
};

// The points of an opening may depend on what it finds; a life of the whole script
// reaches the others.
bool IsOfOpening(std::string_view point) {
  return point.starts_with("open/") || point.starts_with("upgrade/") || point.starts_with("file/");
}

std::size_t EndOf(std::size_t steps, std::string_view point) {
  return IsOfOpening(point) ? steps + 2 : CrashScript().size();
}

// Returns whether it died there.
bool Die(const Scene& scene, CrashPoint point, std::uint64_t pass) {
  const TempDir directory(FastestDirectory());
  Orders orders{.log = directory.File("log"),
                .report = directory.File("report"),
                .point = std::string(ToString(point)),
                .pass = pass};
  scene.prepare(orders, orders.from);
  orders.to = EndOf(orders.from, orders.point);
  const Lived lived = Send(orders);
  if (lived.died) CheckWhatIsLeft(orders.log, lived, scene.damaged);
  return lived.died;
}

void DieAtEach(CrashPoint point) {
  std::uint64_t deaths = 0;
  for (const Scene& scene : kScenes) {
    if (scene.prepare != BeginAnew && !IsOfOpening(ToString(point))) continue;
    // Tries points that a life passes often ever more rarely.
    for (std::uint64_t pass = 1;; pass *= 2) {
      INFO(scene.name << ", at pass " << pass);
      if (!Die(scene, point, pass)) break;
      ++deaths;
    }
  }
  CHECK_GT(deaths, 0);
}

TEST_CASE("crash point: a step that is reported before it is done is noticed") {
  const TempDir directory(FastestDirectory());
  const Orders orders{.log = directory.File("log"),
                      .report = directory.File("report"),
                      .to = CrashScript().size(),
                      .point = std::string(ToString(CrashPoint::kCommitStaged)),
                      .pass = 3,
                      .too_early = true};
  const Lived lived = Send(orders);
  REQUIRE(lived.died);
  SmallLog log(orders.log);
  ScriptModel model(CrashScript().front().configured);
  REQUIRE(log.Open(CrashScript().front().configured).ok());
  CHECK_NE(DifferenceAfter(log.log(), lived, model), "");
}

constexpr CrashPoint kPoints[] = {
#define RELAY_POINT(identifier, name) CrashPoint::identifier,
    RELAY_CRASH_POINTS(RELAY_POINT)
#undef RELAY_POINT
};

// RELAY_LIVES: that many.
TEST_CASE("crash point: any pass of any point") {
  constexpr std::uint64_t kPassMax = 30;
  const char* const wanted = std::getenv("RELAY_LIVES");
  const int lives = wanted != nullptr ? std::atoi(wanted) : 20;
  std::mt19937_64 random(PrintedSeed());
  int deaths = 0;
  for (int life = 0; life < lives; ++life) {
    const CrashPoint point = kPoints[random() % std::size(kPoints)];
    const std::uint64_t scenes = IsOfOpening(ToString(point)) ? std::size(kScenes) : 1;
    const Scene& scene = kScenes[random() % scenes];
    const std::uint64_t pass = 1 + random() % (1 + random() % kPassMax);
    INFO(ToString(point) << ", " << scene.name << ", at pass " << pass);
    if (Die(scene, point, pass)) ++deaths;
  }
  fmt::print("{} deaths in {} lives\n", deaths, lives);
}

#define RELAY_TEST(identifier, name)   \
  TEST_CASE("crash point: " name) {    \
    DieAtEach(CrashPoint::identifier); \
  }
RELAY_CRASH_POINTS(RELAY_TEST)
#undef RELAY_TEST

}  // namespace
}  // namespace relay::test::power_crash_point_test
