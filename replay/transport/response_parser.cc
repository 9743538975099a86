#include "replay/transport/response_parser.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "wal/base/ascii.h"

namespace relay {
namespace {

// The kept part of a header's value; no real one is longer.
constexpr std::size_t kValueMax = 256;
constexpr std::size_t kLocationMax = 1024;

constexpr std::size_t kChunkSizeLineMax = 1024;

Error NotAnAnswer(std::string what) {
  return {ErrorCode::kUnavailable, std::move(what)};
}

std::optional<std::uint64_t> ParseWhole(std::string_view text, int base) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

}  // namespace

bool AnswerReader::InBody() const {
  return state_ == State::kCounted || state_ == State::kUntilEnd || state_ == State::kChunk;
}

Status AnswerReader::Take(std::string_view bytes) {
  begun_ = begun_ || !bytes.empty();
  while (!bytes.empty() && !whole()) {
    if (InBody()) {
      bytes = TakeBody(bytes);
      continue;
    }
    ASSIGN_OR_RETURN(bool whole_line, TakePartOfLine(bytes));
    if (!whole_line) return Ok();
    const std::string line = std::exchange(line_, "");
    RETURN_IF_ERROR(TakeLine(line));
  }
  surplus_ = surplus_ || !bytes.empty();
  return Ok();
}

// Moves bytes to line_ up to the line's end; returns whether that was found.
Result<bool> AnswerReader::TakePartOfLine(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const bool ends = end != std::string_view::npos;
  const std::string_view part = bytes.substr(0, ends ? end + 1 : end);
  head_size_ += part.size();
  if (head_size_ > kHeadMax.count()) return NotAnAnswer("the head of its answer is too long");
  line_ += part;
  bytes.remove_prefix(part.size());
  if (!ends) return false;
  line_.pop_back();
  if (line_.ends_with('\r')) line_.pop_back();
  return true;
}

Status AnswerReader::TakeEnd() {
  closes_ = true;
  if (state_ == State::kUntilEnd) state_ = State::kWhole;
  if (whole()) return Ok();
  return NotAnAnswer(begun_ ? "the connection broke in the middle of its answer"
                            : "the connection was closed before an answer came");
}

Status AnswerReader::TakeLine(std::string_view line) {
  switch (state_) {
    case State::kStatus: return TakeStatus(line);
    case State::kHeaders:
      if (!line.empty()) return TakeHeader(line);
      HeadIsWhole();
      return Ok();
    case State::kChunkSize: return TakeChunkSize(line);
    case State::kChunkEnd:
      if (!line.empty()) return NotAnAnswer("a chunk of its answer is longer than it said");
      state_ = State::kChunkSize;
      return Ok();
    case State::kTrailers:
      if (line.empty()) state_ = State::kWhole;
      return Ok();
    default: INVARIANT(false);
  }
}

// Parses "HTTP/1.1 204 No Content".
Status AnswerReader::TakeStatus(std::string_view line) {
  constexpr std::string_view kVersion = "HTTP/1.";
  constexpr std::size_t kStatusAt = kVersion.size() + 2;
  constexpr std::size_t kStatusSize = 3;
  const bool framed = line.starts_with(kVersion) && line.size() >= kStatusAt + kStatusSize &&
                      line[kStatusAt - 1] == ' ';
  const auto status = ParseWhole(line.substr(std::min(kStatusAt, line.size()), kStatusSize), 10);
  if (!framed || !status || *status < 100) return NotAnAnswer("its answer is not HTTP/1.1");
  if (*status == 101) return NotAnAnswer("it switches to another protocol than HTTP/1.1");
  reply_ = Reply{.http_status = static_cast<int>(*status)};
  headers_.clear();
  closes_ = line[kVersion.size()] == '0';
  state_ = State::kHeaders;
  return Ok();
}

Status AnswerReader::TakeHeader(std::string_view line) {
  const std::size_t colon = std::min(line.find(':'), line.size());
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trimmed(line.substr(std::min(colon + 1, line.size())));
  if (body_ == Body::kStreamed) headers_.emplace_back(name, value);
  if (EqualIgnoringCase(name, "content-type")) reply_.content_type = value.substr(0, kValueMax);
  if (EqualIgnoringCase(name, "retry-after")) reply_.retry_after = value.substr(0, kValueMax);
  if (EqualIgnoringCase(name, "date")) reply_.date = value.substr(0, kValueMax);
  if (EqualIgnoringCase(name, "x-influxdb-version")) {
    reply_.version = Printable(value.substr(0, kValueMax));
  }
  if (EqualIgnoringCase(name, "location"))
    reply_.location = Printable(value.substr(0, kLocationMax));
  if (EqualIgnoringCase(name, "connection") && !EqualIgnoringCase(value, "keep-alive"))
    closes_ = true;
  if (EqualIgnoringCase(name, "content-length")) return TakeLength(value);
  if (!EqualIgnoringCase(name, "transfer-encoding")) return Ok();
  if (!EqualIgnoringCase(value, "chunked"))
    return NotAnAnswer("its answer has an unknown Transfer-Encoding");
  chunked_ = true;
  return Ok();
}

Status AnswerReader::TakeLength(std::string_view value) {
  const auto length = ParseWhole(value, 10);
  if (!length || (counted_ && left_ != *length)) {
    return NotAnAnswer("the length of its answer is not a number");
  }
  counted_ = true;
  left_ = *length;
  return Ok();
}

void AnswerReader::HeadIsWhole() {
  const int status = reply_.http_status;
  if (status / 100 == 1) {
    state_ = State::kStatus;
  } else if (status == 204 || status == 304) {
    state_ = State::kWhole;
  } else if (chunked_) {
    closes_ = closes_ || counted_;  // A peer that sends both may mean either.
    state_ = State::kChunkSize;
  } else if (counted_) {
    state_ = left_ == 0 ? State::kWhole : State::kCounted;
  } else {
    state_ = State::kUntilEnd;
  }
  if (state_ == State::kStatus) counted_ = chunked_ = false;
}

Status AnswerReader::TakeChunkSize(std::string_view line) {
  const auto size = ParseWhole(Trimmed(line.substr(0, line.find(';'))), 16);
  if (!size || line.size() > kChunkSizeLineMax) {
    return NotAnAnswer("the size of a chunk of its answer is not a number");
  }
  head_size_ = 0;  // The body's limit applies from here on.
  left_ = *size;
  state_ = left_ == 0 ? State::kTrailers : State::kChunk;
  return Ok();
}

// Returns the bytes behind it.
std::string_view AnswerReader::TakeBody(std::string_view bytes) {
  const bool counted = state_ != State::kUntilEnd;
  const std::size_t size = counted ? std::min<std::uint64_t>(bytes.size(), left_) : bytes.size();
  const std::size_t room = kBodyMax.count() - std::min(kBodyMax.count(), reply_.body.size());
  const bool streamed = body_ == Body::kStreamed;
  reply_.body.append(bytes.substr(0, streamed ? size : std::min(size, room)));
  if (counted) left_ -= size;
  cut_ = !streamed && reply_.body.size() == kBodyMax.count();
  if (cut_ || (state_ == State::kCounted && left_ == 0)) {
    state_ = State::kWhole;
  } else if (state_ == State::kChunk && left_ == 0) {
    state_ = State::kChunkEnd;
  }
  return bytes.substr(size);
}

}  // namespace relay
