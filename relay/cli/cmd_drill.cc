// The command `drill`: rehearses an outage of one backend, under the real load.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include "config/schema/value_format.h"
#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/base/minutes.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/cli/log_directory.h"
#include "relay/cli/report_of_relay.h"
#include "relay/compare/scope.h"
#include "relay/status/relay_status.h"
#include "relay/terminal/progress_line.h"
#include "wal/base/clock.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTurn{250};
// The relay resumes the backend by itself so long after the drill should have.
constexpr milliseconds kMargin{30'000};
constexpr std::chrono::seconds kLagMax{30};

// Set by a signal handler, which has no other way.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<bool> g_interrupted = false;

void NoteInterrupt(int /*signal*/) {
  g_interrupted = true;
}

// Catches what ends a command, as long as it exists.
class Interrupts {
 public:
  Interrupts() { Set(&NoteInterrupt); }
  ~Interrupts() { Set(SIG_DFL); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  static void Set(void (*handler)(int)) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, handler);
  }
};

struct Plan {
  std::string backend;
  std::string with;  // Empty: it is compared with none.
  milliseconds length{0};
  milliseconds patience{0};
};

Result<milliseconds> LengthIn(std::string_view option, const std::string& text) {
  auto length =
      TimeBetween(std::chrono::seconds(1), std::chrono::hours(24 * 6)).parse(WithMinutes(text));
  if (!length.ok()) return std::move(length).error().Within(option);
  return length.value();
}

const BackendConfig* Configured(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.backends.begin(), config.backends.end(),
                                  [&name](const auto& one) { return one.name.text() == name; });
  return found == config.backends.end() ? nullptr : &*found;
}

// Returns the backend to compare with: the one that was named, or the first that can be.
Result<std::string> Partner(const Config& config, const DrillArgs& args) {
  const BackendConfig& backend = *Configured(config, args.backend);
  if (args.no_compare) return std::string();
  if (!args.with.empty()) {
    const BackendConfig* with = Configured(config, args.with);
    if (with == nullptr) {
      return Error(ErrorCode::kInvalidInput, fmt::format("no backend {} is configured", args.with));
    }
    RETURN_IF_ERROR(CheckComparable(backend, *with));
    return args.with;
  }
  for (const BackendConfig& other : config.backends) {
    if (other.name != backend.name && CheckComparable(backend, other).ok()) {
      return other.name.text();
    }
  }
  return Error(ErrorCode::kInvalidInput,
               fmt::format("there is no backend to compare {} with: --no-compare does without",
                           args.backend));
}

Result<Plan> PlanOf(const Config& config, const DrillArgs& args) {
  const BackendConfig* backend = Configured(config, args.backend);
  if (backend == nullptr) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("no backend {} is configured", args.backend));
  }
  Plan plan{.backend = args.backend};
  ASSIGN_OR_RETURN(plan.length, LengthIn("--for", args.length));
  ASSIGN_OR_RETURN(plan.patience, LengthIn("--patience", args.patience));
  ASSIGN_OR_RETURN(plan.with, Partner(config, args));
  if (backend->max_age > backend->max_age.zero() && plan.length >= backend->max_age) {
    return Error(ErrorCode::kConflict,
                 fmt::format("{} gives up what is older than its max_age of {}: points would be "
                             "lost by a drill of {}",
                             plan.backend, ShownAge(backend->max_age), ShownAge(plan.length)));
  }
  return plan;
}

Result<RelayStatus> StatusNow(const AdminSession& session) {
  ASSIGN_OR_RETURN(const std::string text, GetFromAdmin(session.target(), "/api/v1/status"));
  return StatusFromJson(text);
}

Result<BackendStatus> BackendIn(const RelayStatus& status, const std::string& name) {
  for (const BackendStatus& backend : status.backends) {
    if (backend.name == name) return backend;
  }
  return Error(ErrorCode::kNotFound, fmt::format("the relay has no backend {}", name));
}

