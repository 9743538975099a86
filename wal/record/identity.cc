#include "wal/record/identity.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <optional>
#include <random>

#include "wal/base/crc32c.h"
#include "wal/base/files.h"
#include "wal/base/uuid.h"

namespace relay {
namespace {

constexpr std::string_view kFirstLine = "influxdb-relay log\n";
constexpr std::string_view kFormat = "format: ";
constexpr std::string_view kId = "id: ";
constexpr std::string_view kCreated = "created: ";
constexpr std::string_view kOrigin = "checkpoint of: ";
constexpr std::string_view kNewestWrite = "newest write: ";
constexpr std::string_view kFirstStart = "first start: ";
constexpr std::string_view kAcknowledged = "acknowledged: ";
constexpr std::string_view kChecksum = "checksum: ";
constexpr std::string_view kUnfinished = "influxdb-relay checkpoint, not finished\n";

std::string PathIn(const std::string& log_path) {
  return log_path + "/identity";
}

// Takes the line that begins with `label` from the front of `text` and returns the rest of it;
// nullopt: the next line begins otherwise.
std::optional<std::string_view> TakeLine(std::string_view& text, std::string_view label) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(label)) return std::nullopt;
  const std::string_view rest = text.substr(label.size(), end - label.size());
  text.remove_prefix(end + 1);
  return rest;
}

template <typename Number>
std::optional<Number> ToNumber(std::optional<std::string_view> text, int base) {
  if (!text) return std::nullopt;
  Number number = 0;
  const auto [end, failed] =
      std::from_chars(text->data(), text->data() + text->size(), number, base);
  if (failed != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

// Returns the lines before the checksum; nullopt: the checksum does not match.
std::optional<std::string_view> Checked(std::string_view text) {
  const std::size_t at = text.rfind(kChecksum);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view last = text.substr(at);
  const auto crc = ToNumber<std::uint32_t>(TakeLine(last, kChecksum), 16);
  if (!crc || !last.empty() || *crc != Crc32c(text.substr(0, at))) return std::nullopt;
  return text.substr(0, at);
}

std::string NewUuid() {
  std::random_device random;
  const auto word = [&random] { return std::uint64_t{random()}; };
  const std::uint64_t high = word() << 32U | word();
  return UuidV4(high, word() << 32U | word());
}

// Returns the modification time: the file system's clock, so that no Clock is needed.
std::string TimeOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return "";
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(info.st_mtim.tv_sec));
}

}  // namespace

std::string EncodeIdentity(const Identity& identity) {
  std::string text = fmt::format("{}{}{}\n{}{}\n{}{}\n", kFirstLine, kFormat, identity.format, kId,
                                 identity.id, kCreated, identity.created);
  const auto add = [&text](std::string_view label, const std::string& value) {
    if (!value.empty()) text += fmt::format("{}{}\n", label, value);
  };
  add(kOrigin, identity.origin);
  add(kNewestWrite, identity.newest_write);
  add(kFirstStart, identity.first_start);
  add(kAcknowledged, identity.acknowledged);
  text += fmt::format("{}{:08x}\n", kChecksum, Crc32c(text));
  return text;
}

Result<FoundIdentity> DecodeIdentity(std::string_view text, std::uint32_t format_max) {
  if (IsUnfinished(text)) {
    return Error(ErrorCode::kInvalidInput,
                 "this is an unfinished checkpoint: delete it and make a new one");
  }
  const FoundIdentity damaged{IdentityState::kDamaged, {}};
  const std::optional<std::string_view> checked = Checked(text);
  if (!checked || !checked->starts_with(kFirstLine)) return damaged;
  std::string_view lines = checked->substr(kFirstLine.size());
  const auto format = ToNumber<std::uint32_t>(TakeLine(lines, kFormat), 10);
  if (!format) return damaged;
  if (*format > format_max) {
    return Error(
        ErrorCode::kInvalidInput,
        fmt::format(
            "the log has format {}, this program reads formats up to {}; nothing was changed. Run "
            "the version of the relay that wrote it",
            *format, format_max));
  }
  const auto id = TakeLine(lines, kId);
  const auto created = TakeLine(lines, kCreated);
  if (!id || !created) return damaged;
  const auto take = [&lines](std::string_view label) {
    return std::string(TakeLine(lines, label).value_or(""));
  };
  Identity identity{*format, std::string(*id), std::string(*created)};
  identity.origin = take(kOrigin);
  identity.newest_write = take(kNewestWrite);
  identity.first_start = take(kFirstStart);
  identity.acknowledged = take(kAcknowledged);
  return FoundIdentity{IdentityState::kKnown, std::move(identity)};
}

Result<FoundIdentity> ReadIdentity(const std::string& log_path, std::uint32_t format_max) {
  Result<std::string> text = ReadWhole(PathIn(log_path));
  if (!text.ok() && text.error().code() == ErrorCode::kNotFound) return FoundIdentity();
  if (!text.ok()) return std::move(text).error();
  return DecodeIdentity(text.value(), format_max);
}

bool IsUnfinished(std::string_view text) {
  return text == kUnfinished;
}

Status WriteUnfinished(const std::string& log_path) {
  return ReplaceWhole(PathIn(log_path), kUnfinished);
}

Status WriteIdentity(const std::string& log_path, Identity identity) {
  if (identity.id.empty()) {
    identity.id = NewUuid();
    identity.created = TimeOf(log_path);
  }
  return ReplaceWhole(PathIn(log_path), EncodeIdentity(identity));
}

}  // namespace relay
