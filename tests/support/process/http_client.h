// HTTP requests of a well-behaved client. For any other kind of client there is
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

// By lower-case name.
using HttpHeaders = std::multimap<std::string, std::string>;

struct HttpAnswer {
  int status = 0;  // 0: no answer; then the body says why.
  HttpHeaders headers;
  std::string body;

  // The first of that (lower-case) name, "" where there is none.
  std::string Header(const std::string& name) const;
};

struct HttpOptions {
  HttpHeaders headers = {};
  milliseconds timeout = kPatience;  // Without a byte from the server.
};

// `target` is a path with its query, as it goes over the wire. Every request
// has a connection of its own.
HttpAnswer Get(const HostPort& server, const std::string& target, const HttpOptions& options = {});
HttpAnswer Post(const HostPort& server, const std::string& target, const std::string& body,
                const HttpOptions& options = {});

// For a value in a query or in a form: everything but letters and digits as %XX.
std::string PercentEncode(std::string_view text);

}  // namespace relay::test
