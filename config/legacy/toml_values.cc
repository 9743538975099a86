#include "config/legacy/toml_values.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "config/schema/endpoint.h"
#include "wal/base/precision.h"

namespace relay {
namespace {

constexpr double kMostMilliseconds = 366.0 * 24 * 3'600'000;

struct Unit {
  std::string_view suffix;
  double milliseconds;
};
constexpr std::array<Unit, 7> kUnits = {
    {{"ns", 1e-6}, {"us", 1e-3}, {"µs", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}}};

// Returns the longest unit that `text` begins with: "ms" is not "m".
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

// Default port of a URL without one: that of its scheme.
constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool HasPort(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  const std::string_view authority = url.substr(0, url.find('/'));
  const std::size_t colon = authority.rfind(':');
  return colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
}

std::string_view WithoutEnd(std::string_view text, std::string_view end) {
  if (text.ends_with(end)) text.remove_suffix(end.size());
  return text;
}

}  // namespace

Result<ListenAddress> ParseBindAddress(std::string_view text) {
  if (text.starts_with(':')) return ParseListenAddress("0.0.0.0" + std::string(text));
  constexpr std::string_view kLocalHost = "localhost:";
  if (text.starts_with(kLocalHost)) {
    return ParseListenAddress("127.0.0.1:" + std::string(text.substr(kLocalHost.size())));
  }
  return ParseListenAddress(text);
}

Result<BackendUrl> ParseLocation(std::string_view text) {
  const bool port_given = HasPort(text);
  Result<BackendUrl> url =
      ParseBackendUrl(WithoutEnd(WithoutEnd(WithoutEnd(text, "/"), "/write"), "/"));
  if (url.ok() && !port_given) url.value().port = url.value().tls ? kHttpsPort : kHttpPort;
  return url;
}

Result<std::string> ParseWritePath(std::string_view text) {
  const Result<BackendUrl> url = ParseLocation("http://host" + std::string(text));
  if (!url.ok() || !text.starts_with('/') || !text.ends_with("/write")) {
    return Error(ErrorCode::kInvalidInput, "expected a path that ends with /write");
  }
  return url.value().path_prefix;
}

Result<BackendUrl> ParsePacketLocation(std::string_view text) {
  return ParseBackendUrl("udp://" + std::string(text));
}

Result<Precision> ParsePrecision(std::string_view text) {
  const std::optional<Precision> precision = PrecisionNamed(text, PrecisionDialect::kV1);
  if (precision) return *precision;
  return Error(ErrorCode::kInvalidInput, "expected " + ListPrecisions(PrecisionDialect::kV1));
}

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
