#include "relay/base/human_format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace relay {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;

std::string Aligned(const std::vector<Cells>& rows, std::size_t left_columns) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i < left_columns ? fmt::format("{:<{}}  ", row[i], widths[i])
                               : fmt::format("{:>{}}  ", row[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::string OneLine(std::string_view text, std::size_t size_max) {
  std::string line(text.substr(0, size_max));
  while (line.ends_with('\n')) line.pop_back();
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text.size() > size_max ? line + "..." : line;
}

std::string ShownLines(std::string_view lines) {
  constexpr std::size_t kLineShown = 4U << 10U;
  std::string shown;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    shown += lines.substr(0, std::min(end, kLineShown));
    if (end > kLineShown) shown += fmt::format("... ({} bytes)", end);
    if (end < lines.size()) shown += '\n';
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return shown;
}

std::string ShownAge(nanoseconds age) {
  const auto seconds = duration_cast<std::chrono::seconds>(age).count();
  if (age == nanoseconds::zero()) return "-";
  if (seconds < 60) return fmt::format("{:.1f}s", std::chrono::duration<double>(age).count());
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{:02}h", seconds / 86'400, seconds / 3600 % 24);
}

std::string ShownAge(const std::optional<std::chrono::seconds>& duration) {
  return duration ? ShownAge(nanoseconds(*duration)) : "-";
}

std::string ShownStep(nanoseconds step) {
  // The two clocks are read one after the other.
  const auto rounded = std::chrono::round<std::chrono::milliseconds>(std::chrono::abs(step));
  return (step < nanoseconds::zero() ? "-" : "+") + ShownAge(rounded);
}

std::string ShownRate(double per_second) {
  if (per_second == 0) return "0";
  return per_second < 10 ? fmt::format("{:.1f}", per_second) : fmt::format("{:.0f}", per_second);
}

std::string ToRfc3339(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = (time - seconds).count();
  const std::time_t whole = seconds.time_since_epoch().count();
  const std::string text = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(whole));
  return rest == 0 ? text + "Z" : fmt::format("{}.{:09}Z", text, rest);
}

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace relay
