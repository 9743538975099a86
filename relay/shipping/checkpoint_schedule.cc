#include "relay/shipping/checkpoint_schedule.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/base/parse.h"
#include "relay/shipping/run_command.h"
#include "relay/shipping/tree_writer.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

constexpr Clock::Duration kRetryMost = std::chrono::minutes(5);
constexpr Clock::Duration kNothingPlanned = std::chrono::hours(1);

// Returns "auto-20261130T071500Z".
std::string NameAt(WallTime now) {
  std::string name(CheckpointSchedule::kPrefix);
  for (const char c : ToRfc3339(std::chrono::floor<std::chrono::seconds>(now))) {
    if (c != '-' && c != ':') name += c;
  }
  return name;
}

// Looks at the form alone: what an operator has named otherwise is not deleted.
bool IsName(std::string_view name) {
  constexpr std::string_view kForm = "auto-00000000T000000Z";
  if (name.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool is_digit = std::isdigit(static_cast<unsigned char>(name[i])) != 0;
    if (kForm[i] == '0' ? !is_digit : name[i] != kForm[i]) return false;
  }
  return true;
}

// Returns the checkpoints of the schedule in a directory, the oldest first.
std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    std::string name = at->path().filename().string();
    if (IsName(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Deletes what a crash or a full disk left half-copied or half-deleted.
void DeleteUnfinishedIn(const std::string& directory) {
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    const std::string name = at->path().filename().string();
    const bool is_unfinished = name.ends_with(TreeWriter::kUnfinished);
    if (!is_unfinished) continue;
    std::error_code kept;
    if (IsName(name.substr(0, name.size() - TreeWriter::kUnfinished.size()))) {
      fs::remove_all(at->path(), kept);
    }
  }
}

// Renames it first: half a copy must not look complete.
Status DeleteIn(const std::string& directory, const std::string& name) {
  const std::string path = directory + "/" + name;
  const std::string unfinished = path + std::string(TreeWriter::kUnfinished);
  std::error_code failed;
  fs::remove_all(unfinished, failed);
  fs::rename(path, unfinished, failed);
  if (!failed) fs::remove_all(unfinished, failed);
  if (!failed) return Ok();
  return Error(ErrorCode::kIo, fmt::format("deleting {}: {}", path, failed.message()));
}

std::optional<WallTime> ReadLast(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  return ParseRfc3339(text);
}

// Losing it costs one checkpoint more.
void WriteLast(const std::string& path, WallTime time) {
  {
    std::ofstream file(path + ".new", std::ios::trunc);
    file << ToRfc3339(time) << '\n';
    if (!file.flush()) return;
  }
  std::rename((path + ".new").c_str(), path.c_str());
}

// Linux knows no constants for this call in its headers for programs.
void TakeLeastPriority() {
  constexpr int kWhoProcess = 1;
  constexpr int kIdleClass = 3 << 13;
  constexpr int kNice = 10;
  syscall(SYS_ioprio_set, kWhoProcess, 0, kIdleClass);
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

}  // namespace

CheckpointSchedule::CheckpointSchedule(Parts parts, CheckpointPlan plan)
    : parts_(std::move(parts)),
      checkpoints_(parts_.log_path, parts_.checkpoint_dir, parts_.maker),
      state_path_(parts_.log_path + "/last-checkpoint"),
      plan_(std::move(plan)),
      last_(ReadLast(state_path_)) {}

void CheckpointSchedule::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void CheckpointSchedule::Run(const std::stop_token& stop) {
  TakeLeastPriority();
  while (!stop.stop_requested()) {
    const Clock::Duration wait = Step(stop);
    parts_.clock.WaitFor(changed_, wait, stop);
  }
}

void CheckpointSchedule::Set(const CheckpointPlan& plan) {
  {
    const std::lock_guard lock(mutex_);
    if (plan == plan_) return;
    plan_ = plan;
    next_ = parts_.clock.Now();
    failure_.clear();
  }
  changed_.Raise();
}

std::string CheckpointSchedule::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<WallTime> CheckpointSchedule::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

bool CheckpointSchedule::is_planned() const {
  const std::lock_guard lock(mutex_);
  return plan_.every > plan_.every.zero();
}

Clock::Duration CheckpointSchedule::Step(const std::stop_token& stop) {
  const Clock::TimePoint now = parts_.clock.Now();
  CheckpointPlan plan;
  {
    const std::lock_guard lock(mutex_);
    plan = plan_;
    if (plan.every <= plan.every.zero()) return kNothingPlanned;
    if (!next_) {
      const auto since = last_ ? parts_.clock.WallNow() - *last_ : plan.every;
      const auto left = std::clamp<std::chrono::nanoseconds>(
          plan.every - since, std::chrono::nanoseconds(0), plan.every);
      next_ = now + left;
    }
    if (now < *next_) return std::chrono::ceil<Clock::Duration>(*next_ - now);
  }
  const Status made = MakeOne(plan, stop);
  if (stop.stop_requested()) return Clock::Duration::zero();
  NoteResult(made, plan.to);
  const Clock::Duration wait = made.ok() ? plan.every : std::min(plan.every, kRetryMost);
  const std::lock_guard lock(mutex_);
  if (plan != plan_) return Clock::Duration::zero();  // Changed meanwhile.
  next_ = now + wait;
  return wait;
}

void CheckpointSchedule::NoteResult(const Status& made, const std::string& where) {
  const WallTime now = parts_.clock.WallNow();
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(failure_, made.ok() ? "" : made.error().message());
    if (made.ok()) last_ = now;
  }
  if (made.ok()) {
    WriteLast(state_path_, now);
    if (!before.empty())
      LogEvent(Level::kInfo, "scheduled checkpoint is made again", {{"to", where}});
    return;
  }
  if (before == made.error().message()) return;
  LogEvent(Level::kError, "scheduled checkpoint failed",
           {{"reason", made.error().message()},
            {"effect", "older checkpoints stay; writes and delivery go on"},
            {"remedy", "see log.checkpoints in the configuration; it is tried again by itself"}});
}

