#include "relay/shipping/checkpoint_schedule.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "relay/shipping/run_command.h"
#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_shipping_checkpoint_schedule_test {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::minutes;

// A schedule whose checkpoints have one file.
struct Planned {
  TempDir directory;
  std::string log = directory.File("log");
  std::string elsewhere = directory.File("elsewhere");
  FakeClock clock;
  Status outcome = Ok();
  int made = 0;
  CheckpointPlan plan{.every = hours(1), .keep = 2};
  std::unique_ptr<CheckpointSchedule> schedule;

  Planned() {
    fs::create_directories(log + "/checkpoints");
    fs::create_directories(elsewhere);
    clock.Advance(hours(24 * 365 * 50));
  }
  CheckpointSchedule& Schedule() {
    if (schedule == nullptr) {
      schedule = std::make_unique<CheckpointSchedule>(
          CheckpointSchedule::Parts{log, "",
                                    [this](const CheckpointRequest& request) -> Status {
                                      RETURN_IF_ERROR(outcome);
                                      ++made;
                                      fs::create_directories(request.directory);
                                      WriteFile(request.directory + "/identity",
                                                std::to_string(made));
                                      return Ok();
                                    },
                                    clock},
          plan);
    }
    return *schedule;
  }
  Clock::Duration Step() { return Schedule().Step({}); }
  void StepAfter(Clock::Duration time) {
    clock.Advance(time);
    Step();
  }
  static std::vector<std::string> In(const std::string& place) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(place)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::vector<std::string> Here() const { return In(log + "/checkpoints"); }
  std::vector<std::string> Elsewhere() const { return In(elsewhere); }
};

TEST_CASE("checkpoint schedule: one is made at its time, and no millisecond before") {
  Planned planned;
  CHECK_EQ(planned.Step(), hours(1));
  CHECK_EQ(planned.made, 1);
  planned.clock.Advance(hours(1) - Clock::Duration(1));
  CHECK_EQ(planned.Step(), Clock::Duration(1));
  CHECK_EQ(planned.made, 1);
  planned.StepAfter(Clock::Duration(1));
  CHECK_EQ(planned.made, 2);
}

TEST_CASE("checkpoint schedule: a restart does not change when the next one is due") {
  Planned planned;
  planned.Step();
  planned.clock.Advance(minutes(20));
  planned.schedule.reset();
  CHECK_EQ(planned.Step(), minutes(40));
  CHECK_EQ(planned.made, 1);
}

TEST_CASE("checkpoint schedule: the oldest beyond the limit go once a newer one is complete") {
  Planned planned;
  planned.Step();
  const std::string first = planned.Here().front();
  planned.StepAfter(hours(1));
  fs::create_directories(planned.log + "/checkpoints/mine");
  planned.outcome = Error(ErrorCode::kIo, "no space left");
  planned.StepAfter(hours(1));
  CHECK_EQ(planned.Here().size(), 3);
  planned.outcome = Ok();
  planned.StepAfter(minutes(5));
  const std::vector<std::string> left = planned.Here();
  CHECK_EQ(left.size(), 3);
  CHECK_EQ(left.back(), "mine");
  CHECK_EQ(std::count(left.begin(), left.end(), first), 0);
}

TEST_CASE("checkpoint schedule: copies lie elsewhere, and nothing of them here") {
  Planned planned;
  planned.plan.to = planned.elsewhere;
  fs::create_directories(planned.elsewhere + "/auto-20200101T000000Z.incomplete");
  fs::create_directories(planned.elsewhere + "/theirs.incomplete");
  for (int i = 0; i < 4; ++i) planned.StepAfter(hours(1));
  CHECK(planned.Here().empty());
  CHECK_EQ(planned.Elsewhere().size(), 3);
  CHECK_EQ(planned.Elsewhere().back(), "theirs.incomplete");
  CHECK_EQ(ReadFile(planned.elsewhere + "/" + planned.Elsewhere()[1] + "/identity"), "4");
}

