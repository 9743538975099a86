#include "tests/support/process/http_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <cctype>

namespace relay::test {
namespace {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

httplib::Client ClientFor(const HostPort& server, milliseconds timeout) {
  httplib::Client client(server.host, server.port);
  client.set_url_encode(false);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  return client;
}

httplib::Headers ToHttplib(const HttpHeaders& headers) {
  return {headers.begin(), headers.end()};
}

HttpAnswer FromHttplib(const httplib::Result& result) {
  if (!result) return {.status = 0, .headers = {}, .body = httplib::to_string(result.error())};
  HttpAnswer answer{.status = result->status, .headers = {}, .body = result->body};
  for (const auto& [name, value] : result->headers) answer.headers.emplace(Lower(name), value);
  return answer;
}

}  // namespace

std::string HttpAnswer::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpAnswer Get(const HostPort& server, const std::string& target, const HttpOptions& options) {
  httplib::Client client = ClientFor(server, options.timeout);
  return FromHttplib(client.Get(target, ToHttplib(options.headers)));
}

HttpAnswer Post(const HostPort& server, const std::string& target, const std::string& body,
                const HttpOptions& options) {
  httplib::Client client = ClientFor(server, options.timeout);
  httplib::Headers headers = ToHttplib(options.headers);
  const auto given = headers.find("content-type");
  const std::string type = given == headers.end() ? "text/plain" : given->second;
  headers.erase("content-type");
  return FromHttplib(client.Post(target, headers, body, type));
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

}  // namespace relay::test
