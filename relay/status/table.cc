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

using std::chrono::nanoseconds;

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
  return backend.figures.oldest_kept ? ShownAge(AgeAt(now, *backend.figures.oldest_kept)) : "-";
}

using Backend = const BackendStatus&;

constexpr std::array kColumns = {
    Column{"BACKEND", 1, [](Backend b, WallTime) { return b.name; }},
    Column{"STATE", 2, [](Backend b, WallTime) { return b.state; }},
    Column{"CURSOR", 14, [](Backend b, WallTime) { return Count(b.figures.marks.cursor.value()); }},
    Column{"HEAD", 15, [](Backend b, WallTime) { return Count(b.figures.marks.head.value()); }},
    Column{"LAG", 12, [](Backend b, WallTime) { return Count(b.figures.marks.lag()); }},
    Column{"UNDELIVERED", 4, [](Backend b, WallTime) { return Count(UndeliveredPoints(b)); }},
    Column{"BYTES", 10,
           [](Backend b, WallTime) {
             return ShownBytes(b.figures.owed.bytes + b.figures.held.bytes);
           }},
    Column{"OLDEST", 3,
           [](Backend b, WallTime now) { return ShownAge(OldestUndeliveredAge(b, now)); }},
    Column{"IN/s", 9, [](Backend b, WallTime) { return Rate(b, &Flow::points_in); }},
    Column{"OUT/s", 6, [](Backend b, WallTime) { return Rate(b, &Flow::points_out); }},
    Column{"ETA", 5,
           [](Backend b, WallTime) {
             return b.figures.owed.points == 0 ? "-" : ShownAge(DrainEta(b));
           }},
    Column{"HELD", 7, [](Backend b, WallTime) { return Count(b.figures.held.points); }},
    Column{"DEAD", 8, [](Backend b, WallTime) { return Count(b.figures.dead_letters); }},
    Column{"DROPPED", 11, [](Backend b, WallTime) { return Count(b.figures.dropped); }},
    Column{"KEPT", 13, [](Backend b, WallTime now) { return KeptAge(b, now); }}};

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
  if (!status.remedy.empty()) text += fmt::format("; fix: {}", status.remedy);
  return text + "\n";
}

std::string Counted(std::uint64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
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
  return fmt::format(
      "{0}: {1} stored, {2}; {3} points became dead letters so far ({4}): influxdb-relay dead list "
      "--backend {0}\n",
      backend.name, Counted(backend.figures.dead_letters, "dead letter"),
      ShownBytes(backend.figures.dead_bytes), backend.figures.dead, reasons);
}

std::string RemovedText(const BackendStatus& backend) {
  if (backend.figures.dead_letters_removed == 0) return "";
  return fmt::format(
      "{0}: {1} removed so far, of {2}, as beyond log.dead_letters: influxdb-relay gaps --backend "
      "{0}\n",
      backend.name, Counted(backend.figures.dead_letters_removed, "dead letter"),
      Counted(backend.figures.dead_removed, "point"));
}

// Says what operators did with dead letters.
std::string TakenText(const BackendStatus& backend) {
  if (backend.dead_letters_redriven + backend.dead_letters_dropped == 0) return "";
  return fmt::format("{}: {} redriven and {} dropped by operators since the start\n", backend.name,
                     Counted(backend.dead_letters_redriven, "dead letter"),
                     backend.dead_letters_dropped);
}

std::string GapText(const BackendStatus& backend) {
  if (backend.figures.gaps == 0) return "";
  return fmt::format("{0}: {1}, {2}: influxdb-relay gaps --backend {0}\n", backend.name,
                     Counted(backend.figures.gaps, "gap"),
                     Counted(backend.figures.dropped, "point"));
}

std::string DivergedText(const BackendStatus& backend, WallTime now) {
  if (!IsDiverged(backend)) return "";
  const DivergenceReport& diverged = *backend.watermarks->diverged;
  return fmt::format("{0}: diverged for {1}: {2}\n{0}: fix: {3}\n", backend.name,
                     ShownAge(AgeAt(now, diverged.since)), OneLine(diverged.reason, kReasonMax),
                     diverged.remedy);
}