TEST_CASE(
    "checkpoint schedule: a copy that fails is told, tried again, and costs none that is there") {
  Planned planned;
  planned.plan.to = planned.elsewhere;
  planned.Step();
  fs::rename(planned.elsewhere, planned.elsewhere + ".away");
  planned.StepAfter(hours(1));
  CHECK_NE(planned.Schedule().failure().find("elsewhere"), std::string::npos);
  CHECK(planned.Here().empty());
  fs::rename(planned.elsewhere + ".away", planned.elsewhere);
  CHECK_EQ(planned.Elsewhere().size(), 1);
  planned.StepAfter(minutes(5));
  CHECK_EQ(planned.Schedule().failure(), "");
  CHECK_EQ(planned.Elsewhere().size(), 2);
}

TEST_CASE("checkpoint schedule: a clock that was put back makes nothing wait, and nothing new go") {
  Planned planned;
  planned.plan.to = planned.elsewhere;
  planned.plan.keep = 1;
  WriteFile(planned.log + "/last-checkpoint", "2150-01-01T00:00:00Z\n");
  fs::create_directories(planned.elsewhere + "/auto-21500101T000000Z");
  CHECK_EQ(planned.Step(), hours(1));
  planned.StepAfter(hours(1));
  CHECK_EQ(planned.made, 1);
  REQUIRE_EQ(planned.Elsewhere().size(), 1);
  CHECK_NE(planned.Elsewhere().front(), "auto-21500101T000000Z");
}

TEST_CASE(
    "checkpoint schedule: a command gets the directory, and its failure is told in its words") {
  Planned planned;
  planned.plan.command = {"/bin/cp", "-r", "-t", planned.elsewhere};
  planned.Step();
  CHECK(planned.Here().empty());
  CHECK_EQ(planned.Elsewhere().size(), 1);
  planned.plan.command = {"/bin/sh", "-c", "echo the tape is full >&2; exit 3"};
  planned.Schedule().Set(planned.plan);
  planned.StepAfter(minutes(1));
  CHECK_EQ(planned.Schedule().failure(), "/bin/sh: exit code 3: the tape is full");
  CHECK(planned.Here().empty());
  CHECK(planned.Schedule().last().has_value());
}

TEST_CASE("commands: one that takes too long is killed with what it has started") {
  const SystemClock clock;
  const TempDir directory;
  const std::string pid = directory.File("pid");
  const Status ended = RunCommand({"/bin/sh", "-c", "sleep 1000 & echo $! > " + pid + "; wait"},
                                  std::chrono::milliseconds(300), clock, {});
  CHECK_NE(ended.error().message().find("/bin/sh: killed after"), std::string::npos);
  const std::string grandchild = ReadFile(pid);
  const std::string stat = "/proc/" + grandchild.substr(0, grandchild.find('\n')) + "/stat";
  const bool is_gone = Eventually(kPatience, [&stat] {
    const std::string text = ReadFile(stat);
    return text.empty() || text.find(") Z ") != std::string::npos;
  });
  CHECK(is_gone);
  CHECK_NE(RunCommand({"/nowhere"}, hours(1), clock, {}).error().message().find("cannot start"),
           std::string::npos);
  CHECK_EQ(RunCommand({"/bin/sh", "-c", "kill -9 $$"}, hours(1), clock, {}).error().message(),
           "/bin/sh: ended by signal 9");
  std::stop_source stopped;
  stopped.request_stop();
  CHECK_EQ(RunCommand({"/bin/sleep", "1000"}, hours(1), clock, stopped.get_token()).error().code(),
           ErrorCode::kUnavailable);
  CHECK_EQ(WordsOf(" a  -b c "), std::vector<std::string>{"a", "-b", "c"});
}

}  // namespace
}  // namespace relay::test::relay_shipping_checkpoint_schedule_test
