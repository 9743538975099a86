// The command `report`: what happened in a window of time, for an auditor.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "relay/base/human_format.h"
#include "relay/base/parse.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/cli/log_directory.h"
#include "relay/cli/report_of_relay.h"
#include "relay/history/report.h"
#include "wal/base/clock.h"

namespace relay {
namespace {

Result<ReportWindow> WindowOf(const ReportArgs& args) {
  const WallTime now = SystemClock().WallNow();
  auto from = ParseTime(args.from, now);
  if (!from.ok()) return std::move(from).error().Within("--from");
  auto to = ParseTime(args.to, now);
  if (!to.ok()) return std::move(to).error().Within("--to");
  return ReportWindow{.from = from.value(), .to = to.value(), .now = now};
}

// Asks the relay; reads the directory if none runs, or if one is named.
Result<std::string> ReportOf(const ReportArgs& args, const ReportWindow& window) {
  if (args.where.data.empty()) {
    ASSIGN_OR_RETURN(const AdminSession session,
                     AdminSession::For(args.where.config_path, args.at));
    Result<std::string> report = ReportOfRelay(session.target(), window.from, window.to);
    if (report.ok() || report.error().code() != ErrorCode::kUnavailable) return report;
  }
  ASSIGN_OR_RETURN(const std::string directory, LogDirectory(args.where));
  ASSIGN_OR_RETURN(const std::unique_ptr<LogView> log, OpenLogIn(directory));
  return MakeReport(*log, directory, window);
}

}  // namespace

Result<std::string> ReportOfRelay(const AdminTarget& admin, WallTime from, WallTime to) {
  ASSIGN_OR_RETURN(std::string report,
                   GetFromAdmin(admin, fmt::format("/api/v1/report?from={}&to={}", ToRfc3339(from),
                                                   ToRfc3339(to))));
  while (report.ends_with('\n')) report.pop_back();
  return report;
}

Result<std::string> ShownAs(const std::string& format, const std::string& report) {
  if (format == "json") return report + "\n";
  return ShownReport(report, format == "markdown" ? ReportForm::kMarkdown : ReportForm::kText);
}

int Report(const ReportArgs& args) {
  const Result<ReportWindow> window = WindowOf(args);
  if (!window.ok()) return PrintFailure("report", window.error(), args.format == "json");
  const Result<std::string> report = ReportOf(args, window.value());
  if (!report.ok()) return PrintFailure("report", report.error(), args.format == "json");
  const Result<std::string> shown = ShownAs(args.format, report.value());
  if (!shown.ok()) return PrintFailure("report", shown.error(), args.format == "json");
  fmt::print("{}", shown.value());
  return kDone;
}

}  // namespace relay
