// HTTP requests of a well-behaved client. For any other kind of client use
// RawConnection in tests/support/process/socket.h.
//
// THREADS. Free functions without state; any number at once.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tests/support/eventually.h"
#include "tests/support/process/socket.h"

namespace relay::test {

// Keyed by lower-case name.
using HttpHeaders = std::multimap<std::string, std::string>;

struct HttpAnswer {
  int status = 0;  // 0: no answer; then the body says why.
  HttpHeaders headers;
  std::string body;

  // Returns the first header of that (lower-case) name; "" if there is none.
  std::string Header(const std::string& name) const;
};

struct HttpOptions {
  HttpHeaders headers = {};
  milliseconds timeout = kPatience;  // The longest time without a byte from the server.
};

// `target` is a path with its query, as it goes over the wire. Every request
// has a connection of its own.
HttpAnswer Get(const HostPort& server, const std::string& target, const HttpOptions& options = {});
HttpAnswer Post(const HostPort& server, const std::string& target, const std::string& body,
                const HttpOptions& options = {});

// Encodes a value for a query or a form: everything but letters and digits as %XX.
std::string PercentEncode(std::string_view text);

}  // namespace relay::test