// A drill must not make an outage worse, nor the log full: what comes in during the pause must fit
// twice, since as much may come in until the backend has caught up.
Status CheckReady(const RelayStatus& status, const Plan& plan) {
  const auto refuse = [](const std::string& why) { return Error(ErrorCode::kConflict, why); };
  ASSIGN_OR_RETURN(const BackendStatus backend, BackendIn(status, plan.backend));
  if (!status.log_failure.empty()) return refuse("writes are refused: " + status.log_failure);
  if (backend.figures.paused) return refuse(plan.backend + " is paused already");
  if (IsDiverged(backend)) return refuse(plan.backend + " has diverged: see status");
  const std::string behind =
      WhyNotReady(backend, status.now, {.max_lag = kLagMax, .ignores_held = false});
  if (!behind.empty()) return refuse(fmt::format("{} is behind already: {}", plan.backend, behind));
  if (!backend.flow) {
    return refuse(
        "the relay has just started: how much comes in is not known yet; try again in "
        "a few seconds");
  }
  const auto tolerance = OutageTolerance(status);
  if (!tolerance || *tolerance >= 2 * plan.length) return Ok();
  return refuse(fmt::format(
      "the room on disk does not suffice: at the rate at which points come in, the log is full "
      "in {}, and a drill of {} needs room for {}; shorten it, or raise log.max_size",
      ShownAge(tolerance), ShownAge(plan.length), ShownAge(2 * plan.length)));
}

AdminChange ChangeOf(const std::string& verb, const Plan& plan,
                     const nlohmann::ordered_json& body = nlohmann::ordered_json::object()) {
  return {.command = "drill",
          .path = fmt::format("/api/v1/backends/{}/{}", plan.backend, verb),
          .body = DumpJson(body),
          .needs_consent = false,
          .if_unavailable = ""};
}

int Silently(const AdminSession::Json& /*answer*/) {
  return kDone;
}

void KeepDrill(const AdminSession& session, const Plan& plan, const std::string& text) {
  const Status kept =
      KeepNote(session.target(), {{"kind", "drill"}, {"backend", plan.backend}, {"text", text}});
  if (!kept.ok())
    fmt::print(stderr, "drill: not kept in the history: {}\n", kept.error().message());
}

// One drill, once it may begin.
class Rehearsal {
 public:
  Rehearsal(const AdminSession& session, const DrillArgs& args, Plan plan)
      : session_(session), args_(args), plan_(std::move(plan)), progress_(clock_) {}

  int Run() {
    const WallTime from = std::chrono::floor<std::chrono::seconds>(clock_.WallNow());
    const Interrupts interrupts;
    KeepDrill(session_, plan_,
              fmt::format("pause of {} for {} begins", plan_.backend, ShownAge(plan_.length)));
    const std::string length = fmt::format("{}s", InSeconds(plan_.length + kMargin));
    const int paused =
        session_.Change(ChangeOf("pause", plan_, {{"for", length}, {"note", "drill"}}), Silently);
    if (paused != kDone) return kWrongUsage;
    const bool whole = Wait();
    progress_.Erase();
    if (!Resume()) return kFailed;
    std::string failure = whole ? CatchUp() : std::move(failure_);
    if (failure.empty() && !plan_.with.empty()) failure = CompareNow();
    progress_.Erase();
    KeepDrill(session_, plan_, failure.empty() ? "it passed" : "it failed: " + failure);
    if (!failure.empty()) fmt::print(stderr, "drill: {}\n", failure);
    const bool shown = PrintReport(from);
    return failure.empty() && shown ? kDone : kFailed;
  }

 private:
  static std::int64_t InSeconds(milliseconds length) {
    return std::chrono::ceil<std::chrono::seconds>(length).count();
  }

  void Sleep() {
    Signal never;
    clock_.WaitFor(never, kTurn, std::stop_token());
  }

  // Returns whether the backend was paused for the whole time.
  bool Wait() {
    const Clock::TimePoint began = clock_.Now();
    while (clock_.Now() - began < plan_.length) {
      if (g_interrupted) failure_ = "interrupted: the backend is resumed";
      if (failure_.empty()) LookWhilePaused(clock_.Now() - began);
      if (!failure_.empty()) return false;
      Sleep();
    }
    return true;
  }

  // Shows progress; sets the failure if the pause was ended by others.
  void LookWhilePaused(std::chrono::nanoseconds since) {
    const double part = std::chrono::duration<double>(since) / plan_.length;
    const Result<BackendStatus> backend = Backend();
    if (!backend.ok()) return progress_.Show(part, backend.error().message());
    if (!backend.value().figures.paused) {
      failure_ = "somebody resumed the backend before the drill was over";
    }
    progress_.Show(
        part, fmt::format("paused, {} points owed", Grouped(UndeliveredPoints(backend.value()))));
  }

  Result<BackendStatus> Backend() const {
    ASSIGN_OR_RETURN(const RelayStatus status, StatusNow(session_));
    return BackendIn(status, plan_.backend);
  }

