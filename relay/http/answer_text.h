// An answer as bytes, and the parts of it that every answer has.
//
// THREADS. One: its loop's.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "relay/http/server.h"
#include "wal/base/types.h"

namespace relay::http_parts {

// The Date line, and request ids for clients that send none.
class AnswerStamps {
 public:
  void SetTime(WallTime now);
  const std::string& date() const { return date_; }  // With its line end.
  std::string NewRequestId();

 private:
  std::string date_;
  std::mt19937_64 random_{std::random_device()()};
};

// How a request wants its answer.
struct AnswerForm {
  bool is_http_10 = false;
  bool keep_alive = true;       // The connection stays open.
  bool without_body = false;    // A HEAD request.
  std::string_view request_id;  // The client's own; empty: it gets a new one.
};

// The part that all answers of a loop share.
struct AnswerFrame {
  const HttpServerOptions& options;
  AnswerStamps& stamps;
};

// Appends the answer to `out`. The answer to HTTP/1.0 says that the connection stays open, that of
// 1.1 that it does not: each says what its client would not expect. The body of a pipe is left to
// AppendChunk; to HTTP/1.0, the connection's end ends it.
void AppendAnswer(const HttpResponse& response, const AnswerForm& form, const AnswerFrame& frame,
                  std::string& out);

// Appends a chunk of a body without a length; an empty one ends the body.
void AppendChunk(std::string_view bytes, std::string& out);

}  // namespace relay::http_parts
