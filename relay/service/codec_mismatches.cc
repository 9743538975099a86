#include "relay/service/codec_mismatches.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "relay/base/event_log.h"
#include "wal/base/files.h"

namespace relay {
namespace {

// Returns the first lines, as many as a file may hold; if not even one fits, its beginning.
std::string_view Beginning(std::string_view lines) {
  if (lines.size() <= CodecMismatches::kFileMax.count()) return lines;
  lines = lines.substr(0, CodecMismatches::kFileMax.count());
  const std::size_t end = lines.rfind('\n');
  return end == std::string_view::npos ? lines : lines.substr(0, end + 1);
}

}  // namespace

void CodecMismatches::Note(const Record& record) {
  counters_.CodecMismatch();
  const std::lock_guard lock(mutex_);
  const std::string kept = Keep(record.lines);
  const auto times = reports_.Note(1, clock_.Now());
  if (!times) return;
  LogEvent(Level::kError, "log.codec lp is wrong about a write, stored with zstd",
           {{"database", record.params.database},
            {"points", std::to_string(record.points)},
            {"times", std::to_string(*times)},
            {"lines", kept}});
}

// Returns where the lines are, or why they are not kept.
std::string CodecMismatches::Keep(std::string_view lines) const {
  Result<std::vector<std::string>> known = NamesIn(directory_);
  if (!known.ok()) return known.error().message();
  const std::vector<std::string>& names = known.value();
  if (names.size() >= kFilesMax) return fmt::format("not kept, {} has enough", directory_);
  if (Status made = MakeDirectory(directory_); !made.ok()) return made.error().message();
  const auto name = [](std::size_t number) { return fmt::format("{}.lp", number); };
  std::size_t number = 1;
  while (std::binary_search(names.begin(), names.end(), name(number))) ++number;
  const std::string path = directory_ + "/" + name(number);
  const Status written = ReplaceWhole(path, Beginning(lines));
  return written.ok() ? path : written.error().message();
}

}  // namespace relay
