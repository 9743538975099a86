// Reads the answer to one HTTP/1.1 request from its bytes as they come.
//
// Of whatever a peer sends no more is held than the limits: memory is bounded
// even where an answer has no end. Interim answers (1xx) are passed over,
// nothing is followed, nothing inflated.
//
// ERRORS. kUnavailable: what comes is not an answer of HTTP/1, or ended early.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replay/transport/transport.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

class AnswerReader {
 public:
  // Of all heads together, interim ones and trailers included.
  static constexpr Bytes kHeadMax = 16_KiB;
  // What is beyond it is not read; enough for a server's words.
  static constexpr Bytes kBodyMax = 64_KiB;

  Status Take(std::string_view bytes);

  // The peer closed. Ok only where that is how the answer ends.
  Status TakeEnd();

  // Whether the answer is there: its head, and its body up to the limit.
  bool whole() const { return state_ == State::kWhole; }

  // Whether anything came: the peer has seen at least part of the request.
  bool begun() const { return begun_; }

  // Whether the connection can carry another request: the answer ended where it
  // said, nothing came behind it, and the peer does not mean to close.
  bool reusable() const { return whole() && !cut_ && !surplus_ && !closes_; }

  const Reply& reply() const { return reply_; }

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
};

}  // namespace relay