std::string ExpiryText(const BackendStatus& backend, WallTime now) {
  if (!backend.expiry) return "";
  constexpr std::size_t kShownMax = 5;
  const std::vector<std::string> sentences = DescribeExpiry(*backend.expiry, now);
  std::string text;
  for (std::size_t i = 0; i < std::min(sentences.size(), kShownMax); ++i) {
    text += fmt::format("{}: {}{}\n", backend.name, backend.expiry->whole ? "" : "at least ",
                        sentences[i]);
  }
  if (sentences.size() > kShownMax) {
    text += fmt::format("{}: in all {} will expire and {} have, of {} databases and policies\n",
                        backend.name, Counted(backend.expiry->expiring(), "point"),
                        backend.expiry->expired(), backend.expiry->lanes.size());
  }
  if (sentences.empty()) return "";
  return text +
         fmt::format("{}: fix: {}\n", backend.name, ExpiryRemedy(*backend.expiry, backend.name));
}

// The state began when the last progress was made, or later.
std::string NoProgress(const BackendStatus& backend, WallTime now) {
  if (!backend.since) return "no progress for a while";
  return "no progress for " + ShownAge(AgeAt(now, *backend.since));
}

std::string TroubleOf(const BackendStatus& backend, WallTime now) {
  std::string text = DivergedText(backend, now);
  const auto add = [&](std::string_view label, std::string_view message) {
    if (message.empty()) return;
    text += fmt::format("{}: {}{}\n", backend.name, label, OneLine(message, kReasonMax));
  };
  add("", backend.why);
  if (!backend.why.empty()) add("last answer: ", backend.last_answer);
  add("fix: ", backend.remedy);
  if (!DrainEta(backend)) add("", ShownEta(backend));
  if (backend.stuck) {
    add("", backend.takes_writes ? "no progress of what is on hold" : NoProgress(backend, now));
  }
  for (const LaneReport& lane : backend.lanes) text += LaneText(backend, lane);
  text += ExpiryText(backend, now);
  text += DeadText(backend) + TakenText(backend) + RemovedText(backend) + GapText(backend);
  if (const std::int64_t missing = backend.figures.unaccounted(); missing != 0) {
    add("", fmt::format("{} points are unaccounted for: this is a bug", missing));
  }
  return text.empty() ? text : "\n" + text;
}

// Says when the log will be full, or that it is.
std::string FillText(const RelayStatus& status) {
  if (status.disk.full() && KeptByAll(status) == 0_B) {
    return status.log_failure.empty() ? "; FULL: deleting the oldest records"
                                      : "; FULL: refusing writes";
  }
  std::string text;
  if (const auto full = FullEta(status)) text = fmt::format("; full in {}", ShownAge(full));
  const auto outage = OutageTolerance(status);
  return text + (outage ? fmt::format("; all backends can be down for {}", ShownAge(outage))
                        : "; all backends can be down for any time at the present rate of writes");
}

std::string DiskText(const RelayStatus& status) {
  if (!status.running) return "";
  const DiskUse& disk = status.disk;
  std::string text =
      fmt::format("\nlog: {} of {} used", ShownBytes(disk.used), ShownBytes(CapacityOf(disk)));
  if (BindingLimit(disk) == DiskLimit::kMinFree) {
    text += fmt::format(" (the disk binds, not log.max_size: {} free, log.min_free {})",
                        ShownBytes(disk.free), ShownBytes(disk.min_free));
  }
  if (const Bytes dead = DeadBytes(status); dead > 0_B) {
    text += fmt::format("; dead letters {} of {}", ShownBytes(dead), ShownBytes(disk.dead_max));
  }
  text += FillText(status) + "\n";
  constexpr double kNearlyFull = 0.8;
  if (ShareUsed(disk, KeptByAll(status)) < kNearlyFull) return text;
  return text + fmt::format("log: fix: {}\n", DiskRemedy(status));
}

