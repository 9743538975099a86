// Parses the answer to one HTTP/1.1 request from its bytes as they come.
//
// Memory is bounded even if an answer has no end: no more is held than the limits. Interim answers
// (1xx) are skipped; nothing is followed or decompressed.
//
// ERRORS. kUnavailable: the bytes are not an HTTP/1 answer, or ended early.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replay/transport/transport.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

using AnswerHeaders = std::vector<std::pair<std::string, std::string>>;

class AnswerReader {
 public:
  enum class Body : std::uint8_t {
    kCut,       // Kept up to kBodyMax.
    kStreamed,  // Passed on whole, in parts: TakeBodyPart.
  };

  explicit AnswerReader(Body body = Body::kCut) : body_(body) {}

  // The limit for all heads together, interim ones and trailers included.
  static constexpr Bytes kHeadMax = 16_KiB;
  // The rest is not read; enough for a server's message.
  static constexpr Bytes kBodyMax = 64_KiB;

  Status Take(std::string_view bytes);

  // Reports that the peer closed. Ok only if that ends the answer.
  Status TakeEnd();

  // Returns whether the answer is complete: its head, and its body up to the limit.
  bool whole() const { return state_ == State::kWhole; }

  // Returns whether status and headers are complete.
  bool has_head() const { return state_ >= State::kCounted && state_ <= State::kWhole; }

  // Returns the part of a streamed body that came since the last call.
  std::string TakeBodyPart() { return std::exchange(reply_.body, {}); }

  // Returns whether anything came: the peer has seen at least part of the request.
  bool begun() const { return begun_; }

  // Returns whether the connection can carry another request: the answer ended where announced,
  // nothing came behind it, and the peer does not mean to close.
  bool reusable() const { return whole() && !cut_ && !surplus_ && !closes_; }

  const Reply& reply() const { return reply_; }

  // Returns all headers of an answer whose body is streamed, as they were sent.
  const AnswerHeaders& headers() const { return headers_; }

 private:
  enum class State : std::uint8_t {
    kStatus,
    kHeaders,
    kCounted,    // A body of left_ bytes.
    kUntilEnd,   // A body that the connection's end ends.
    kChunkSize,  // A chunked body ...
    kChunk,      // ... left_ bytes of a chunk ...
    kChunkEnd,   // ... its line end ...
    kTrailers,
    kWhole,
  };

  Result<bool> TakePartOfLine(std::string_view& bytes);
  Status TakeLine(std::string_view line);
  Status TakeStatus(std::string_view line);
  Status TakeHeader(std::string_view line);
  Status TakeLength(std::string_view value);
  Status TakeChunkSize(std::string_view line);
  void HeadIsWhole();
  std::string_view TakeBody(std::string_view bytes);
  bool InBody() const;

  const Body body_;
  State state_ = State::kStatus;
  std::string line_;
  std::uint64_t head_size_ = 0;
  std::uint64_t left_ = 0;
  bool counted_ = false;  // There was a Content-Length.
  bool chunked_ = false;
  bool begun_ = false;
  bool cut_ = false;
  bool surplus_ = false;
  bool closes_ = false;
  Reply reply_;
  AnswerHeaders headers_;
};

}  // namespace relay
