#include "relay/base/parse.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

namespace relay {
namespace {

using std::chrono::minutes;
using std::chrono::nanoseconds;

// The digits behind the point; moves `rest` over them. Nothing: none, or more
// than nanoseconds.
std::optional<nanoseconds> TakeFraction(std::string_view& rest) {
  constexpr std::size_t kDigitsMax = 9;
  std::int64_t unit = 100'000'000;
  std::int64_t nanos = 0;
  std::size_t digits = 0;
  for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits, unit /= 10) {
    nanos += (rest[digits] - '0') * unit;
  }
  if (digits == 0 || digits > kDigitsMax) return std::nullopt;
  rest.remove_prefix(digits);
  return nanoseconds(nanos);
}

std::optional<int> TwoDigits(std::string_view text) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
    return std::nullopt;
  }
  return (text[0] - '0') * 10 + (text[1] - '0');
}

// "Z", "+01:00".
std::optional<minutes> ParseOffset(std::string_view text) {
  constexpr std::size_t kSize = 6;
  if (text == "Z") return minutes(0);
  if (text.size() != kSize || (text[0] != '+' && text[0] != '-') || text[3] != ':') {
    return std::nullopt;
  }
  const std::optional<int> hours = TwoDigits(text.substr(1, 2));
  const std::optional<int> rest = TwoDigits(text.substr(4, 2));
  if (!hours || !rest) return std::nullopt;
  const minutes offset(*hours * 60 + *rest);
  return text[0] == '-' ? -offset : offset;
}

}  // namespace

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  const std::string copy(text);
  std::tm date{};
  const char* end = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &date);
  if (end == nullptr) return std::nullopt;
  std::string_view rest(end);
  nanoseconds fraction(0);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::optional<nanoseconds> taken = TakeFraction(rest);
    if (!taken) return std::nullopt;
    fraction = *taken;
  }
  const std::optional<minutes> offset = ParseOffset(rest);
  if (!offset) return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&date)) + fraction - *offset);
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string NotAPlace(std::string_view text) {
  return fmt::format("'{}' is neither a sequence (12) nor a time (2026-11-23T20:15:00Z)", text);
}

}  // namespace relay
