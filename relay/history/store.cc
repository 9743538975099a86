#include "relay/history/store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>

#include "relay/base/append_line.h"
#include "wal/base/files.h"

namespace relay {
namespace {

struct KindOfFile {
  std::string_view prefix;
  std::uint64_t lines_max;  // In a file.
  std::size_t files_max;
};

constexpr std::array kKindsOfFile = {
    KindOfFile{"minutes-", 24ULL * 60, 9},
    KindOfFile{"hours-", 24ULL * 16, 26},
    KindOfFile{"events-", 2'000, 20},
};
constexpr std::size_t kMinuteFiles = 0;
constexpr std::size_t kHourFiles = 1;
constexpr std::size_t kEventFiles = 2;

std::string DirectoryIn(const std::string& log_path) {
  return log_path + "/history";
}

Error Failed(const std::string& path) {
  return {ErrorCode::kIo, fmt::format("{}: {}", path, std::generic_category().message(errno))};
}

// Returns the files of a kind, oldest first: numbers have leading zeros.
Result<std::vector<std::string>> FilesOf(const std::string& directory, std::size_t kind) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, NamesIn(directory));
  std::erase_if(names, [kind](const std::string& name) {
    return !name.starts_with(kKindsOfFile.at(kind).prefix);
  });
  return names;
}

// Calls `visit` with every sound line; returns the number of the others. The last line of the
// newest file may be in the middle of being written.
std::uint64_t VisitLines(std::string_view text, bool newest,
                         const std::function<bool(const HistoryLine&)>& visit) {
  std::uint64_t damaged = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const bool has_end = end != std::string_view::npos;
    text.remove_prefix(has_end ? end + 1 : text.size());
    if (line.empty() || (!has_end && newest)) continue;
    const auto parsed = ParseLine(line);
    if (!parsed || !visit(*parsed)) ++damaged;
  }
  return damaged;
}

// The same for all files of a kind. A file that was deleted meanwhile has no lines.
Result<std::uint64_t> VisitFiles(const std::string& directory, std::size_t kind,
                                 const std::function<bool(const HistoryLine&)>& visit) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, FilesOf(directory, kind));
  std::uint64_t damaged = 0;
  for (const std::string& name : names) {
    const Result<std::string> text = ReadWhole(fmt::format("{}/{}", directory, name));
    if (!text.ok() && text.error().code() == ErrorCode::kNotFound) continue;
    if (!text.ok()) return text.error();
    damaged += VisitLines(text.value(), name == names.back(), visit);
  }
  return damaged;
}

void AddEvent(const HistoryLine& line, std::vector<HistoryEvent>& events) {
  auto event = EventFrom(line);
  if (event) events.push_back(std::move(*event));
}

// Returns the number of the last minute that is in an hour; 0: there is none.
std::uint64_t LastMinuteInHours(const std::string& directory) {
  std::uint64_t through = 0;
  const auto note_hour = [&through](const HistoryLine& line) {
    const auto hour = RowFrom(line);
    if (hour) through = std::max(through, hour->through);
    return true;
  };
  (void)VisitFiles(directory, kHourFiles, note_hour);
  return through;
}

bool Overlaps(const HistoryLine& line, WallTime from, WallTime to) {
  return line.from < to && line.to >= from;
}

}  // namespace

HistoryStore::HistoryStore(const std::string& log_path)
    : log_path_(log_path), directory_(DirectoryIn(log_path)) {
  for (const Kind kind : {kMinutes, kHours, kEvents}) Open(kind);
}

// Takes what can be read: a history that cannot be is begun anew behind it.
void HistoryStore::Open(Kind kind) {
  Files& files = files_.at(kind);
  Result<std::vector<std::string>> names = FilesOf(directory_, kind);
  if (!names.ok() || names.value().empty()) return;
  files.all = std::move(names).value();
  files.name = files.all.back();
  const std::uint64_t through = kind == kMinutes ? LastMinuteInHours(directory_) : 0;
  const auto visit = [&](const HistoryLine& line) {
    files.last = std::max(files.last, line.sequence);
    if (kind == kEvents) AddEvent(line, events_found_);
    auto minute = kind == kMinutes ? RowFrom(line) : std::nullopt;
    if (minute && minute->sequence > through) (void)rollup_.Add(*minute);
    if (minute) last_minute_ = std::move(minute);
    return true;
  };
  (void)VisitFiles(directory_, kind, visit);
  const Result<std::string> newest = ReadWhole(directory_ + "/" + files.name);
  if (!newest.ok()) return;
  files.lines =
      static_cast<std::uint64_t>(std::count(newest.value().begin(), newest.value().end(), '\n'));
}

