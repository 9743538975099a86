#include "relay/terminal/status_frame.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace relay {
namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kBlue = "\x1b[34m";
constexpr std::string_view kPlain = "\x1b[0m";

// A line with its colour.
struct Line {
  std::string text;  // One byte per character.
  std::string_view color = {};
  std::string plot = {};  // Behind the text.
};

std::string_view ColorOf(const BackendStatus& backend) {
  if (backend.state == "caught up") return kGreen;
  if (backend.state == "delivering") return kBlue;
  if (backend.state == "paused" || backend.state == "not configured") return kYellow;
  return kRed;
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return lines;
}

// Breaks a text at spaces and indents the lines after the first.
std::vector<std::string> Wrapped(const std::string& text, std::size_t width) {
  constexpr std::size_t kIndent = 4;
  std::vector<std::string> lines;
  std::string rest = text;
  while (rest.size() > width && width > 2 * kIndent) {
    std::size_t cut = rest.rfind(' ', width);
    if (cut == std::string::npos || cut <= kIndent) cut = width;
    lines.push_back(rest.substr(0, cut));
    rest = std::string(kIndent, ' ') + rest.substr(rest.find_first_not_of(' ', cut) == rest.npos
                                                       ? rest.size()
                                                       : rest.find_first_not_of(' ', cut));
  }
  lines.push_back(rest);
  return lines;
}

Line Title(const WatchView& view) {
  const RelayStatus& status = view.status;
  const std::string time = ToRfc3339(std::chrono::floor<std::chrono::seconds>(status.now));
  if (!view.note.empty()) return {fmt::format("{}  {}", time, view.note), kRed};
  const bool accepts = status.log_failure.empty();
  return {fmt::format("{}  influxdb-relay {}  {}  (q ends)", time, status.version,
                      accepts ? "accepting writes" : "REFUSING WRITES"),
          accepts ? kBold : kRed};
}

std::vector<Line> Plots(const WatchView& view, const ScreenSize& size) {
  constexpr std::size_t kNumber = 12;
  constexpr std::size_t kLeast = 10;
  std::size_t names = 0;
  for (const auto& [name, values] : view.history) names = std::max(names, name.size());
  if (size.columns < names + kNumber + kLeast) return {};
  std::vector<Line> lines;
  for (const BackendStatus& backend : view.status.backends) {
    const auto found = view.history.find(backend.name);
    if (found == view.history.end()) continue;
    const auto& values = found->second;
    if (values.empty() || *std::max_element(values.begin(), values.end()) <= 0) continue;
    lines.push_back(
        {fmt::format("{:<{}}  {:>10.0f} ", backend.name, names, values.back()), ColorOf(backend),
         Sparkline(values, std::min<std::size_t>(60, size.columns - names - kNumber - 1))});
  }
  if (!lines.empty())
    lines.insert(lines.begin(), {{""}, {"points undelivered in the last hour", kDim}});
  return lines;
}

std::vector<Line> Body(const WatchView& view, const ScreenSize& size, const ScreenStyle& style) {
  const std::vector<std::string> text = Split(ToTable(view.status, size.columns));
  const std::size_t rows = view.status.backends.size() + 1;
  std::vector<Line> lines;
  for (std::size_t i = 0; i < rows && i < text.size(); ++i) {
    lines.push_back(
        {text[i].substr(0, size.columns), i == 0 ? kBold : ColorOf(view.status.backends[i - 1])});
  }
  if (style.unicode) {
    for (Line& line : Plots(view, size)) lines.push_back(std::move(line));
  }
  for (std::size_t i = rows; i < text.size(); ++i) {
    for (std::string& part : Wrapped(text[i], size.columns)) lines.push_back({std::move(part)});
  }
  return lines;
}

std::string Painted(const Line& line, const ScreenStyle& style) {
  std::string text = line.text + line.plot;
  if (!style.colors || line.color.empty()) return text;
  return fmt::format("{}{}{}", line.color, text, kPlain);
}

}  // namespace

OwedHistory OwedHistoryFrom(const std::string& text) {
  OwedHistory history;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("backends")) return history;
  for (const auto& [name, columns] : json.at("backends").items()) {
    if (!columns.is_object() || !columns.contains("points")) continue;
    for (const auto& value : columns.at("points")) {
      history[name].push_back(value.is_number() ? value.get<double>() : 0);
    }
  }
  return history;
}

std::string Sparkline(const std::vector<double>& values, std::size_t width) {
  constexpr std::string_view kBlocks = "▁▂▃▄▅▆▇█";  // Three bytes each.
  if (values.empty() || width == 0) return "";
  const double most = *std::max_element(values.begin(), values.end());
  const std::size_t parts = std::min(width, values.size());
  std::string text;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t begin = part * values.size() / parts;
    const std::size_t end = (part + 1) * values.size() / parts;
    double peak = 0;
    for (std::size_t i = begin; i < end; ++i) peak = std::max(peak, values[i]);
    const double share = most > 0 ? peak / most : 0;
    // A small backlog must look different from none.
    const std::size_t height = std::max<std::size_t>(1, static_cast<std::size_t>(share * 7));
    text += kBlocks.substr(share > 0 ? 3 * height : 0, 3);
  }
  return text;
}

std::string WatchFrame(const WatchView& view, const ScreenSize& size, const ScreenStyle& style) {
  std::vector<Line> lines = {Title(view), {""}};
  lines[0].text = lines[0].text.substr(0, size.columns);
  for (Line& line : Body(view, size, style)) lines.push_back(std::move(line));
  if (lines.size() > size.rows && size.rows > 0) {
    const std::size_t hidden = lines.size() - size.rows + 1;
    lines.resize(size.rows - 1);
    lines.push_back({fmt::format("... {} more lines", hidden).substr(0, size.columns), kDim});
  }
  std::string frame;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    frame += (i == 0 ? "" : "\n") + Painted(lines[i], style);
  }
  return frame;
}

}  // namespace relay
