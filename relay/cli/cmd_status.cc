// The command `status`: prints once, refreshes, or waits until everything is delivered.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <stop_token>
#include <utility>

#include "config/load.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/status/relay_status.h"
#include "relay/terminal/progress_line.h"
#include "relay/terminal/status_frame.h"
#include "relay/terminal/terminal.h"
#include "wal/base/clock.h"

namespace relay {
namespace {

Result<RelayStatus> AskRunning(const AdminConfig& admin) {
  ASSIGN_OR_RETURN(std::string json, GetFromAdmin(admin, "/api/v1/status"));
  return StatusFromJson(json);
}

struct Seen {
  RelayStatus status;
  std::string note;  // Says why it was read from the directory; empty: it is the running relay's.
};

// Gets the status from the running relay, else from its directory. kInvalidInput:
// the configuration is wrong, or the relay refuses the request.
Result<Seen> Look(const LogLocation& where, const Clock& clock) {
  std::string directory = where.data;
  std::string note = fmt::format("read from {}", directory);
  if (directory.empty()) {
    const Result<Config> config = LoadConfig(where.config_path);
    if (!config.ok()) return Error(ErrorCode::kInvalidInput, config.error().message());
    Result<RelayStatus> running = AskRunning(config.value().admin);
    if (running.ok()) return Seen{std::move(running).value(), ""};
    if (running.error().code() != ErrorCode::kUnavailable) return std::move(running).error();
    directory = config.value().log.path;
    note = fmt::format("{}; reading {}", running.error().message(), directory);
  }
  ASSIGN_OR_RETURN(RelayStatus offline, OfflineStatus(directory, clock.WallNow()));
  return Seen{std::move(offline), std::move(note)};
}

// The same; notes on standard error if it is not a running relay's.
Result<RelayStatus> StatusFor(const LogLocation& where, const Clock& clock) {
  ASSIGN_OR_RETURN(Seen seen, Look(where, clock));
  if (where.data.empty() && !seen.note.empty()) {
    fmt::print(stderr, "{}\n", seen.note);
  }
  return std::move(seen).status;
}

int Fail(const char* command, const Error& error) {
  const bool usage = error.code() == ErrorCode::kInvalidInput;
  if (usage) {
    fmt::print(stderr, "{}\n", error.message());
  } else {
    fmt::print(stderr, "{}: {}\n", command, error.message());
  }
  return usage ? kWrongUsage : kFailed;
}

// Returns the width of the terminal on standard output; 0: it is none.
std::size_t Width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

int Print(const StatusArgs& args, const Clock& clock) {
  const Result<RelayStatus> status = StatusFor(args.where, clock);
  if (!status.ok()) return Fail("status", status.error());
  fmt::print("{}{}", args.json ? ToJson(status.value()) : ToTable(status.value(), Width()),
             args.json ? "\n" : "");
  return kDone;
}

constexpr std::chrono::seconds kEvery{2};

OwedHistory HistoryFor(const LogLocation& where) {
  if (!where.data.empty()) return {};
  const Result<Config> config = LoadConfig(where.config_path);
  if (!config.ok()) return {};
  const Result<std::string> json = GetFromAdmin(config.value().admin, "/api/v1/history");
  return json.ok() ? OwedHistoryFrom(json.value()) : OwedHistory();
}

std::string FrameFor(const StatusArgs& args, const Clock& clock, const Terminal& screen) {
  const Result<Seen> seen = Look(args.where, clock);
  if (!seen.ok()) return OneLine(seen.error().message(), screen.Size().columns);
  const OwedHistory history = HistoryFor(args.where);
  return WatchFrame({seen.value().status, history, seen.value().note}, screen.Size(),
                    Terminal::Style());
}

int WatchOnScreen(const StatusArgs& args, const Clock& clock) {
  Terminal screen;
  do {
    screen.Show(FrameFor(args, clock, screen));
  } while (screen.Wait(kEvery) != Terminal::Event::kEnd);
  return kDone;
}

// Prints to a file or pipe again and again, until it is closed or this is ended.
int WatchInTurn(const StatusArgs& args, Clock& clock) {
  Signal never;
  for (;;) {
    if (const int failed = Print(args, clock); failed == kWrongUsage) return failed;
    if (!args.json) fmt::print("\n{}\n", ToRfc3339(clock.WallNow()));
    if (std::fflush(stdout) != 0) return kFailed;
    clock.WaitFor(never, kEvery, std::stop_token());
  }
}

int Watch(const StatusArgs& args, Clock& clock) {
  // Reports wrong usage before it takes over the screen.
  if (const Result<Seen> seen = Look(args.where, clock);
      !seen.ok() && seen.error().code() == ErrorCode::kInvalidInput) {
    return Fail("status", seen.error());
  }
  return Terminal::IsThere() && !args.json ? WatchOnScreen(args, clock) : WatchInTurn(args, clock);
}

// The heads that --wait waits for: each backend's when the wait began.
class Awaited {
 public:
  // An empty name: all backends. kNotFound: no such backend.
  static Result<Awaited> From(const RelayStatus& status, const std::string& only) {
    Awaited awaited;
    for (const BackendStatus& backend : status.backends) {
      if (!only.empty() && backend.name != only) continue;
      awaited.heads_.emplace(backend.name, backend.figures.marks.head);
    }
    if (!only.empty() && awaited.heads_.empty()) {
      return Error(ErrorCode::kNotFound, fmt::format("no backend \"{}\"", only));
    }
    return awaited;
  }

