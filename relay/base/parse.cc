#include "relay/base/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <utility>

#include "relay/base/human_format.h"

namespace relay {
namespace {

using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Moves `rest` over `count` digits. nullopt: fewer than that.
std::optional<int> TakeDigits(std::string_view& rest, std::size_t count) {
  if (rest.size() < count) return std::nullopt;
  int number = 0;
  for (const char digit : rest.substr(0, count)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + (digit - '0');
  }
  rest.remove_prefix(count);
  return number;
}

bool TakeChar(std::string_view& rest, char wanted) {
  if (!rest.starts_with(wanted)) return false;
  rest.remove_prefix(1);
  return true;
}

// Takes the digits behind the point. nullopt: none, or more than nanoseconds.
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

// Takes "20:15:00" or "20:15".
std::optional<seconds> TakeTimeOfDay(std::string_view& rest, bool with_seconds) {
  const std::optional<int> hour = TakeDigits(rest, 2);
  if (!hour || *hour > 23 || !TakeChar(rest, ':')) return std::nullopt;
  const std::optional<int> minute = TakeDigits(rest, 2);
  if (!minute || *minute > 59) return std::nullopt;
  const seconds whole = std::chrono::hours(*hour) + minutes(*minute);
  if (!with_seconds) return whole;
  if (!TakeChar(rest, ':')) return std::nullopt;
  const std::optional<int> second = TakeDigits(rest, 2);
  if (!second || *second > 60) return std::nullopt;  // 60: a leap second.
  return whole + seconds(*second);
}

std::optional<std::chrono::sys_days> TakeDate(std::string_view& rest) {
  const std::optional<int> year = TakeDigits(rest, 4);
  if (!year || !TakeChar(rest, '-')) return std::nullopt;
  const std::optional<int> month = TakeDigits(rest, 2);
  if (!month || !TakeChar(rest, '-')) return std::nullopt;
  const std::optional<int> day = TakeDigits(rest, 2);
  if (!day) return std::nullopt;
  constexpr int kFirst = 1678;  // The years that nanoseconds in 64 bits hold whole.
  constexpr int kLast = 2261;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < kFirst || *year > kLast) return std::nullopt;
  return std::chrono::sys_days(date);
}

// "Z", "+01:00".
std::optional<seconds> ParseOffset(std::string_view text) {
  if (text == "Z") return seconds(0);
  const bool behind = text.starts_with('-');
  if (!behind && !text.starts_with('+')) return std::nullopt;
  text.remove_prefix(1);
  const std::optional<seconds> offset = TakeTimeOfDay(text, false);
  if (!offset || !text.empty()) return std::nullopt;
  return behind ? -*offset : *offset;
}

struct AgeUnit {
  char letter;
  std::int64_t seconds;
};

// From the longest to the shortest: the order in which they are written.
constexpr std::array<AgeUnit, 4> kAgeUnits{{{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};

// "2h30m": each unit at most once, the longest first. nullopt: not that, or
// more than a century.
std::optional<seconds> ParseAge(std::string_view text) {
  constexpr std::int64_t kMax = std::int64_t{100} * 365 * 86'400;
  if (text.empty()) return std::nullopt;
  std::int64_t sum = 0;
  for (const AgeUnit& unit : kAgeUnits) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    if (digits == std::string_view::npos || text[digits] != unit.letter) continue;
    const std::optional<std::uint64_t> number = ParseNumber(text.substr(0, digits));
    if (!number || *number > static_cast<std::uint64_t>(kMax / unit.seconds)) return std::nullopt;
    sum += static_cast<std::int64_t>(*number) * unit.seconds;
    text.remove_prefix(digits + 1);
  }
  if (!text.empty() || sum > kMax) return std::nullopt;
  return seconds(sum);
}

// Returns the time of day on the day so many days before `now`, by the local time zone.
std::optional<WallTime> OnDay(int days_before, seconds of_day, WallTime now) {
  const std::time_t today = std::chrono::floor<seconds>(now).time_since_epoch().count();
  std::tm day{};
  if (localtime_r(&today, &day) == nullptr) return std::nullopt;
  day.tm_mday -= days_before;
  const std::chrono::hh_mm_ss time(of_day);
  day.tm_hour = static_cast<int>(time.hours().count());
  day.tm_min = static_cast<int>(time.minutes().count());
  day.tm_sec = static_cast<int>(time.seconds().count());
  day.tm_isdst = -1;
  const std::time_t then = std::mktime(&day);
  if (then == -1) return std::nullopt;
  return WallTime(seconds(then));
}

// "yesterday 02:00", "today 14:30:15", "yesterday": its beginning. nullopt: not that.
std::optional<WallTime> ParseDay(std::string_view text, WallTime now) {
  constexpr std::array<std::pair<std::string_view, int>, 2> kDays{{{"today", 0}, {"yesterday", 1}}};
  for (const auto& [word, days_before] : kDays) {
    if (!text.starts_with(word)) continue;
    text.remove_prefix(word.size());
    if (text.empty()) return OnDay(days_before, seconds(0), now);
    if (!TakeChar(text, ' ')) return std::nullopt;
    const bool with_seconds = std::count(text.begin(), text.end(), ':') == 2;
    const std::optional<seconds> of_day = TakeTimeOfDay(text, with_seconds);
    if (!of_day || !text.empty()) return std::nullopt;
    return OnDay(days_before, *of_day, now);
  }
  return std::nullopt;
}

// "now", "1h", "-1h", "90m ago", "yesterday 02:00". nullopt: not relative to now.
std::optional<WallTime> ParseRelative(std::string_view text, WallTime now) {
  constexpr std::string_view kAgo = " ago";
  if (text == "now") return now;
  if (const auto time = ParseDay(text, now)) return time;
  std::optional<seconds> age;
  if (text.starts_with('-')) {
    age = ParseAge(text.substr(1));
  } else if (text.ends_with(kAgo)) {
    text.remove_suffix(kAgo.size());
    age = ParseAge(text.substr(0, text.find_last_not_of(' ') + 1));
  } else {
    age = ParseAge(text);
  }
  if (!age) return std::nullopt;
  return now - *age;
}

}  // namespace

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  const std::optional<std::chrono::sys_days> date = TakeDate(text);
  if (!date || !TakeChar(text, 'T')) return std::nullopt;
  const std::optional<seconds> time = TakeTimeOfDay(text, true);
  if (!time) return std::nullopt;
  nanoseconds fraction(0);
  if (TakeChar(text, '.')) {
    const std::optional<nanoseconds> taken = TakeFraction(text);
    if (!taken) return std::nullopt;
    fraction = *taken;
  }
  const std::optional<seconds> offset = ParseOffset(text);
  if (!offset) return std::nullopt;
  return WallTime(*date) + *time + fraction - *offset;
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<TypedPosition> ParsePosition(std::string_view text, WallTime now) {
  if (text == "head") return TypedPosition(LogHead{});
  if (const auto number = ParseNumber(text)) return TypedPosition(Sequence(*number));
  if (const auto time = ParseRfc3339(text)) return TypedPosition(*time);
  if (const auto time = ParseRelative(text, now)) return TypedPosition(*time);
  return Error(ErrorCode::kInvalidInput,
               fmt::format("'{}' is not a position: expected {}", text, kPositionForms));
}

Result<WallTime> ParseTime(std::string_view text, WallTime now) {
  const Result<TypedPosition> position = ParsePosition(text, now);
  const WallTime* time = position.ok() ? std::get_if<WallTime>(&position.value()) : nullptr;
  if (time != nullptr) return *time;
  return Error(
      ErrorCode::kInvalidInput,
      fmt::format("'{}' is not a time: expected 2026-11-23T20:15:00Z or an age such as -1h", text));
}

std::string PinnedPosition(const std::string& text, WallTime now) {
  const std::optional<WallTime> time = ParseRelative(text, now);
  return time ? ToRfc3339(*time) : text;
}

}  // namespace relay
