#include "relay/terminal/progress_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace relay {
namespace {

constexpr std::chrono::milliseconds kInterval{200};
constexpr int kBarWidth = 30;

std::string Bar(double part) {
  const double whole = std::clamp(part, 0.0, 1.0);
  const int full = static_cast<int>(whole * kBarWidth);
  return fmt::format("[{:=<{}}{: <{}}] {:3.0f} %  ", "", full, "", kBarWidth - full, whole * 100);
}

std::size_t Columns() {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col : kUsual;
}

}  // namespace

ProgressLine::ProgressLine(const Clock& clock)
    : clock_(clock), terminal_(isatty(STDERR_FILENO) == 1) {}

bool ProgressLine::IsDue() const {
  return terminal_ && (!shown_at_ || clock_.Now() - *shown_at_ >= kInterval);
}

void ProgressLine::Show(std::optional<double> part, std::string_view text) {
  if (!IsDue()) return;
  shown_at_ = clock_.Now();
  visible_ = true;
  // A line that wraps could not be overwritten.
  std::string line = (part ? Bar(*part) : "") + std::string(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c >= 0 && c < ' '; }, ' ');
  fmt::print(stderr, "\r\x1b[K{}", line.substr(0, Columns() - 1));
}

void ProgressLine::Erase() {
  if (visible_) fmt::print(stderr, "\r\x1b[K");
  visible_ = false;
}

std::string Grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

}  // namespace relay
