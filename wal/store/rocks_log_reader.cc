#include "wal/store/rocks_log_reader.h"

#include <algorithm>

#include "wal/base/crc32c.h"
#include "wal/store/little_endian.h"

namespace relay {
namespace {

constexpr std::uint64_t kBlock = 32U << 10U;
constexpr std::uint64_t kHeader = 7;
constexpr std::size_t kLengthAt = 4;
constexpr std::size_t kTypeAt = 6;

enum Type : std::uint8_t { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

// Masks like LevelDB: for checksums that are stored beside the data they cover.
std::uint32_t Masked(std::uint32_t crc) {
  constexpr std::uint32_t kDelta = 0xa282ead8U;
  return ((crc >> 15U) | (crc << 17U)) + kDelta;
}

std::uint64_t LeftInBlock(std::uint64_t at) {
  return kBlock - at % kBlock;
}

}  // namespace

// Returns the fragment at `at` if its type is known, its checksum matches and it ends within its
// block.
std::optional<RocksLogReader::Fragment> RocksLogReader::FragmentAt(std::uint64_t at) const {
  const std::uint64_t room = std::min<std::uint64_t>(file_.size() - at, LeftInBlock(at));
  if (room < kHeader) return std::nullopt;
  const std::string_view rest = file_.substr(at, room);
  const std::uint64_t length = LittleEndian(rest.substr(kLengthAt, 2));
  const auto type = static_cast<std::uint8_t>(rest[kTypeAt]);
  if (type < kWhole || type > kLast || kHeader + length > room) return std::nullopt;
  const std::uint32_t crc = Crc32c(rest.substr(kTypeAt, 1 + length));
  if (Masked(crc) != LittleEndian(rest.substr(0, 4))) return std::nullopt;
  return Fragment{type, rest.substr(kHeader, length)};
}

bool RocksLogReader::OnlyZerosFrom(std::uint64_t at) const {
  return file_.find_first_not_of('\0', at) == std::string_view::npos;
}

void RocksLogReader::StartAnew() {
  damaged_ = true;
  begun_.reset();
}

// Moves from a place without a valid fragment to the next place one may begin: to the end the
// damaged fragment claims if a fragment begins there, else to the next block.
bool RocksLogReader::NextTry() {
  if (OnlyZerosFrom(at_)) return false;  // Preallocated space that was not used.
  const std::uint64_t left = std::min<std::uint64_t>(LeftInBlock(at_), file_.size() - at_);
  if (left >= kHeader) {
    StartAnew();
    const std::uint64_t end = at_ + kHeader + LittleEndian(file_.substr(at_ + kLengthAt, 2));
    if (end < at_ + left && FragmentAt(end)) {
      at_ = end;
      return true;
    }
  }
  at_ += LeftInBlock(at_);
  return at_ < file_.size();
}

std::optional<RocksLogReader::Fragment> RocksLogReader::NextFragment() {
  while (at_ < file_.size()) {
    if (std::optional<Fragment> fragment = FragmentAt(at_)) {
      at_ += kHeader + fragment->data.size();
      return fragment;
    }
    if (!NextTry()) break;
  }
  at_ = file_.size();
  if (begun_) StartAnew();  // A first fragment without its last one.
  return std::nullopt;
}

std::optional<EngineRecord> RocksLogReader::Next() {
  damaged_ = false;
  while (std::optional<Fragment> fragment = NextFragment()) {
    const bool begins = fragment->type == kWhole || fragment->type == kFirst;
    if (begins == begun_.has_value()) StartAnew();
    if (begins) begun_.emplace();
    if (!begun_) continue;
    begun_->append(fragment->data);
    if (fragment->type == kFirst || fragment->type == kMiddle) continue;
    EngineRecord record{std::move(*begun_), at_, damaged_};
    begun_.reset();
    return record;
  }
  return std::nullopt;
}

}  // namespace relay
