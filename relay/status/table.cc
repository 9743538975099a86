// Formats a status for people: rows, and sentences about problems.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "relay/status/relay_status.h"

namespace relay {
namespace {

constexpr std::size_t kReasonMax = 300;  // Characters of a backend's answer.

struct Column {
  std::string_view head;
  int rank;  // 1 is dropped last.
  std::string (*cell)(const BackendStatus&, WallTime now);
};

std::string Count(std::uint64_t count) {
  return fmt::format("{}", count);
}

std::string Rate(const BackendStatus& backend, double Flow::*rate) {
  return backend.flow ? ShownRate((*backend.flow).*rate) : "-";
}

std::string KeptAge(const BackendStatus& backend, WallTime now) {
  return backend.figures.oldest_kept ? ShownAge(now - *backend.figures.oldest_kept) : "-";
}

using Backend = const BackendStatus&;

constexpr std::array kColumns = {
    Column{"BACKEND", 1, [](Backend b, WallTime) { return b.name; }},
    Column{"STATE", 2, [](Backend b, WallTime) { return b.state; }},
    Column{"CURSOR", 14, [](Backend b, WallTime) { return Count(b.figures.marks.cursor.value()); }},
    Column{"HEAD", 15, [](Backend b, WallTime) { return Count(b.figures.marks.head.value()); }},
    Column{"LAG", 12, [](Backend b, WallTime) { return Count(b.figures.marks.lag()); }},
    Column{"POINTS", 4, [](Backend b, WallTime) { return Count(b.figures.owed.points); }},
    Column{"BYTES", 10, [](Backend b, WallTime) { return ShownBytes(b.figures.owed.bytes); }},
    Column{"OLDEST", 3, [](Backend b, WallTime now) { return ShownAge(OldestOwedAge(b, now)); }},
    Column{"IN/s", 9, [](Backend b, WallTime) { return Rate(b, &Flow::points_in); }},
    Column{"OUT/s", 6, [](Backend b, WallTime) { return Rate(b, &Flow::points_out); }},
    Column{"DRAINED", 5,
           [](Backend b, WallTime) {
             return b.figures.owed.points == 0 ? "-" : ShownAge(DrainEta(b));
           }},
    Column{"HELD", 7, [](Backend b, WallTime) { return Count(b.figures.held.points); }},
    Column{"DEAD", 8, [](Backend b, WallTime) { return Count(b.figures.dead); }},
    Column{"DROPPED", 11, [](Backend b, WallTime) { return Count(b.figures.dropped); }},
    Column{"REWIND", 13, [](Backend b, WallTime now) { return KeptAge(b, now); }}};

// Returns which columns fit.
std::vector<bool> Fitting(const std::vector<std::size_t>& widths, std::size_t width) {
  std::vector<bool> shown(kColumns.size(), width == 0);
  if (width == 0) return shown;
  std::size_t used = 0;
  for (int rank = 1; rank <= static_cast<int>(kColumns.size()); ++rank) {
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      if (kColumns.at(i).rank != rank) continue;
      used += widths[i] + 2;
      // The first two are always shown: the backend and its state.
      shown[i] = rank <= 2 || used <= width + 2;
    }
  }
  return shown;
}

std::string Rows(const RelayStatus& status, std::size_t width) {
  constexpr std::size_t kLeftColumns = 2;
  std::vector<Cells> all(1 + status.backends.size());
  std::vector<std::size_t> widths;
  for (const Column& column : kColumns) {
    all[0].emplace_back(column.head);
    widths.push_back(column.head.size());
    for (std::size_t i = 0; i < status.backends.size(); ++i) {
      all[i + 1].push_back(column.cell(status.backends[i], status.now));
      widths.back() = std::max(widths.back(), all[i + 1].back().size());
    }
  }
  const std::vector<bool> shown = Fitting(widths, width);
  std::vector<Cells> rows(all.size());
  for (std::size_t row = 0; row < all.size(); ++row) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (shown[i]) rows[row].push_back(all[row][i]);
    }
  }
  return Aligned(rows, kLeftColumns);
}

std::string LaneText(const BackendStatus& backend, const LaneReport& status) {
  const HeldLane& lane = status.held;
  std::string text = fmt::format("{}: {} is on hold{}: {} points, {}", backend.name,
                                 ShownLane(lane.lane), lane.by_operator ? " by an operator" : "",
                                 lane.size.points, ShownBytes(lane.size.bytes));
  if (!status.why.empty() && !lane.by_operator) {
    text += fmt::format("; {}", OneLine(status.why, kReasonMax));
  }
  if (!status.remedy.empty()) text += fmt::format("; to do: {}", status.remedy);
  return text + "\n";
}

