// The command `status`: prints once, refreshes, or waits until everything is delivered.
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <stop_token>
#include <utility>

#include "config/load.h"
#include "config/schema/value_format.h"
#include "relay/base/json_text.h"
#include "relay/base/minutes.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/status/health_check.h"
#include "relay/status/relay_status.h"
#include "relay/terminal/progress_line.h"
#include "relay/terminal/status_frame.h"
#include "relay/terminal/terminal.h"
#include "wal/base/clock.h"

namespace relay {
namespace {

Result<RelayStatus> AskRunning(const AdminTarget& admin) {
  ASSIGN_OR_RETURN(std::string json, GetFromAdmin(admin, "/api/v1/status"));
  return StatusFromJson(json);
}

struct Seen {
  RelayStatus status;
  std::string note;  // Says why it was read from the directory; empty: it is the running relay's.
};

Result<std::vector<AdminTarget>> NamedOf(const StatusArgs& args) {
  const bool may_be_current =
      args.where.data.empty() && args.where.config_path == kDefaultConfigPath;
  return NamedRelays(args.at, may_be_current);
}

// Returns the relay to ask: the one that is named, else that of the configuration.
Result<AdminTarget> TargetFor(const StatusArgs& args) {
  ASSIGN_OR_RETURN(std::vector<AdminTarget> named, NamedOf(args));
  if (!named.empty()) return std::move(named.front());
  ASSIGN_OR_RETURN(const Config config, LoadConfig(args.where.config_path));
  return TargetOf(config.admin);
}

// Asks the relay that still runs with what the file said before it was broken: at the address that
// can still be read from it, else at the default one.
Result<Seen> LookDespite(const Error& broken, const std::string& config_path) {
  const Error wrong(ErrorCode::kInvalidInput, broken.message());
  const Result<ReadConfig> read = ReadWholeConfig(config_path);
  if (!read.ok()) return wrong;
  const AdminTarget target = TargetOf(read.value().config.admin);
  Result<RelayStatus> running = AskRunning(target);
  if (!running.ok()) return wrong;
  return Seen{std::move(running).value(),
              fmt::format("{}\nthe relay at {} runs with an earlier configuration",
                          broken.message(), target.url)};
}

// Gets the status from the running relay, else from its directory. kInvalidInput:
// the configuration is wrong, or the relay refuses the request.
Result<Seen> Look(const StatusArgs& args, const Clock& clock) {
  const LogLocation& where = args.where;
  std::string directory = where.data;
  std::string note = fmt::format("read from {}", directory);
  if (directory.empty()) {
    ASSIGN_OR_RETURN(const std::vector<AdminTarget> named, NamedOf(args));
    if (!named.empty()) {
      ASSIGN_OR_RETURN(RelayStatus status, AskRunning(named.front()));
      return Seen{std::move(status), ""};
    }
    const Result<Config> config = LoadConfig(where.config_path);
    if (!config.ok()) return LookDespite(config.error(), where.config_path);
    Result<RelayStatus> running = AskRunning(TargetOf(config.value().admin));
    if (running.ok()) return Seen{std::move(running).value(), ""};
    if (running.error().code() != ErrorCode::kUnavailable) return std::move(running).error();
    directory = config.value().log.path;
    note = fmt::format("{}; reading {}", running.error().message(), directory);
  }
  ASSIGN_OR_RETURN(RelayStatus offline, OfflineStatus(directory, clock.WallNow()));
  return Seen{std::move(offline), std::move(note)};
}

// The same; notes on standard error if it is not a running relay's.
Result<RelayStatus> StatusFor(const StatusArgs& args, const Clock& clock) {
  ASSIGN_OR_RETURN(Seen seen, Look(args, clock));
  if (args.where.data.empty() && !seen.note.empty()) {
    fmt::print(stderr, "{}\n", seen.note);
  }
  return std::move(seen).status;
}

int Fail(const char* command, const Error& error, bool json = false) {
  const bool usage = error.code() == ErrorCode::kInvalidInput;
  if (json) {
    fmt::print("{}\n", DumpJson({{"error", error.message()}}));
  } else if (usage) {
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
  const Result<RelayStatus> status = StatusFor(args, clock);
  if (!status.ok()) return Fail("status", status.error(), args.json);
  fmt::print("{}{}", args.json ? ToJson(status.value()) : ToTable(status.value(), Width()),
             args.json ? "\n" : "");
  return kDone;
}

constexpr std::chrono::seconds kEvery{2};

OwedHistory HistoryFor(const StatusArgs& args) {
  if (!args.where.data.empty()) return {};
  const Result<AdminTarget> target = TargetFor(args);
  if (!target.ok()) return {};
  const Result<std::string> json = GetFromAdmin(target.value(), "/api/v1/history");
  return json.ok() ? OwedHistoryFrom(json.value()) : OwedHistory();
}

std::string FrameFor(const StatusArgs& args, const Clock& clock, const Terminal& screen) {
  const Result<Seen> seen = Look(args, clock);
  if (!seen.ok()) return OneLine(seen.error().message(), screen.Size().columns);
  const OwedHistory history = HistoryFor(args);
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
  if (const Result<Seen> seen = Look(args, clock);
      !seen.ok() && seen.error().code() == ErrorCode::kInvalidInput) {
    return Fail("status", seen.error(), args.json);
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
      const auto eta = DrainEta(backend);
      const std::string shown = ShownEta(backend);
      if (!shown.empty()) text += fmt::format(", {}{}", shown, eta ? " to go" : "");
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
  Wait(const StatusArgs& args, AdminTarget admin) : args_(args), admin_(std::move(admin)) {}

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
  const AdminTarget admin_;
  std::optional<Awaited> awaited_;
  std::optional<Error> failure_;
  std::string last_;
};

int WaitUntilDelivered(const StatusArgs& args, Clock& clock) {
  constexpr std::chrono::milliseconds kLookEvery{250};
  const Clock::TimePoint end = clock.Now() + std::chrono::seconds(args.timeout_seconds);
  const Result<AdminTarget> target = TargetFor(args);
  if (!target.ok())
    return Fail("status", Error(ErrorCode::kInvalidInput, target.error().message()));
  Wait wait(args, target.value());
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

int PrintHealth(const HealthReport& report) {
  fmt::print("{}\n", report.line);
  return static_cast<int>(report.health);
}

// For a monitoring system: it is critical if no relay answers, as nothing can be said of it then.
int Check(const StatusArgs& args) {
  const auto unknown = [](const Error& error) {
    return PrintHealth({Health::kUnknown, "UNKNOWN: " + OneLine(error.message(), 500)});
  };
  const auto max_lag = TimeBetween(std::chrono::milliseconds(0), std::chrono::hours(24 * 365))
                           .parse(WithMinutes(args.max_lag));
  if (!max_lag.ok()) return unknown(Error(max_lag.error()).Within("--max-lag"));
  const Result<AdminTarget> target = TargetFor(args);
  if (!target.ok()) return unknown(target.error());
  const Result<RelayStatus> status = AskRunning(target.value());
  if (!status.ok() && status.error().code() == ErrorCode::kUnavailable) {
    return PrintHealth({Health::kCritical, "CRITICAL: " + OneLine(status.error().message(), 500)});
  }
  if (!status.ok()) return unknown(status.error());
  return PrintHealth(CheckHealth(status.value(), max_lag.value()));
}

// Shows a relay below its URL, or says that it does not answer. Returns the exit code.
int PrintOne(const StatusArgs& args, const AdminTarget& target) {
  const Result<RelayStatus> status = AskRunning(target);
  if (!args.json) fmt::print("{}:\n", target.url);
  if (status.ok()) {
    fmt::print("{}\n", args.json ? ToJson(status.value()) : ToTable(status.value(), Width()));
    return kDone;
  }
  std::fflush(stdout);
  if (args.json) {
    const std::string reason = fmt::format("{}: {}", target.url, status.error().message());
    fmt::print("{}\n", DumpJson({{"error", reason}}));
  } else {
    fmt::print(stderr, "status: {}: {}\n", target.url, status.error().message());
  }
  return kFailed;
}

// Shows one relay after the other; with --json, one a line.
int PrintSeveral(const StatusArgs& args) {
  if (args.check || args.wait || args.watch) {
    return Fail("status",
                Error(ErrorCode::kInvalidInput, "--check, --wait and --watch take one relay"));
  }
  const Result<std::vector<AdminTarget>> named = NamedOf(args);
  if (!named.ok()) return Fail("status", named.error(), args.json);
  int exit_code = kDone;
  for (const AdminTarget& target : named.value()) {
    exit_code = std::max(exit_code, PrintOne(args, target));
  }
  return exit_code;
}

}  // namespace

int ShowStatus(const StatusArgs& args) {
  SystemClock clock;
  if (args.at.admin.size() + args.at.contexts.size() > 1) return PrintSeveral(args);
  if (args.check) return Check(args);
  if (args.wait) return WaitUntilDelivered(args, clock);
  return args.watch ? Watch(args, clock) : Print(args, clock);
}

int ListBackends(const StatusArgs& args) {
  constexpr std::size_t kLeftColumns = 2;
  const Result<RelayStatus> status = StatusFor(args, SystemClock());
  if (!status.ok()) return Fail("backend list", status.error(), args.json);
  if (args.json) {
    std::string list;
    for (const BackendStatus& backend : status.value().backends) {
      list += (list.empty() ? "" : ",") + ToJson(backend, status.value().now);
    }
    fmt::print("{{\"backends\":[{}]}}\n", list);
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