  // Describes what is missing; empty: nothing.
  std::string Missing(const RelayStatus& status) const {
    std::string text;
    for (const BackendStatus& backend : status.backends) {
      const auto head = heads_.find(backend.name);
      if (head == heads_.end() || Has(backend, head->second)) continue;
      text += fmt::format("{}{} ({}): {} points owed, {} on hold", text.empty() ? "" : "; ",
                          backend.name, backend.state, Grouped(backend.figures.owed.points),
                          Grouped(backend.figures.held.points));
      if (const auto eta = DrainEta(backend); eta && eta->count() > 0) {
        text += fmt::format(", {} to go", ShownAge(eta));
      }
    }
    return text;
  }

 private:
  static bool Has(const BackendStatus& backend, Sequence head) {
    return backend.figures.marks.cursor >= head &&
           std::none_of(backend.lanes.begin(), backend.lanes.end(), [&](const LaneReport& lane) {
             return lane.held.first && *lane.held.first <= head;
           });
  }

  std::map<std::string, Sequence> heads_;
};

// Waits also for a relay that does not answer: it may be restarting.
class Wait {
 public:
  Wait(const StatusArgs& args, const AdminConfig& admin) : args_(args), admin_(admin) {}

  // Checks once. Returns true on success, and on failure, which `failure` then holds.
  bool IsOver() {
    Result<RelayStatus> status = AskRunning(admin_);
    if (!status.ok()) {
      last_ = status.error().message();
      return status.error().code() != ErrorCode::kUnavailable && End(status.error());
    }
    if (!awaited_) {
      Result<Awaited> awaited = Awaited::From(status.value(), args_.backend);
      if (!awaited.ok()) return End(awaited.error());
      awaited_ = std::move(awaited).value();
    }
    last_ = awaited_->Missing(status.value());
    return last_.empty();
  }

  const std::string& last() const { return last_; }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  bool End(const Error& error) {
    failure_ = error;
    return true;
  }

  const StatusArgs& args_;
  const AdminConfig& admin_;
  std::optional<Awaited> awaited_;
  std::optional<Error> failure_;
  std::string last_;
};

int WaitUntilDelivered(const StatusArgs& args, Clock& clock) {
  constexpr std::chrono::milliseconds kLookEvery{250};
  const Clock::TimePoint end = clock.Now() + std::chrono::seconds(args.timeout_seconds);
  const Result<Config> config = LoadConfig(args.where.config_path);
  if (!config.ok())
    return Fail("status", Error(ErrorCode::kInvalidInput, config.error().message()));
  Wait wait(args, config.value().admin);
  ProgressLine progress(clock);
  Signal never;
  while (!wait.IsOver()) {
    if (clock.Now() >= end) {
      progress.Erase();
      fmt::print(stderr, "status: not delivered after {} s: {}\n", args.timeout_seconds,
                 wait.last());
      return kFailed;
    }
    progress.Show(std::nullopt, wait.last());
    clock.WaitFor(never, kLookEvery, std::stop_token());
  }
  progress.Erase();
  return wait.failure() ? Fail("status", *wait.failure()) : kDone;
}

}  // namespace

int ShowStatus(const StatusArgs& args) {
  SystemClock clock;
  if (args.wait) return WaitUntilDelivered(args, clock);
  return args.watch ? Watch(args, clock) : Print(args, clock);
}

int ListBackends(const StatusArgs& args) {
  constexpr std::size_t kLeftColumns = 2;
  const Result<RelayStatus> status = StatusFor(args.where, SystemClock());
  if (!status.ok()) return Fail("backend list", status.error());
  if (args.json) {
    fmt::print("{}\n", ToJson(status.value()));
    return kDone;
  }
  std::vector<Cells> rows = {{"BACKEND", "STATE", "ACCEPTED", "DELIVERED", "OWED"}};
  for (const BackendStatus& backend : status.value().backends) {
    rows.push_back({backend.name, backend.state, fmt::format("{}", backend.figures.accepted.points),
                    fmt::format("{}", backend.figures.delivered),
                    fmt::format("{}", backend.figures.owed.points)});
  }
  fmt::print("{}", Aligned(rows, kLeftColumns));
  return kDone;
}

}  // namespace relay
