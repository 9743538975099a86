// The history's rows and events, and the line of text that each is stored as.
//
// A row sums up what every backend did in a span of time: a minute, or an hour made of minutes.
// An event has an exact time: outages are told by events, never by rows.
//
// A line is `CHECKSUM SEQUENCE FROM TO JSON`: the CRC-32C of what comes behind it, in hexadecimal;
// a number that only grows; two wall times in milliseconds since 1970 (an event: the same twice).
// Order is by the number: the times are what the wall clock said, and it may have been set.
//
// THREADS. Values and pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/types.h"

namespace relay {

// The log's counters of a backend, which never fall while the log is the same.
struct CounterTotals {
  PointCount accepted = 0;
  std::uint64_t bytes = 0;  // Accepted, of line protocol.
  PointCount delivered = 0;
  PointCount dead = 0;
  PointCount dropped = 0;

  friend bool operator==(const CounterTotals&, const CounterTotals&) = default;
  friend CounterTotals operator+(const CounterTotals& a, const CounterTotals& b) {
    return {a.accepted + b.accepted, a.bytes + b.bytes, a.delivered + b.delivered, a.dead + b.dead,
            a.dropped + b.dropped};
  }
};

// One backend in the span of a row.
struct BackendRow {
  std::uint64_t samples = 0;       // About one a second.
  std::uint64_t samples_down = 0;  // Those while it took no writes.
  PointCount undelivered_max = 0;  // Owed or on hold.
  PointCount undelivered_last = 0;
  PointCount held_max = 0;
  double age_max = 0;   // Seconds, of the oldest undelivered point.
  CounterTotals grown;  // By how much the counters grew within the span.
  CounterTotals total;  // The counters at its end.
  std::uint64_t requests = 0;
  double request_seconds = 0;      // The sum over the requests.
  double request_p99_seconds = 0;  // In the worst minute; at most this.

  friend bool operator==(const BackendRow&, const BackendRow&) = default;
};

struct HistoryRow {
  std::uint64_t sequence = 0;
  WallTime from;
  WallTime to;
  std::uint64_t through = 0;  // The last minute in an hour; 0: a minute.
  std::map<std::string, BackendRow> backends;

  friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};

enum class HistoryKind : std::uint8_t {
  kStarted,    // `state`: "first", "clean" or "unclean", the stop before; `other`: when that was.
  kStopped,    // In good order.
  kDown,       // `backend` takes no writes, or diverged; `state` and `text` say why.
  kUp,         // It takes them again; `seconds`: how long it did not, by the monotonic clock.
  kRecovered,  // It has everything that was owed when it came back; `points`, `seconds`: the worst.
  kRemoved,    // It is no longer configured.
  kClockSet,   // The wall clock was set by `seconds`.
  kCompared,   // `state`: equal, different or unknown; `text`: the backends and the result.
  kDrill,      // `text` says what was done.
};

// Returns "started", "stopped", "down", "up", "recovered", "removed", "clock set", "compared",
// "drill".
std::string_view ToString(HistoryKind kind);

// nullopt: no such word.
std::optional<HistoryKind> HistoryKindFrom(std::string_view word);

struct HistoryEvent {
  static constexpr std::size_t kTextMax = 500;

  std::uint64_t sequence = 0;
  WallTime at;
  HistoryKind kind = HistoryKind::kStarted;
  std::string backend = {};  // Empty: it concerns the relay.
  std::string state = {};
  std::string text = {};
  PointCount points = 0;
  double seconds = 0;
  std::optional<WallTime> other = {};

  friend bool operator==(const HistoryEvent&, const HistoryEvent&) = default;
};

// Returns the line, with its end.
std::string LineOf(const HistoryRow& row);
std::string LineOf(const HistoryEvent& event);

// The fields of a line whose checksum is right.
struct HistoryLine {
  std::uint64_t sequence = 0;
  WallTime from;
  WallTime to;
  std::string_view json;
};

// nullopt: the line is damaged or cut short.
std::optional<HistoryLine> ParseLine(std::string_view line);

// nullopt: not of this kind.
std::optional<HistoryRow> RowFrom(const HistoryLine& line);
std::optional<HistoryEvent> EventFrom(const HistoryLine& line);

// Adds the row that follows.
void AddRow(const HistoryRow& next, HistoryRow& into);

// Joins consecutive rows that begin in the same span of `step`, counted from 1970.
std::vector<HistoryRow> Joined(const std::vector<HistoryRow>& rows, std::chrono::seconds step);

// Makes hours of minutes.
//
// THREADS. One.
class HourRollup {
 public:
  // Adds a minute. Returns the hour before, once the minute begins in another one.
  std::optional<HistoryRow> Add(const HistoryRow& minute);

 private:
  std::optional<HistoryRow> hour_;
};

}  // namespace relay
