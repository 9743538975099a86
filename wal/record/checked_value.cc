#include "wal/record/checked_value.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "wal/base/crc32c.h"

namespace relay {
namespace {

constexpr std::size_t kCrcAt = 1;

// Formats a key for messages.
std::string Shown(std::string_view key) {
  if (key.size() == sizeof(std::uint32_t) + sizeof(std::uint64_t)) {
    BigEndianReader reader(key);
    const auto backend = reader.Take<std::uint32_t>();
    return fmt::format("backend number {}, {}", backend, reader.Take<std::uint64_t>());
  }
  return std::string(key);
}

std::uint32_t ChecksumOf(std::string_view key, std::string_view content) {
  return ExtendCrc32c(Crc32c(key), content);
}

}  // namespace

std::string BeginChecked(std::uint8_t version) {
  std::string value;
  PutBigEndian(value, version);
  PutBigEndian(value, std::uint32_t{0});  // Filled in by SealChecked.
  return value;
}

std::string SealChecked(std::string_view key, std::string value) {
  PatchBigEndian(value, kCrcAt, ChecksumOf(key, std::string_view(value).substr(kCheckedValueHead)));
  return value;
}

Error DamagedValue(std::string_view key, std::string_view reason) {
  return {ErrorCode::kCorruption, fmt::format("{}: {}", Shown(key), reason)};
}

std::uint8_t VersionOf(std::string_view value) {
  return value.empty() ? 0 : static_cast<std::uint8_t>(value.front());
}

Result<BigEndianReader> OpenChecked(std::string_view key, std::string_view value,
                                    std::uint8_t known_version) {
  BigEndianReader reader(value);
  const auto version = reader.Take<std::uint8_t>();
  const auto crc = reader.Take<std::uint32_t>();
  if (reader.ended_early()) return DamagedValue(key, "truncated");
  if (version != known_version)
    return DamagedValue(key, fmt::format("unknown version {}", version));
  if (crc != ChecksumOf(key, reader.left())) return DamagedValue(key, "checksum mismatch");
  return reader;
}

std::uint64_t ToStored(WallTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

WallTime TakeTime(BigEndianReader& reader) {
  const auto count = static_cast<std::int64_t>(reader.Take<std::uint64_t>());
  return WallTime(std::chrono::nanoseconds(count));
}

}  // namespace relay
