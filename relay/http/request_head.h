// The head of an HTTP/1 request: where it ends in the bytes that have arrived, and what it says.
//
// Accepts the heads that net/http of Go accepts, and with it every InfluxDB 1.x: lines that end in
// CRLF or in LF alone, names and tokens in any case, an equal Content-Length twice. A head whose
// end or whose body's end two readers could see at different places is refused: a proxy in front of
// the relay may be the other reader. The differences from Go are listed in ingest/HTTP.md.
//
// THREADS. Values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "relay/base/http_limits.h"

namespace relay::http_parts {

// The answer to a request that the server itself refuses.
struct HttpRefusal {
  int status = 0;
  std::string message;
  std::optional<HttpLimit> limit = {};  // The limit that the client reached; nullopt: none.
};

using HeaderField = std::pair<std::string_view, std::string_view>;

// A parsed head. Views into the bytes it was parsed from.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::vector<HeaderField> headers;
  std::string_view request_id;  // X-Request-Id, or else Request-Id; empty: neither.
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool is_http_10 = false;  // Otherwise 1.1, or a later 1.x.
  bool keep_alive = false;
  bool expects_continue = false;

  // Returns the target without scheme and host: clients that use a proxy send whole URLs.
  std::string_view LocalTarget() const;
};

// Finds the end of a head that arrives in pieces; looks at each byte once.
class HeadEnd {
 public:
  // Returns the size of the head, blank line included; 0: it is not complete. `arrived` begins with
  // what was passed before.
  std::size_t Find(std::string_view arrived);
  void Reset() { *this = {}; }

 private:
  std::size_t line_ = 0;  // Where the present line begins,
  std::size_t seen_ = 0;  // ... and how far it was searched.
};

// Parses a complete head. Returns the refusal of one that is malformed, of which `head` may hold a
// part; nullopt: well-formed. REQUIRES: `head` is empty.
std::optional<HttpRefusal> ParseHead(std::string_view bytes, RequestHead& head);

// Looks at the first bytes of an incomplete head; `head` gets the request line if it is complete.
// Returns the refusal if they can never become one, such as a TLS handshake; nullopt: they may.
std::optional<HttpRefusal> RefuseBeginning(std::string_view arrived, RequestHead& head);

// Splits a header line, without its end. nullopt: it is none: no colon, a name that is not a token,
// control characters, or the continuation of the line before.
std::optional<HeaderField> ParseHeaderLine(std::string_view line);

}  // namespace relay::http_parts