  // Tries for as long as the relay would wait to do it by itself.
  bool Resume() {
    const Clock::TimePoint began = clock_.Now();
    while (!StatusNow(session_).ok() && clock_.Now() - began < kMargin) Sleep();
    if (session_.Change(ChangeOf("resume", plan_, {}), Silently) == kDone) return true;
    fmt::print(stderr,
               "drill: the relay resumes {} by itself {} after the pause should have "
               "ended\n",
               plan_.backend, ShownAge(kMargin));
    return false;
  }

  // Waits until the backend has what it was owed when it was resumed; returns why it has not.
  std::string CatchUp() {
    const Clock::TimePoint began = clock_.Now();
    std::optional<Sequence> target;
    std::string last;
    while (clock_.Now() - began < plan_.patience) {
      if (g_interrupted) return "interrupted while the backend catches up: it is resumed";
      const Result<BackendStatus> backend = Backend();
      last = backend.ok() ? backend.value().why : backend.error().message();
      if (backend.ok() && HasCaughtUp(backend.value(), target)) return "";
      Sleep();
    }
    if (!last.empty()) last.insert(0, ": ");
    return fmt::format("{} has not caught up within {}{}", plan_.backend, ShownAge(plan_.patience),
                       last);
  }

  // The head at the first look is the target.
  bool HasCaughtUp(const BackendStatus& backend, std::optional<Sequence>& target) {
    const Marks& marks = backend.figures.marks;
    if (!target) target = marks.head;
    progress_.Show(std::nullopt,
                   fmt::format("catching up, {} points owed", Grouped(UndeliveredPoints(backend))));
    return marks.cursor >= *target && backend.takes_writes;
  }

  std::string CompareNow() {
    progress_.Show(std::nullopt, fmt::format("comparing {} and {}", plan_.backend, plan_.with));
    CompareArgs compare{.config_path = args_.config_path, .a = plan_.backend, .b = plan_.with};
    compare.quiet = true;
    const int code = Compare(compare);
    if (code == 0) return "";
    return fmt::format("{} and {} {}: see influxdb-relay compare {} {}", plan_.backend, plan_.with,
                       code == 1 ? "differ" : "could not be compared", plan_.backend, plan_.with);
  }

  // The relay notices the recovery within seconds.
  bool PrintReport(WallTime from) {
    const Clock::TimePoint began = clock_.Now();
    for (;;) {
      Result<std::string> report =
          ReportOfRelay(session_.target(), from, clock_.WallNow() + std::chrono::hours(1));
      const bool waits = clock_.Now() - began < std::chrono::seconds(5) && !g_interrupted;
      if (waits && report.ok() && GoesOn(report.value())) {
        Sleep();
        continue;
      }
      if (report.ok()) report = ShownAs(args_.format, report.value());
      if (!report.ok()) {
        PrintFailure("drill", report.error(), args_.format == "json");
        return false;
      }
      fmt::print("{}", report.value());
      return true;
    }
  }

  bool GoesOn(const std::string& report) const {
    const auto json = nlohmann::json::parse(report, nullptr, false);
    const auto path = nlohmann::json::json_pointer("/backends/" + plan_.backend);
    return !json.contains(path) || json.at(path).value("outage_goes_on", true) ||
           json.at(path).at("outages").empty();
  }

  const AdminSession& session_;
  const DrillArgs& args_;
  const Plan plan_;
  SystemClock clock_;
  ProgressLine progress_;
  std::string failure_;
};

int DidNotBegin(const Error& error, const DrillArgs& args) {
  PrintFailure("drill", error, args.format == "json");
  return kWrongUsage;
}

}  // namespace

int Drill(const DrillArgs& args) {
  std::signal(SIGPIPE, SIG_IGN);
  const Result<AdminSession> session = AdminSession::For(args.config_path);
  if (!session.ok()) return PrintNoSession(session.error(), args.format == "json");
  const Result<Plan> plan = PlanOf(session.value().config(), args);
  if (!plan.ok()) return DidNotBegin(plan.error(), args);
  const Result<RelayStatus> status = StatusNow(session.value());
  if (!status.ok()) return DidNotBegin(status.error(), args);
  const Status ready = CheckReady(status.value(), plan.value());
  if (!ready.ok()) return DidNotBegin(ready.error(), args);
  if (args.dry_run) {
    const std::string with = plan.value().with;
    fmt::print("would pause {} for {}, resume it, wait until it has caught up{}\n", args.backend,
               ShownAge(plan.value().length),
               with.empty() ? "" : fmt::format(", and compare it with {}", with));
    return kDone;
  }
  return Rehearsal(session.value(), args, plan.value()).Run();
}

}  // namespace relay
