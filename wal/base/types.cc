#include "wal/base/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace relay {

Result<BackendId> BackendId::Parse(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (text.empty() || text.size() > kSizeMax) {
    return Error(ErrorCode::kInvalidInput, "a backend name has 1 to 64 characters");
  }
  if (!std::all_of(text.begin(), text.end(), allowed)) {
    return Error(ErrorCode::kInvalidInput, "a backend name may contain only a-z, 0-9, _ and -");
  }
  return BackendId(std::string(text));
}

std::chrono::nanoseconds UnitOf(Precision precision) {
  switch (precision) {
    case Precision::kNanosecond: return std::chrono::nanoseconds(1);
    case Precision::kMicrosecond: return std::chrono::microseconds(1);
    case Precision::kMillisecond: return std::chrono::milliseconds(1);
    case Precision::kSecond: return std::chrono::seconds(1);
    case Precision::kMinute: return std::chrono::minutes(1);
    case Precision::kHour: return std::chrono::hours(1);
  }
  INVARIANT(false);
}

std::string_view ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput: return "invalid input";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kFull: return "full";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kBrokenOff: return "broken off";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kElsewhere: return "elsewhere";
    case ErrorCode::kCorruption: return "corruption";
    case ErrorCode::kIo: return "io error";
  }
  INVARIANT(false);
}

std::string ShownBytes(Bytes bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes.count());
  std::size_t unit = 0;
  for (; value >= 1024.0 && unit + 1 < kUnits.size(); ++unit) value /= 1024.0;
  if (unit == 0) return fmt::format("{} B", bytes.count());
  return fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

}  // namespace relay
