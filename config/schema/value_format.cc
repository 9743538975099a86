#include "config/schema/value_format.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <span>

#include "config/schema/endpoint.h"

namespace relay {
namespace {

// The longest path.
constexpr std::size_t kTextSizeMax = 4096;

// Ordered from small to large: values are shown in the last unit that divides them.
struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};
constexpr std::array<Unit, 4> kSizeUnits = {
    {{"B", 1}, {"KiB", 1U << 10U}, {"MiB", 1U << 20U}, {"GiB", 1U << 30U}}};
constexpr std::array<Unit, 4> kTimeUnits = {
    {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}}};

constexpr std::array<Unit, 4> kAgeUnits = {
    {{"s", 1000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

struct Range {
  std::uint64_t low;
  std::uint64_t high;
};

struct Amount {
  std::uint64_t number;
  std::string_view suffix;
};

std::optional<Amount> ParseAmount(std::string_view text) {
  Amount amount{};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, amount.number);
  if (error != std::errc()) return std::nullopt;
  amount.suffix = text.substr(static_cast<std::size_t>(rest - text.data()));
  return amount;
}

// nullopt: the unit is missing or unknown, or the product overflows.
std::optional<std::uint64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units) {
  const auto amount = ParseAmount(text);
  if (!amount) return std::nullopt;
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const Unit& u) { return u.suffix == amount->suffix; });
  if (unit == units.end()) return std::nullopt;
  if (amount->number > std::numeric_limits<std::uint64_t>::max() / unit->factor) {
    return std::nullopt;
  }
  return amount->number * unit->factor;
}

std::string ShowWithUnit(std::uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) best = &unit;
  }
  return fmt::format("{}{}", value / best->factor, best->suffix);
}

bool Holds(const Range& range, const std::optional<std::uint64_t>& value) {
  return value && *value >= range.low && *value <= range.high;
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

Result<std::string> ParseText(std::string_view text) {
  if (text.find("${") != std::string_view::npos) {
    return Expected("the text itself: only secrets take ${VARIABLE}");
  }
  if (text.size() > kTextSizeMax) {
    return Expected(fmt::format("at most {} characters", kTextSizeMax));
  }
  if (HasControlCharacter(text)) return Expected("one line without control characters");
  return std::string(text);
}

bool IsVariableName(std::string_view text) {
  const auto letter = [](char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  const auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && letter(text.front()) && std::all_of(text.begin(), text.end(), allowed);
}

// Never repeats the text: it may be the secret itself.
Result<std::optional<SecretSource>> ParseVariable(std::string_view text, const std::string& what) {
  const bool enclosed = text.starts_with("${") && text.ends_with("}");
  const std::string_view name = enclosed ? text.substr(2, text.size() - 3) : std::string_view();
  if (!IsVariableName(name)) {
    return Expected(fmt::format("no {0} in this file: write ${{VARIABLE}} or use {0}_file", what));
  }
  return std::optional(SecretSource::FromEnvironment(std::string(name)));
}

bool IsPathCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~/").find(c) != std::string_view::npos;
}

}  // namespace

ValueFormat<Bytes> SizeBetween(Bytes low, Bytes high) {
  const auto show = [](const Bytes& size) { return ShowWithUnit(size.count(), kSizeUnits); };
  const std::string expects = fmt::format(
      "a size from {} to {}: a whole number with B, KiB, MiB or GiB", show(low), show(high));
  const Range range{low.count(), high.count()};
  const auto parse = [range, expects](std::string_view text) -> Result<Bytes> {
    const auto count = ParseWithUnit(text, kSizeUnits);
    if (!Holds(range, count)) return Expected(expects);
    return Bytes(*count);
  };
  return {expects, parse, show};
}

ValueFormat<std::chrono::milliseconds> TimeBetween(std::chrono::milliseconds low,
                                                   std::chrono::milliseconds high) {
  using std::chrono::milliseconds;
  const auto show = [](const milliseconds& time) {
    return ShowWithUnit(static_cast<std::uint64_t>(time.count()), kTimeUnits);
  };
  const std::string expects = fmt::format(
      "a time from {} to {}: a whole number with ms, s, min or h", show(low), show(high));
  const Range range{static_cast<std::uint64_t>(low.count()),
                    static_cast<std::uint64_t>(high.count())};
  const auto parse = [range, expects](std::string_view text) -> Result<milliseconds> {
    const auto count = ParseWithUnit(text, kTimeUnits);
    if (!Holds(range, count)) return Expected(expects);
    return milliseconds(*count);
  };
  return {expects, parse, show};
}

ValueFormat<std::chrono::milliseconds> AgeOrNone(std::chrono::milliseconds low) {
  using std::chrono::milliseconds;
  constexpr std::uint64_t kHighest = 36'500ULL * 86'400'000ULL;
  const std::string least = ShowWithUnit(static_cast<std::uint64_t>(low.count()), kAgeUnits);
  const std::string expects =
      fmt::format("none, or a time from {}: a whole number with s, min, h or d", least);
  const Range range{static_cast<std::uint64_t>(low.count()), kHighest};
  const auto parse = [range, expects](std::string_view text) -> Result<milliseconds> {
    if (text == "none") return milliseconds(0);
    const auto count = ParseWithUnit(text, kAgeUnits);
    if (!Holds(range, count)) return Expected(expects);
    return milliseconds(*count);
  };
  const auto show = [](const milliseconds& age) -> std::string {
    if (age.count() == 0) return "none";
    return ShowWithUnit(static_cast<std::uint64_t>(age.count()), kAgeUnits);
  };
  return {expects, parse, show};
}

