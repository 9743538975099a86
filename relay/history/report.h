// The report of a window of time, for an auditor: outages, what was owed at worst, how long
// recovery took, what will never be delivered, what operators did, restarts and comparisons.
//
// For each backend it names the objectives that were reached:
//     RTO  the longest time from the begin of an outage until the backend had everything that it
//          was owed when it came back;
//     RPO  the greatest age of a point that the backend did not have yet: what it would lack if
//          it had to stand in alone at the worst moment. Points that it will never get are gaps.
//
// THREADS. Free functions; any number at once.
//
// ERRORS. kInvalidInput: the window is empty or begins in the future. kNotFound: there is no
// history of it; the message says when the history begins.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "relay/history/store.h"
#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

struct ReportWindow {
  WallTime from;
  WallTime to;  // Not included; a later one than `now` counts as that.
  WallTime now;
};

// Returns the report as JSON, one line, from the log in a directory; whether a relay runs there or
// not. `present`: the row that is not on disk yet.
Result<std::string> MakeReport(const LogView& log, const std::string& log_path, ReportWindow window,
                               const std::optional<HistoryRow>& present = std::nullopt);

enum class ReportForm : std::uint8_t { kText, kMarkdown };

// Formats such a report for people. kInvalidInput: it is none.
Result<std::string> ShownReport(const std::string& json, ReportForm form);

// Returns the rows of a window as columns, for plots, and its events: the object History of
// relay/admin/answers.h. `step`: zero chooses one that gives some hundred times.
Result<std::string> PlotsJson(const HistoryData& data, ReportWindow window,
                              std::chrono::seconds step);

}  // namespace relay
