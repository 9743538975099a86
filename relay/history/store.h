// The history on disk: `history/` in the log's directory, files of lines (rows.h) that only grow.
//
//     minutes-SEQUENCE   a row a minute, for at least 8 days
//     hours-SEQUENCE     a row an hour, for at least 400 days
//     events-SEQUENCE    the newest 38,000 events or more
//
// A file is named after its first line; the oldest of a kind is deleted when there is one too many,
// so the size is bounded whatever the clock does. The history is not part of the log: it is
// not copied into a checkpoint, and if it is lost nothing else is.
//
// DURABILITY. A line is on stable storage when an append returns. A line that a crash cut short or
// that was damaged is left out when reading, and counted; the next append begins a new line.
//
// THREADS. HistoryStore: any number at once. ReadHistory may read beside it, also in another
// process.
//
// ERRORS. kIo: the files cannot be written or read. kNotFound: there is no history.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "relay/history/rows.h"
#include "wal/base/result.h"

namespace relay {

// The history of a window of time, in the order in which it was written.
struct HistoryData {
  std::vector<HistoryRow> rows;      // Minutes; hours where these are no longer kept.
  std::vector<HistoryEvent> events;  // All that are kept, also from before and behind the window.
  std::optional<WallTime> begins;    // The oldest row's time; nullopt: there is none.
  std::uint64_t damaged_lines = 0;   // Left out.
};

class HistoryStore {
 public:
  // `log_path`: the relay's log.path, which exists. Reads what is needed to go on.
  explicit HistoryStore(const std::string& log_path);

  // The next two give the row or the event its number. A minute that begins an hour stores the
  // hour before as well.
  Status AppendMinute(HistoryRow row);
  Status Append(HistoryEvent event);

  // Returns the newest minute, and all events, as they were when the store was opened.
  const std::optional<HistoryRow>& last_minute() const { return last_minute_; }
  const std::vector<HistoryEvent>& events_found() const { return events_found_; }

  // Reads as ReadHistory does.
  Result<HistoryData> Read(WallTime from, WallTime to) const;

 private:
  // The files of one kind.
  struct Files {
    std::uint64_t last = 0;             // The last number given.
    std::string name;                   // The newest file; empty: there is none.
    std::uint64_t lines = 0;            // In the newest.
    std::vector<std::string> all = {};  // Oldest first.
  };
  enum Kind : std::uint8_t { kMinutes, kHours, kEvents };

  void Open(Kind kind);
  Status Append(Kind kind, const std::string& line);
  Status DeleteOldest(Kind kind);

  const std::string log_path_;
  const std::string directory_;
  std::optional<HistoryRow> last_minute_;
  std::vector<HistoryEvent> events_found_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::array<Files, 3> files_;
  HourRollup rollup_;
};

// Reads the rows that overlap [from, to) and the events of the log in this directory.
Result<HistoryData> ReadHistory(const std::string& log_path, WallTime from, WallTime to);

}  // namespace relay
