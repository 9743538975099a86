// The command `compare`: compares the values that two backends hold.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "relay/base/human_format.h"
#include "relay/base/parse.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/compare/relay_fence.h"
#include "relay/compare/report.h"
#include "relay/compare/scope.h"
#include "relay/service/backend_transport.h"
#include "relay/status/relay_status.h"
#include "relay/terminal/progress_line.h"
#include "replay/compare/comparison.h"
#include "replay/query/influx_source.h"
#include "replay/query/victoria_source.h"
#include "wal/base/clock.h"

namespace relay {
namespace {

constexpr int kEqual = 0;
constexpr int kDifferent = 1;
constexpr int kCouldNotTell = 2;

Result<BackendConfig> ConfiguredAs(const Config& config, const std::string& name) {
  for (const BackendConfig& backend : config.backends) {
    if (backend.name.text() == name) return backend;
  }
  return Error(ErrorCode::kInvalidInput, fmt::format("no backend {} is configured", name));
}

Result<std::unique_ptr<Source>> OpenSource(const BackendConfig& backend) {
  const std::string& name = backend.name.text();
  const HttpTransportOptions options = QueryOptionsFor(backend);
  Result<bool> is_victoria = IsVictoriaMetrics(options);
  if (!is_victoria.ok()) return std::move(is_victoria).error().Within(name);
  return is_victoria.value() ? MakeVictoriaSource(name, options) : MakeInfluxSource(name, options);
}

// nullopt: the option was not given.
Result<std::optional<std::int64_t>> TimeIn(const std::string& text, WallTime now) {
  if (text.empty()) return std::optional<std::int64_t>();
  ASSIGN_OR_RETURN(const WallTime time, ParseTime(text, now));
  return std::optional<std::int64_t>(time.time_since_epoch().count());
}

Status CheckName(std::string_view option, const std::string& name) {
  if (name.size() < 2 || !name.starts_with('/') || !name.ends_with('/')) return Ok();
  return Error(ErrorCode::kInvalidInput,
               fmt::format("{} takes a name, not a regular expression: {}", option, name));
}

Result<ComparisonOptions> OptionsIn(const CompareArgs& args) {
  const WallTime now = SystemClock().WallNow();
  RETURN_IF_ERROR(CheckName("--database", args.database));
  RETURN_IF_ERROR(CheckName("--measurement", args.measurement));
  ComparisonOptions options{.database = args.database, .measurement = args.measurement};
  auto from = TimeIn(args.from, now);
  if (!from.ok()) return std::move(from).error().Within("--from");
  options.from = from.value().value_or(TimeRange::kEarliest);
  auto to = TimeIn(args.to, now);
  if (!to.ok()) return std::move(to).error().Within("--to");
  options.to = to.value();
  options.listed_max = args.limit;
  return options;
}

Result<RelayStatus> StatusOf(const AdminConfig& admin) {
  ASSIGN_OR_RETURN(const std::string text, GetFromAdmin(TargetOf(admin), "/api/v1/status"));
  return StatusFromJson(text);
}

// Shows the measurement and the points read.
class ComparisonProgress {
 public:
  explicit ComparisonProgress(const Clock& clock) : line_(clock) {}

  void Begin(const MeasurementRef& place, std::size_t number, std::size_t of) {
    place_ = ToString(place);
    part_ = static_cast<double>(number) / static_cast<double>(std::max<std::size_t>(of, 1));
    Show();
  }
  void Read(std::uint64_t points) {
    points_ = points;
    Show();
  }
  void Wait(const std::string& why) { line_.Show(std::nullopt, "waiting: " + why); }
  void Erase() { line_.Erase(); }

 private:
  void Show() { line_.Show(part_, fmt::format("{} points, {}", Grouped(points_), place_)); }