Status CheckpointSchedule::MakeOne(const CheckpointPlan& plan, const std::stop_token& stop) {
  const std::string name = NameAt(parts_.clock.WallNow());
  ASSIGN_OR_RETURN(const std::string path, checkpoints_.PathOf(name));
  if (!plan.to.empty()) DeleteUnfinishedIn(plan.to);
  std::error_code failed;
  // One of this very second.
  if (fs::exists(path, failed)) RETURN_IF_ERROR(checkpoints_.Drop(name));
  RETURN_IF_ERROR(checkpoints_.Make(name));
  const bool is_shipped = !plan.to.empty() || !plan.command.empty();
  Status shipped = is_shipped ? Ship(plan, name, stop) : Ok();
  if (!shipped.ok()) {
    static_cast<void>(checkpoints_.Drop(name));  // It would keep the room of deleted records.
    return shipped;
  }
  DeleteOld(plan, name);
  return Ok();
}

Status CheckpointSchedule::Ship(const CheckpointPlan& plan, const std::string& name,
                                const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::string path, checkpoints_.PathOf(name));
  if (!plan.to.empty()) return CopyTree(path, plan.to + "/" + name, stop);
  std::vector<std::string> words = plan.command;
  words.push_back(path);
  return RunCommand(words, plan.timeout, parts_.clock, stop);
}

// Deletes, once a new one is complete, those beyond `keep`, and here those that are elsewhere.
void CheckpointSchedule::DeleteOld(const CheckpointPlan& plan, const std::string& newest) const {
  const bool is_shipped = !plan.to.empty() || !plan.command.empty();
  const std::string here = fs::path(checkpoints_.PathOf(newest).value()).parent_path().string();
  const auto report = [](const Status& deleted) {
    if (deleted.ok()) return;
    LogEvent(Level::kWarning, "cannot delete an old checkpoint",
             {{"reason", deleted.error().message()}});
  };
  if (is_shipped) {
    for (const std::string& name : NamesIn(here)) report(DeleteIn(here, name));
  }
  if (!plan.command.empty()) return;
  const std::string& kept = is_shipped ? plan.to : here;
  std::vector<std::string> names = NamesIn(kept);
  std::erase(names, newest);  // It is not the last one if the clock was put back.
  const std::size_t most = static_cast<std::size_t>(plan.keep) - 1;
  for (std::size_t i = 0; i + most < names.size(); ++i) report(DeleteIn(kept, names[i]));
}

}  // namespace relay