Status HistoryStore::AppendMinute(HistoryRow row) {
  const std::lock_guard lock(mutex_);
  row.sequence = files_.at(kMinutes).last + 1;
  RETURN_IF_ERROR(Append(kMinutes, LineOf(row)));
  std::optional<HistoryRow> hour = rollup_.Add(row);
  if (!hour) return Ok();
  hour->sequence = files_.at(kHours).last + 1;
  return Append(kHours, LineOf(*hour));
}

Status HistoryStore::Append(HistoryEvent event) {
  const std::lock_guard lock(mutex_);
  event.sequence = files_.at(kEvents).last + 1;
  return Append(kEvents, LineOf(event));
}

// The number is used up even if the write fails: a part of the line may be there.
Status HistoryStore::Append(Kind kind, const std::string& line) {
  Files& files = files_.at(kind);
  ++files.last;
  RETURN_IF_ERROR(MakeDirectory(directory_));
  const bool is_full = files.lines >= kKindsOfFile.at(kind).lines_max;
  if (files.name.empty() || is_full) {
    files.name = fmt::format("{}{:020}", kKindsOfFile.at(kind).prefix, files.last);
    files.lines = 0;
    files.all.push_back(files.name);
    RETURN_IF_ERROR(DeleteOldest(kind));
  }
  ++files.lines;
  RETURN_IF_ERROR(AppendLine(directory_ + "/" + files.name, line));
  return files.lines == 1 ? SyncDirectory(directory_) : Ok();
}

Status HistoryStore::DeleteOldest(Kind kind) {
  std::vector<std::string>& all = files_.at(kind).all;
  while (all.size() > kKindsOfFile.at(kind).files_max) {
    const std::string path = directory_ + "/" + all.front();
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failed(path);
    all.erase(all.begin());
  }
  return Ok();
}

Result<HistoryData> HistoryStore::Read(WallTime from, WallTime to) const {
  return ReadHistory(log_path_, from, to);
}

Result<HistoryData> ReadHistory(const std::string& log_path, WallTime from, WallTime to) {
  const std::string directory = DirectoryIn(log_path);
  HistoryData data;
  std::uint64_t first_minute = 0;  // 0: there is none.
  std::vector<HistoryRow> minutes;
  const auto note_begin = [&data](WallTime time) {
    data.begins = std::min(data.begins.value_or(time), time);
  };
  const auto add_minute = [&](const HistoryLine& line) {
    if (first_minute == 0) first_minute = line.sequence;
    note_begin(line.from);
    if (!Overlaps(line, from, to)) return true;
    auto row = RowFrom(line);
    if (row) minutes.push_back(std::move(*row));
    return row.has_value();
  };
  std::uint64_t before = 0;   // The last minute in the hours seen so far ...
  std::uint64_t through = 0;  // ... and in those that stand for minutes.
  const auto add_hour = [&](const HistoryLine& line) {
    note_begin(line.from);
    auto row = RowFrom(line);
    if (!row) return false;
    const bool stands = first_minute == 0 || before + 1 < first_minute;
    before = row->through;
    if (stands) through = before;
    if (stands && Overlaps(line, from, to)) data.rows.push_back(std::move(*row));
    return true;
  };
  const auto add_event = [&](const HistoryLine& line) {
    note_begin(line.from);
    AddEvent(line, data.events);
    return true;  // A kind that a newer relay wrote is no damage.
  };
  ASSIGN_OR_RETURN(const std::uint64_t in_minutes, VisitFiles(directory, kMinuteFiles, add_minute));
  ASSIGN_OR_RETURN(const std::uint64_t in_hours, VisitFiles(directory, kHourFiles, add_hour));
  ASSIGN_OR_RETURN(const std::uint64_t in_events, VisitFiles(directory, kEventFiles, add_event));
  data.damaged_lines = in_minutes + in_hours + in_events;
  std::erase_if(minutes, [through](const HistoryRow& row) { return row.sequence <= through; });
  data.rows.insert(data.rows.end(), std::make_move_iterator(minutes.begin()),
                   std::make_move_iterator(minutes.end()));
  return data;
}

}  // namespace relay
