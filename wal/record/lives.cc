#include "wal/record/lives.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <random>

#include "wal/record/checked_value.h"

namespace relay {
namespace {

constexpr std::size_t kLifeDigits = 16;

std::optional<std::uint64_t> ParseWhole(std::string_view text, int base) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, base);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

// nullopt: `text` is no life's id.
std::optional<LifeId> ParseLife(std::string_view text) {
  if (text.size() != kLifeDigits) return std::nullopt;
  const std::optional<std::uint64_t> value = ParseWhole(text, 16);
  if (!value || *value == 0) return std::nullopt;
  return LifeId(*value);
}

}  // namespace

LifeId LifeId::New() {
  std::random_device random;
  const auto word = [&random] { return std::uint64_t{random()}; };
  std::uint64_t value = 0;
  while (value == 0) value = word() << 32U | word();
  return LifeId(value);
}

Result<WritePosition> WritePosition::Parse(std::string_view text) {
  const Error neither(ErrorCode::kInvalidInput,
                      "expected a position, as in 17-00c1e9a2f4b07d35 or 17");
  const std::size_t dash = text.find('-');
  const std::optional<std::uint64_t> number = ParseWhole(text.substr(0, dash), 10);
  if (!number) return neither;
  if (dash == std::string_view::npos) return WritePosition{PayloadId(*number), LifeId()};
  const std::optional<LifeId> life = ParseLife(text.substr(dash + 1));
  if (!life) return neither;
  return WritePosition{PayloadId(*number), *life};
}

std::string ToString(const WritePosition& position) {
  if (position.life.is_none()) return std::to_string(position.payload.value());
  return fmt::format("{}-{:016x}", position.payload.value(), position.life.value());
}

void Lives::Begin(LifeId life, PayloadId first) {
  if (!begun_.empty() && begun_.back().first >= first) begun_.pop_back();
  const bool is_unchanged = life.is_none() && current().is_none();
  if (is_unchanged) return;
  begun_.push_back({life, first});
  if (begun_.size() > kMax) begun_.erase(begun_.begin());
}

bool Lives::Gave(const WritePosition& position, PayloadId last) const {
  if (position.payload == PayloadId(0) || position.payload > last) return false;
  if (position.life.is_none()) return true;
  const auto found = std::find_if(begun_.begin(), begun_.end(),
                                  [&](const Begun& begun) { return begun.life == position.life; });
  if (found == begun_.end() || position.payload < found->first) return false;
  return std::next(found) == begun_.end() || position.payload < std::next(found)->first;
}

std::string EncodeLives(std::string_view key, const Lives& lives) {
  std::string value = BeginChecked();
  for (const Lives::Begun& begun : lives.begun_) {
    PutBigEndian(value, begun.life.value());
    PutBigEndian(value, begun.first.value());
  }
  return SealChecked(key, std::move(value));
}

Result<Lives> DecodeLives(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(BigEndianReader reader, OpenChecked(key, value));
  Lives lives;
  while (!reader.finished()) {
    const LifeId life(reader.Take<std::uint64_t>());
    const PayloadId first(reader.Take<std::uint64_t>());
    if (reader.ended_early()) return DamagedValue(key, "lives of the wrong length");
    lives.begun_.push_back({life, first});
  }
  return lives;
}

}  // namespace relay
