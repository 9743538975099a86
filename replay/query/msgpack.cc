#include "replay/query/msgpack.h"

#include <fmt/format.h>

#include <bit>

namespace relay {
namespace {

using Kind = MsgpackElement::Kind;

// Extends the sign of a number of so many bytes.
std::uint64_t Signed(std::uint64_t number, std::size_t size) {
  const std::uint64_t sign = std::uint64_t{1} << (8 * size - 1);
  return (number ^ sign) - sign;
}

MsgpackElement Collection(Kind kind, std::uint64_t size) {
  return {.kind = kind, .size = static_cast<std::uint32_t>(size)};
}

MsgpackElement Integer(std::uint64_t bits) {
  return {.kind = Kind::kInteger, .bits = bits};
}

}  // namespace

Status MsgpackReader::Need(std::size_t size) {
  constexpr std::size_t kReadMax = 64U << 10U;
  if (buffer_.size() - at_ >= size) return Ok();
  if (at_ >= kReadMax || at_ == buffer_.size()) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  while (buffer_.size() - at_ < size) {
    ASSIGN_OR_RETURN(const bool more, bytes_.More(buffer_));
    if (!more) return Error(ErrorCode::kUnavailable, "its answer ends in the middle");
  }
  return Ok();
}

std::uint64_t MsgpackReader::Take(std::size_t size) {
  std::uint64_t number = 0;
  for (const std::size_t end = at_ + size; at_ < end; ++at_) {
    number = number << 8U | static_cast<unsigned char>(buffer_[at_]);
  }
  return number;
}

Result<bool> MsgpackReader::AtEnd() {
  if (at_ < buffer_.size()) return false;
  buffer_.clear();
  at_ = 0;
  ASSIGN_OR_RETURN(const bool more, bytes_.More(buffer_));
  return !more;
}

Result<MsgpackElement> MsgpackReader::String(std::size_t size_of_size) {
  RETURN_IF_ERROR(Need(size_of_size));
  return StringOf(Take(size_of_size));
}

Result<MsgpackElement> MsgpackReader::StringOf(std::size_t size) {
  if (size > kStringMax.count()) {
    return Error(ErrorCode::kInvalidInput, fmt::format("a string of {} bytes is too long", size));
  }
  RETURN_IF_ERROR(Need(size));
  const std::size_t begin = at_;
  at_ += size;
  return MsgpackElement{.kind = Kind::kString,
                        .text = std::string_view(buffer_).substr(begin, size)};
}

Result<MsgpackElement> MsgpackReader::Number(std::uint8_t type) {
  constexpr std::uint8_t kFloat32 = 0xca;
  constexpr std::uint8_t kFloat64 = 0xcb;
  constexpr std::uint8_t kUnsigned8 = 0xcc;
  constexpr std::uint8_t kSigned8 = 0xd0;
  const bool is_float = type < kUnsigned8;
  const std::size_t size = is_float ? (type == kFloat32 ? 4U : 8U) : std::size_t{1} << (type & 3U);
  RETURN_IF_ERROR(Need(size));
  const std::uint64_t bits = Take(size);
  if (type == kFloat64) return MsgpackElement{.kind = Kind::kFloat, .bits = bits};
  if (type == kFloat32) {
    const double number = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    return MsgpackElement{.kind = Kind::kFloat, .bits = std::bit_cast<std::uint64_t>(number)};
  }
  if (type < kSigned8) return MsgpackElement{.kind = Kind::kUnsigned, .bits = bits};
  return Integer(Signed(bits, size));
}

Result<MsgpackElement> MsgpackReader::Next() {
  RETURN_IF_ERROR(Need(1));
  const auto type = static_cast<std::uint8_t>(Take(1));
  if (type < 0x80) return Integer(type);
  if (type < 0x90) return Collection(Kind::kMap, type & 0x0fU);
  if (type < 0xa0) return Collection(Kind::kArray, type & 0x0fU);
  if (type < 0xc0) return StringOf(type & 0x1fU);
  if (type >= 0xe0) return Integer(Signed(type, 1));
  if (type >= 0xca && type <= 0xd3) return Number(type);
  switch (type) {
    case 0xc0: return MsgpackElement{};
    case 0xc2: return MsgpackElement{.kind = Kind::kBoolean, .bits = 0};
    case 0xc3: return MsgpackElement{.kind = Kind::kBoolean, .bits = 1};
    case 0xd9: return String(1);
    case 0xda: return String(2);
    case 0xdb: return String(4);
    default: break;
  }
  const bool is_array = type == 0xdc || type == 0xdd;
  if (!is_array && type != 0xde && type != 0xdf) {
    return Error(ErrorCode::kInvalidInput, "its answer is not the MessagePack of InfluxDB");
  }
  const std::size_t size = (type & 1U) == 0 ? 2 : 4;
  RETURN_IF_ERROR(Need(size));
  return Collection(is_array ? Kind::kArray : Kind::kMap, Take(size));
}

Status MsgpackReader::Skip() {
  for (std::uint64_t left = 1; left > 0; --left) {
    ASSIGN_OR_RETURN(const MsgpackElement element, Next());
    if (element.kind == Kind::kArray) left += element.size;
    if (element.kind == Kind::kMap) left += 2 * std::uint64_t{element.size};
  }
  return Ok();
}

}  // namespace relay
