// What a FakeBackend is asked and what it says, as text of HTTP/1.1.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"

namespace relay::test {

// A request as it came, but for a chunked body, which is put together.
struct FakeRequest {
  std::uint64_t number = 0;  // 1 for the first that this backend was sent.
  std::string method;
  std::string target;   // "/write?db=metrics"
  HttpHeaders headers;  // By lower-case name.
  std::string body;

  std::string Path() const { return target.substr(0, target.find('?')); }
  // The value of `name` in the query as it was sent, "" where there is none.
  std::string Parameter(const std::string& name) const;
  std::string Header(const std::string& name) const;
};

// Takes the first request from the front of `stream`; nothing, and the stream
// as it was, while it is not whole.
std::optional<FakeRequest> TakeRequest(std::string& stream);

struct FakeAnswer {
  enum class Then : std::uint8_t { kKeepOpen, kClose, kReset };

  int status = 204;
  HttpHeaders headers;
  std::string body;

  std::optional<std::string> raw;  // Sent instead of all of the above.
  bool silent = false;             // Nothing is sent; the connection stays open.
  std::string without_end = {};    // Sent after the rest, again and again.
  milliseconds delay{0};           // Before the first byte.
  milliseconds byte_gap{0};        // Above 0: byte by byte, each after this time.
  std::size_t bytes_max = std::numeric_limits<std::size_t>::max();  // Sent, then `then`.
  Then then = Then::kKeepOpen;

  // What goes over the wire when all of it does.
  std::string Wire() const;
};

// {status, body} with the body as JSON, in the manner of InfluxDB.
FakeAnswer Answering(int status, std::string body = "");
FakeAnswer NeverAnswering();
// These bytes, then those for as long as the client takes them.
FakeAnswer Endlessly(std::string bytes, std::string again);
FakeAnswer ResettingAfter(std::size_t bytes, FakeAnswer answer);
FakeAnswer Slowly(milliseconds byte_gap, FakeAnswer answer);
// These bytes, then the connection is closed.
FakeAnswer AnsweringBytes(std::string bytes);

}  // namespace relay::test