ValueFormat<PointCount> CountBetween(PointCount low, PointCount high) {
  const std::string expects = fmt::format("a whole number from {} to {}", low, high);
  const Range range{low, high};
  const auto parse = [range, expects](std::string_view text) -> Result<PointCount> {
    const auto amount = ParseAmount(text);
    if (!amount || !amount->suffix.empty()) return Expected(expects);
    if (!Holds(range, amount->number)) return Expected(expects);
    return amount->number;
  };
  return {expects, parse, [](const PointCount& count) { return std::to_string(count); }};
}

ValueFormat<std::string> AnyText() {
  return {"text, or \"\" for none", ParseText, [](const std::string& text) { return text; }};
}

ValueFormat<std::string> SomeText(const std::string& expects) {
  const auto parse = [expects](std::string_view text) -> Result<std::string> {
    if (text.empty()) return Expected(expects);
    return ParseText(text);
  };
  return {expects, parse, [](const std::string& text) { return text; }};
}

namespace {

// Returns the size of a number and its unit of InfluxQL at the front; 0: there is none.
std::size_t PartSize(std::string_view text) {
  constexpr std::array<std::string_view, 9> kUnits = {"ns", "ms", "u", "µ", "s",
                                                      "m",  "h",  "d", "w"};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view rest = text.substr(digits);
  if (digits == 0) return 0;
  for (const std::string_view unit : kUnits) {
    if (rest.starts_with(unit)) return digits + unit.size();
  }
  return 0;
}

}  // namespace

ValueFormat<std::string> PolicyDuration() {
  const std::string expects = "INF, or a duration with ns, u, ms, s, m, h, d or w, as in 30d";
  const auto parse = [expects](std::string_view text) -> Result<std::string> {
    if (text == "INF" || text == "inf") return std::string("INF");
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t size = PartSize(rest);
      if (size == 0) return Expected(expects);
      rest.remove_prefix(size);
    }
    if (text.empty() || text.size() > kTextSizeMax) return Expected(expects);
    return std::string(text);
  };
  return {expects, parse, [](const std::string& text) { return text; }};
}

ValueFormat<std::string> UrlPathPrefix() {
  const std::string expects = "a path such as /relay: letters, digits, -, ., _, ~ and single /";
  const auto parse = [expects](std::string_view text) -> Result<std::string> {
    if (text.ends_with('/')) text.remove_suffix(1);
    const bool is_path = text.starts_with('/') && text.find("//") == std::string_view::npos &&
                         text.size() <= kTextSizeMax &&
                         std::all_of(text.begin(), text.end(), IsPathCharacter);
    if (!is_path && !text.empty()) return Expected(expects);
    return std::string(text);
  };
  return {expects, parse, [](const std::string& text) { return text; }};
}

ValueFormat<BackendId> BackendName() {
  const std::string expects =
      fmt::format("1 to {} characters of a-z, 0-9, _ and -", BackendId::kSizeMax);
  const auto parse = [expects](std::string_view text) -> Result<BackendId> {
    auto name = BackendId::Parse(text);
    if (!name.ok()) return Expected(expects);
    return name;
  };
  return {expects, parse, [](const BackendId& name) { return name.text(); }};
}

ValueFormat<ListenAddress> AddressAndPort() {
  return {std::string(kAddressExpected), ParseListenAddress,
          [](const ListenAddress& address) { return ToString(address); }};
}

ValueFormat<BackendUrl> TargetUrl() {
  return {std::string(kUrlExpected), ParseBackendUrl,
          [](const BackendUrl& url) { return ToString(url); }};
}

ValueFormat<std::optional<SecretSource>> SecretInEnvironment(const std::string& what) {
  const auto parse = [what](std::string_view text) { return ParseVariable(text, what); };
  const auto show = [](const std::optional<SecretSource>& secret) {
    const std::string variable = secret ? secret->variable() : "";
    return variable.empty() ? variable : fmt::format("${{{}}}", variable);
  };
  return {fmt::format("${{VARIABLE}}: the {} itself is never written here", what), parse, show};
}

ValueFormat<std::optional<SecretSource>> SecretInFile() {
  const auto path = SomeText("the path of a file");
  const auto parse = [path](std::string_view text) -> Result<std::optional<SecretSource>> {
    auto file = path.parse(text);
    if (!file.ok()) return std::move(file).error();
    return std::optional(SecretSource::FromFile(std::move(file).value()));
  };
  const auto show = [](const std::optional<SecretSource>& secret) {
    return secret ? secret->file() : "";
  };
  return {path.expects, parse, show};
}

}  // namespace relay
