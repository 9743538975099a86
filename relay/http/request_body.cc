#include "relay/http/request_body.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "relay/http/request_head.h"
#include "wal/base/invariant.h"

namespace relay::http_parts {
namespace {

constexpr std::size_t kReadSize = 64U << 10U;
// The first buffer of a chunked body: idle connections must cost little.
constexpr std::size_t kFirstChunk = 8U << 10U;
// Bounds a chunk's size with its extension, and all lines of a trailer.
constexpr std::size_t kLineMax = 16U << 10U;

// The buffer doubles: a client must have sent half of it, whatever length it announced.
std::size_t NextRoom(std::size_t have, std::size_t least) {
  return have + std::max(have, least);
}

}  // namespace

std::size_t ChunkDecoder::Decode(std::string_view arrived, std::size_t room, std::string& text) {
  const std::size_t all = arrived.size();
  while (state_ == BodyState::kReading && !arrived.empty()) {
    const std::size_t used =
        part_ == Part::kData ? DecodeData(arrived, room, text) : DecodeLine(arrived, text.size());
    if (used == 0) break;
    arrived.remove_prefix(used);
  }
  return all - arrived.size();
}

std::size_t ChunkDecoder::DecodeData(std::string_view arrived, std::size_t room,
                                     std::string& text) {
  const std::size_t free = room - std::min(room, text.size());
  const std::size_t size = std::min<std::uint64_t>({left_, free, arrived.size()});
  text.append(arrived.substr(0, size));
  left_ -= size;
  if (left_ == 0) part_ = Part::kDataEnd;
  return size;
}

std::size_t ChunkDecoder::DecodeLine(std::string_view arrived, std::size_t decoded) {
  const std::size_t end = arrived.find('\n');
  if (end == std::string_view::npos || end > kLineMax) {
    if (arrived.size() > kLineMax) state_ = BodyState::kLineTooLong;
    return 0;
  }
  if (end == 0 || arrived[end - 1] != '\r') {
    state_ = BodyState::kMalformed;
    return 0;
  }
  const std::string_view line = arrived.substr(0, end - 1);
  switch (part_) {
    case Part::kSize: ReadSize(line, decoded); break;
    case Part::kTrailer: ReadTrailer(line); break;
    default:
      part_ = Part::kSize;
      if (!line.empty()) state_ = BodyState::kMalformed;
  }
  return end + 1;
}

void ChunkDecoder::ReadSize(std::string_view line, std::size_t decoded) {
  const std::string_view digits = line.substr(0, line.find_first_of(" \t;"));
  const std::string_view behind = line.substr(digits.size());
  const std::size_t extension = behind.find_first_not_of(" \t");
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, left_, 16);
  const bool is_size = !digits.empty() && parsed.ptr == end;
  const bool is_end = extension == std::string_view::npos || behind[extension] == ';';
  if (!is_size || !is_end || behind.find('\r') != std::string_view::npos) {
    state_ = BodyState::kMalformed;
  } else if (parsed.ec != std::errc() || left_ > limit_.count() - decoded) {
    state_ = BodyState::kTooLarge;
  } else {
    part_ = left_ == 0 ? Part::kTrailer : Part::kData;
  }
}

void ChunkDecoder::ReadTrailer(std::string_view line) {
  trailer_ += line.size();
  if (line.empty()) {
    state_ = BodyState::kComplete;
  } else if (trailer_ > kLineMax) {
    state_ = BodyState::kLineTooLong;
  } else if (!ParseHeaderLine(line)) {
    state_ = BodyState::kMalformed;
  }
}

void RequestBody::Begin(std::size_t length) {
  chunked_ = false;
  filled_ = 0;
  length_ = length;
  text_.clear();
  text_.reserve(length);  // Memory is used only as it is filled.
}

void RequestBody::BeginChunked(Bytes limit) {
  chunked_ = true;
  filled_ = 0;
  text_.clear();
  chunks_ = ChunkDecoder(limit);
}

BodyState RequestBody::state() const {
  if (chunked_) return chunks_.state();
  return filled_ == length_ ? BodyState::kComplete : BodyState::kReading;
}

Bytes RequestBody::RoomToGoOn(Bytes held) const {
  if (chunked_) {
    const std::size_t have = text_.size();
    return have + kFirstChunk > held.count() ? Bytes(NextRoom(have, kFirstChunk)) : held;
  }
  if (filled_ == length_ || filled_ < held.count()) return held;
  return Bytes(std::min(length_, NextRoom(filled_, kReadSize)));
}

std::size_t RequestBody::RoomLeft(Bytes held) const {
  const std::size_t have = chunked_ ? text_.size() : filled_;
  return held.count() - std::min<std::size_t>(have, held.count());
}

std::size_t RequestBody::Take(std::string_view arrived, Bytes held) {
  if (chunked_) return chunks_.Decode(arrived, held.count(), text_);
  text_.resize(std::max<std::size_t>(filled_, std::min<std::size_t>(length_, held.count())));
  const std::size_t size = std::min(arrived.size(), text_.size() - filled_);
  if (size > 0) std::memcpy(text_.data() + filled_, arrived.data(), size);
  filled_ += size;
  return size;
}

std::span<char> RequestBody::Missing() {
  if (chunked_) return {};
  return std::span(text_).subspan(filled_);
}

std::string RequestBody::Finish() {
  INVARIANT(state() == BodyState::kComplete);
  return std::exchange(text_, {});
}

}  // namespace relay::http_parts
