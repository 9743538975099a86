// Requests to a FakeBackend and its answers, as HTTP/1.1 text.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"

namespace relay::test {

// A request as received, except that a chunked body is put together.
struct FakeRequest {
  std::uint64_t number = 0;  // 1 for this backend's first request.
  std::string method;
  std::string target;   // "/write?db=metrics"
  HttpHeaders headers;  // Keyed by lower-case name.
  std::string body;

  std::string Path() const { return target.substr(0, target.find('?')); }
  // Returns the value of `name` in the query as sent; "" if there is none.
  std::string Parameter(const std::string& name) const;
  std::string Header(const std::string& name) const;
};

// Takes the first request from the front of `stream`; nullopt, with the stream
// unchanged, while it is incomplete.
std::optional<FakeRequest> TakeRequest(std::string& stream);

struct FakeAnswer {
  enum class Then : std::uint8_t { kKeepOpen, kClose, kReset };

  int status = 204;
  HttpHeaders headers;
  std::string body;

  std::optional<std::string> raw;  // Sent instead of all of the above.
  bool silent = false;             // Sends nothing; the connection stays open.
  std::string without_end = {};    // Sent after the rest, repeatedly.
  milliseconds delay{0};           // The wait before the first byte.
  milliseconds byte_gap{0};        // Above 0: sent byte by byte, each after this time.
  std::size_t bytes_max =
      std::numeric_limits<std::size_t>::max();  // Bytes sent before `then` applies.
  Then then = Then::kKeepOpen;

  // Returns the whole answer as it goes over the wire.
  std::string Wire() const;
};

// Returns {status, body} with the body as JSON, like InfluxDB's.
FakeAnswer Answering(int status, std::string body = "");
FakeAnswer NeverAnswering();
// Sends `bytes`, then `again` for as long as the client reads.
FakeAnswer Endlessly(std::string bytes, std::string again);
FakeAnswer ResettingAfter(std::size_t bytes, FakeAnswer answer);
FakeAnswer Slowly(milliseconds byte_gap, FakeAnswer answer);
// Sends `bytes`, then closes the connection.
FakeAnswer AnsweringBytes(std::string bytes);

}  // namespace relay::test