std::string CheckpointText(const RelayStatus& status) {
  if (status.checkpoint_failure.empty()) return "";
  return fmt::format("checkpoint: the scheduled one failed: {}\n", status.checkpoint_failure);
}

// Says for a day that the wall clock was set.
std::string ClockText(const RelayStatus& status) {
  if (!status.clock || !status.clock->last_at) return "";
  const nanoseconds age = AgeAt(status.now, *status.clock->last_at);
  if (age > std::chrono::hours(24)) return "";
  return fmt::format(
      "clock: stepped by {} {} ago ({} times since the start); ages are not affected\n",
      ShownStep(status.clock->last_by), ShownAge(age), status.clock->count);
}

// The backends that are watched in one respect, and why others are not.
struct Watched {
  std::size_t watched = 0;
  std::size_t known = 0;
  std::string rest = {};

  void Add(const std::string& name, bool is_watched, const std::string& why) {
    ++known;
    if (is_watched) ++watched;
    if (why.empty()) return;
    rest += fmt::format("; {}{}: {}", name, is_watched ? "" : " is not", OneLine(why, kReasonMax));
  }
  std::string Text(std::string_view what) const {
    if (known == 0) return "";
    return fmt::format("{}: {} of {} watched{}\n", what, watched, Counted(known, "backend"), rest);
  }
};

// Says which backends are not watched, and why.
std::string WatchedText(const RelayStatus& status) {
  Watched marks;
  Watched policies;
  for (const BackendStatus& one : status.backends) {
    if (one.watermarks) marks.Add(one.name, one.watermarks->watched, one.watermarks->why);
    if (one.expiry) policies.Add(one.name, one.expiry->watched, one.expiry->why);
  }
  return marks.Text("watermarks") + policies.Text("retention policies");
}

std::string PeerText(const SharedLogStatus& shared, const SharedLogStatus::Peer& peer) {
  if (!peer.place) return fmt::format("{} not heard of", peer.relay);
  const std::uint64_t behind =
      shared.place > *peer.place ? shared.place.number() - peer.place->number() : 0;
  return fmt::format("{} {}{}", peer.relay, peer.in_sync ? "in sync" : "not in sync",
                     behind == 0 ? "" : fmt::format(", {} messages behind", behind));
}

std::string SharedText(const RelayStatus& status) {
  if (!status.shared) return "";
  const SharedLogStatus& shared = *status.shared;
  std::string text =
      fmt::format("shared log: this is {}, at place {}", shared.relay, ToString(shared.place));
  if (!shared.range) {
    text += "; the stream does not answer";
  } else if (shared.range->last > shared.place) {
    text += fmt::format(" of {}", ToString(shared.range->last));
  }
  text += fmt::format("; copies {} of {}", shared.copies, shared.copies_wanted);
  for (const SharedLogStatus::Peer& peer : shared.peers) text += "; " + PeerText(shared, peer);
  return text + "\n";
}

// Says so even if nothing is missing, as it must be.
std::string Accounts(const RelayStatus& status) {
  std::int64_t missing = 0;
  for (const BackendStatus& backend : status.backends) {
    missing += std::abs(backend.figures.unaccounted());
  }
  return fmt::format("{}accounting: {}\n", status.running ? "" : "\n",
                     missing == 0 ? "balanced" : fmt::format("{} points unaccounted for", missing));
}

}  // namespace

std::string ToTable(const RelayStatus& status, std::size_t width) {
  std::string text = Rows(status, width) + DiskText(status) + SharedText(status) +
                     CheckpointText(status) + ClockText(status) + WatchedText(status) +
                     Accounts(status);
  if (!status.log_failure.empty()) text += fmt::format("\nlog: {}\n", status.log_failure);
  if (!status.configuration_failure.empty()) {
    text += fmt::format("\nconfiguration: {}\n", status.configuration_failure);
  }
  for (const std::string& alarm : status.log_alarms) text += fmt::format("\nlog: {}\n", alarm);
  for (const BackendStatus& backend : status.backends) text += TroubleOf(backend, status.now);
  return text;
}

}  // namespace relay