  ProgressLine line_;
  std::string place_;
  double part_ = 0;
  std::uint64_t points_ = 0;
};

int ExitCodeOf(Equality equality) {
  switch (equality) {
    case Equality::kEqual: return kEqual;
    case Equality::kDifferent: return kDifferent;
    case Equality::kUnknown: return kCouldNotTell;
  }
  INVARIANT(false);
}

int CouldNotTell(const CompareArgs& args, const Error& error, std::uint64_t differing = 0) {
  if (args.quiet) return kCouldNotTell;
  if (args.json) {
    fmt::print("{}\n", UnknownAsJson({args.a, args.b}, error.message(), differing));
    return kCouldNotTell;
  }
  fmt::print(stderr, "compare: could not tell: {}\n", error.message());
  if (differing > 0) fmt::print(stderr, "until then, {} points differed\n", differing);
  return kCouldNotTell;
}

void AddReasons(const AdminConfig& admin, const CompareArgs& args, Outcome& outcome) {
  const Result<RelayStatus> status = StatusOf(admin);
  if (!status.ok()) return;
  for (const std::string& backend : {args.a, args.b}) {
    for (std::string& reason : ReasonsForGaps(status.value(), backend)) {
      outcome.notes.push_back(std::move(reason));
    }
  }
}

// The relay keeps the result, if one runs and takes changes from this user.
void Keep(const AdminConfig& admin, const CompareArgs& args, std::string_view result,
          std::string text) {
  if (!args.database.empty()) text += fmt::format(", of database {} only", args.database);
  if (!args.measurement.empty()) text += fmt::format(", of measurement {} only", args.measurement);
  const Status kept = KeepNote(
      TargetOf(admin), {{"kind", "compared"}, {"result", result}, {"text", std::move(text)}});
  if (kept.ok() || kept.error().code() == ErrorCode::kUnavailable || args.json) return;
  fmt::print(stderr, "compare: the relay does not keep the result in its history: {}\n",
             kept.error().message());
}

struct Backends {
  BackendConfig a;
  BackendConfig b;
  AdminConfig admin;
};

// Holds the rest that a comparison uses, besides the backends.
struct Tools {
  Fence& fence;
  Clock& clock;
  ComparisonProgress& progress;
};

int RunBetween(const CompareArgs& args, const Backends& backends, ComparisonOptions options,
               const Tools& tools) {
  // A backend that is away is owed something: the relay says why, and asking it takes long.
  const Result<Mark> mark = tools.fence.Here();
  if (!mark.ok()) {
    const bool is_away = mark.error().code() == ErrorCode::kUnavailable;
    const std::string_view hint =
        is_away ? "; start it, or compare without it if nothing is written meanwhile: --no-fence"
                : "";
    return CouldNotTell(
        args, Error(mark.error().code(), fmt::format("{}{}", mark.error().message(), hint)));
  }
  const Status passed = tools.fence.WaitPassed(mark.value());
  tools.progress.Erase();
  if (!passed.ok()) return CouldNotTell(args, passed.error());
  const auto a = OpenSource(backends.a);
  if (!a.ok()) return CouldNotTell(args, a.error());
  const auto b = OpenSource(backends.b);
  if (!b.ok()) return CouldNotTell(args, b.error());
  if (!a.value()->traits().has_measurements && !b.value()->traits().has_measurements) {
    return CouldNotTell(
        args, Error(ErrorCode::kInvalidInput, "both are VictoriaMetrics: one must be an InfluxDB"));
  }
  Pair pair(*a.value(), *b.value(), tools.fence, tools.clock,
            {.points_per_second = args.points_per_second,
             .on_points = [&tools](std::uint64_t points) { tools.progress.Read(points); }});
  Comparison comparison(pair, std::move(options));
  Result<Outcome> outcome = comparison.Run();
  tools.progress.Erase();
  if (!outcome.ok()) {
    Keep(backends.admin, args, "unknown",
         fmt::format("could not tell: {} and {}: {}", args.a, args.b, outcome.error().message()));
    return CouldNotTell(args, outcome.error(), comparison.points_differing());
  }
  if (!args.no_fence) AddReasons(backends.admin, args, outcome.value());
  const ComparedNames names{args.a, args.b};
  Keep(backends.admin, args, ToString(outcome.value().equality()),
       ResultLine(outcome.value(), names));
  if (!args.quiet) {
    fmt::print("{}{}", args.json ? ToJson(outcome.value(), names) : ToTable(outcome.value(), names),
               args.json ? "\n" : "");
  }
  return ExitCodeOf(outcome.value().equality());
}

int Run(const CompareArgs& args, const Backends& backends, ComparisonOptions options) {
  SystemClock clock;
  ComparisonProgress progress(clock);
  options.on_place = [&](const MeasurementRef& place, std::size_t number, std::size_t of) {
    progress.Begin(place, number, of);
  };
  options.why_left_out = [&backends](const MeasurementRef& place) {
    const std::string why = WhyLeftOut(backends.a, place);
    return why.empty() ? WhyLeftOut(backends.b, place) : why;
  };
  NoFence none(clock);
  RelayFence of_relay(clock,
                      {.a = args.a,
                       .b = args.b,
                       .patience = std::chrono::seconds(args.patience_seconds),
                       .status = [&backends] { return StatusOf(backends.admin); },
                       .on_wait = [&progress](const std::string& why) { progress.Wait(why); }});
  Fence& fence = args.no_fence ? static_cast<Fence&>(none) : of_relay;
  return RunBetween(args, backends, std::move(options), {fence, clock, progress});
}

}  // namespace

int Compare(const CompareArgs& args) {
  std::signal(SIGPIPE, SIG_IGN);
  const Result<AdminSession> session = AdminSession::For(args.config_path);
  if (!session.ok()) return CouldNotTell(args, session.error());
  const Config& config = session.value().config();
  const Result<BackendConfig> a = ConfiguredAs(config, args.a);
  if (!a.ok()) return CouldNotTell(args, a.error());
  const Result<BackendConfig> b = ConfiguredAs(config, args.b);
  if (!b.ok()) return CouldNotTell(args, b.error());
  const Status comparable = CheckComparable(a.value(), b.value());
  if (!comparable.ok()) return CouldNotTell(args, comparable.error());
  Result<ComparisonOptions> options = OptionsIn(args);
  if (!options.ok()) return CouldNotTell(args, options.error());
  return Run(args, {a.value(), b.value(), config.admin}, std::move(options).value());
}

}  // namespace relay
