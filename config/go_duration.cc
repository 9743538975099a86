#include <array>
#include <charconv>
#include <cmath>

#include "config/original.h"

namespace relay {
namespace {

constexpr double kMostMilliseconds = 366.0 * 24 * 3'600'000;

struct Unit {
  std::string_view suffix;
  double milliseconds;
};
constexpr std::array<Unit, 7> kUnits = {
    {{"ns", 1e-6}, {"us", 1e-3}, {"µs", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}}};

// The longest unit that `text` begins with: "ms" is not "m".
const Unit* UnitAt(std::string_view text) {
  const Unit* longest = nullptr;
  for (const Unit& unit : kUnits) {
    const bool longer = longest == nullptr || unit.suffix.size() > longest->suffix.size();
    if (text.starts_with(unit.suffix) && longer) longest = &unit;
  }
  return longest;
}

Error NotADuration() {
  return {ErrorCode::kInvalidInput, "expected a duration such as \"10s\" or \"1m30s\""};
}

}  // namespace

Result<std::chrono::milliseconds> ParseGoDuration(std::string_view text) {
  double sum = 0;
  if (text.empty()) return NotADuration();
  if (text == "0") return std::chrono::milliseconds(0);
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || number < 0) return NotADuration();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const Unit* unit = UnitAt(text);
    if (unit == nullptr) return NotADuration();
    text.remove_prefix(unit->suffix.size());
    sum += number * unit->milliseconds;
    if (!(sum <= kMostMilliseconds)) return NotADuration();
  }
  return std::chrono::milliseconds(std::llround(sum));
}

std::string BackendNameFor(std::string_view output) {
  std::string name;
  for (const char c : output.substr(0, BackendId::kSizeMax)) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    name += kept ? c : upper ? static_cast<char>(c - 'A' + 'a') : '-';
  }
  return name;
}

}  // namespace relay