std::string DeadText(const BackendStatus& backend) {
  if (backend.figures.dead_letters == 0) return "";
  std::string reasons;
  for (const auto& [reason, word] : {std::pair(DeadReason::kRefused, "refused"),
                                     {DeadReason::kExpired, "expired"},
                                     {DeadReason::kLimit, "beyond a limit"},
                                     {DeadReason::kDamaged, "damaged"}}) {
    const PointCount points = backend.figures.dead_by_reason[reason];
    if (points == 0) continue;
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", points, word);
  }
  return fmt::format("{0}: {1} dead letters, {2} ({3}): influxdb-relay dead list --backend {0}\n",
                     backend.name, backend.figures.dead_letters,
                     ShownBytes(backend.figures.dead_bytes), reasons);
}

std::string RemovedText(const BackendStatus& backend) {
  if (backend.figures.dead_letters_removed == 0) return "";
  return fmt::format(
      "{0}: {1} dead letters of {2} points were removed, beyond log.dead_letters: influxdb-relay "
      "gaps --backend {0}\n",
      backend.name, backend.figures.dead_letters_removed, backend.figures.dead_removed);
}

std::string GapText(const BackendStatus& backend) {
  if (backend.figures.gaps == 0) return "";
  return fmt::format("{0}: {1} gaps, {2} points: influxdb-relay gaps --backend {0}\n", backend.name,
                     backend.figures.gaps, backend.figures.dropped);
}

std::string TroubleOf(const BackendStatus& backend) {
  std::string text;
  const auto add = [&](std::string_view label, std::string_view message) {
    if (message.empty()) return;
    text += fmt::format("{}: {}{}\n", backend.name, label, OneLine(message, kReasonMax));
  };
  add("", backend.why);
  if (!backend.why.empty()) add("last answer: ", backend.last_answer);
  add("to do: ", backend.remedy);
  if (backend.stuck) {
    add("", backend.takes_writes ? "stuck: records have been on hold for a while"
                                 : "stuck: no progress for a while");
  }
  for (const LaneReport& lane : backend.lanes) text += LaneText(backend, lane);
  text += DeadText(backend) + RemovedText(backend) + GapText(backend);
  if (const std::int64_t missing = backend.figures.unaccounted(); missing != 0) {
    add("", fmt::format("{} points are unaccounted for: this is a bug", missing));
  }
  return text.empty() ? text : "\n" + text;
}

std::string DiskText(const RelayStatus& status) {
  if (!status.running) return "";
  std::string text = fmt::format("\nlog: {} of {} used", ShownBytes(status.disk.used),
                                 ShownBytes(status.disk.max));
  if (const Bytes dead = DeadBytes(status); dead > 0_B) {
    text +=
        fmt::format("; dead letters {} of {}", ShownBytes(dead), ShownBytes(status.disk.dead_max));
  }
  if (const auto full = FullEta(status)) text += fmt::format("; full in {}", ShownAge(full));
  const auto outage = OutageTolerance(status);
  text += outage ? fmt::format("; room for an outage of {}", ShownAge(outage))
                 : "; room for any outage while no writes come in";
  return text + "\n";
}

// Shows the number even if it is 0, as it must be.
std::string Accounts(const RelayStatus& status) {
  std::int64_t missing = 0;
  for (const BackendStatus& backend : status.backends) {
    missing += std::abs(backend.figures.unaccounted());
  }
  return fmt::format("{}accounts: {} points unaccounted for\n", status.running ? "" : "\n",
                     missing);
}

}  // namespace

std::string ToTable(const RelayStatus& status, std::size_t width) {
  std::string text = Rows(status, width) + DiskText(status) + Accounts(status);
  if (!status.log_failure.empty()) text += fmt::format("\nlog: {}\n", status.log_failure);
  if (!status.configuration_failure.empty()) {
    text += fmt::format("\nconfiguration: {}\n", status.configuration_failure);
  }
  for (const std::string& alarm : status.log_alarms) text += fmt::format("\nlog: {}\n", alarm);
  for (const BackendStatus& backend : status.backends) text += TroubleOf(backend);
  return text;
}

}  // namespace relay
