#include "tests/support/fakes/fake_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

namespace relay::test {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

template <typename Number>
Number ParseNumber(std::string_view text, int base = 10) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = std::min(text.find(kLineEnd), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + kLineEnd.size(), text.size()));
  return line;
}

void ParseHeader(std::string_view line, HttpHeaders& headers) {
  const std::size_t colon = std::min(line.find(':'), line.size());
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(std::min(colon + 1, line.size()));
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  headers.emplace(std::move(name), value);
}

FakeRequest ParseHead(std::string_view head) {
  std::string_view first = TakeLine(head);
  FakeRequest request;
  request.method = first.substr(0, first.find(' '));
  first.remove_prefix(std::min(request.method.size() + 1, first.size()));
  request.target = first.substr(0, first.find(' '));
  while (!head.empty()) ParseHeader(TakeLine(head), request.headers);
  return request;
}

// Takes a chunked body from the front of `stream`; nullopt while it is incomplete.
std::optional<std::string> TakeChunks(std::string_view& stream) {
  std::string body;
  while (stream.find(kLineEnd) != std::string_view::npos) {
    const auto size = ParseNumber<std::size_t>(TakeLine(stream), 16);
    if (stream.size() < size + kLineEnd.size()) return std::nullopt;
    body += stream.substr(0, size);
    stream.remove_prefix(size + kLineEnd.size());
    if (size == 0) return body;
  }
  return std::nullopt;
}

std::optional<std::string> TakeBody(const FakeRequest& request, std::string_view& stream) {
  if (request.Header("transfer-encoding") == "chunked") return TakeChunks(stream);
  const auto size = ParseNumber<std::size_t>(request.Header("content-length"));
  if (stream.size() < size) return std::nullopt;
  std::string body(stream.substr(0, size));
  stream.remove_prefix(size);
  return body;
}

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 413: return "Request Entity Too Large";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

}  // namespace

std::string FakeRequest::Parameter(const std::string& name) const {
  const std::size_t question = target.find('?');
  if (question == std::string::npos) return "";
  const std::string query = '&' + target.substr(question + 1);
  const std::size_t at = query.find('&' + name + '=');
  if (at == std::string::npos) return "";
  const std::string value = query.substr(at + name.size() + 2);
  return value.substr(0, value.find('&'));
}

std::string FakeRequest::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::optional<FakeRequest> TakeRequest(std::string& stream) {
  const std::size_t head_end = stream.find("\r\n\r\n");
  if (head_end == std::string::npos) return std::nullopt;
  std::string_view rest(stream);
  FakeRequest request = ParseHead(rest.substr(0, head_end));
  rest.remove_prefix(head_end + 4);
  std::optional<std::string> body = TakeBody(request, rest);
  if (!body) return std::nullopt;
  request.body = std::move(*body);
  stream.erase(0, stream.size() - rest.size());
  return request;
}

std::string FakeAnswer::Wire() const {
  if (raw) return *raw;
  std::string wire = fmt::format("HTTP/1.1 {} {}\r\n", status, ReasonOf(status));
  for (const auto& [name, value] : headers) wire += fmt::format("{}: {}\r\n", name, value);
  if (status != 204) wire += fmt::format("Content-Length: {}\r\n", body.size());
  if (then == Then::kClose) wire += "Connection: close\r\n";
  return wire + "\r\n" + body;
}

FakeAnswer Answering(int status, std::string body) {
  FakeAnswer answer;
  answer.status = status;
  if (!body.empty()) answer.headers.emplace("Content-Type", "application/json");
  answer.body = std::move(body);
  return answer;
}

FakeAnswer NeverAnswering() {
  FakeAnswer answer;
  answer.silent = true;
  return answer;
}

FakeAnswer Endlessly(std::string bytes, std::string again) {
  FakeAnswer answer;
  answer.raw = std::move(bytes);
  answer.without_end = std::move(again);
  return answer;
}

FakeAnswer ResettingAfter(std::size_t bytes, FakeAnswer answer) {
  answer.bytes_max = bytes;
  answer.then = FakeAnswer::Then::kReset;
  return answer;
}

FakeAnswer Slowly(milliseconds byte_gap, FakeAnswer answer) {
  answer.byte_gap = byte_gap;
  return answer;
}

FakeAnswer AnsweringBytes(std::string bytes) {
  FakeAnswer answer;
  answer.raw = std::move(bytes);
  answer.then = FakeAnswer::Then::kClose;
  return answer;
}

}  // namespace relay::test
