#include "relay/http/answer_text.h"

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iterator>

#include "wal/base/uuid.h"

namespace relay::http_parts {
namespace {

std::string_view ReasonOf(int status) {
  namespace http = boost::beast::http;
  const auto text = http::obsolete_reason(static_cast<http::status>(status));
  return {text.data(), text.size()};
}

void AppendRequestId(const AnswerForm& form, AnswerStamps& stamps, std::string& out) {
  constexpr std::size_t kRequestIdMax = 128;
  const bool usable = !form.request_id.empty() && form.request_id.size() <= kRequestIdMax;
  const std::string id = usable ? std::string(form.request_id) : stamps.NewRequestId();
  fmt::format_to(std::back_inserter(out), "Request-Id: {0}\r\nX-Request-Id: {0}\r\n", id);
}

}  // namespace

void AnswerStamps::SetTime(WallTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(now));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  date_.assign(text.data(), size);
}

std::string AnswerStamps::NewRequestId() {
  const std::uint64_t high = random_();
  const std::uint64_t low = random_();
  return UuidV4(high, low);
}

void AppendAnswer(const HttpResponse& response, const AnswerForm& form, const AnswerFrame& frame,
                  std::string& out) {
  const auto end = std::back_inserter(out);
  fmt::format_to(end, "HTTP/1.{} {} {}\r\n", form.is_http_10 ? 0 : 1, response.status,
                 ReasonOf(response.status));
  out += frame.stamps.date();
  if (response.relayed) {
    out += *response.relayed;
  } else {
    out += frame.options.headers;
    if (frame.options.request_ids) AppendRequestId(form, frame.stamps, out);
  }
  for (const auto& [name, value] : response.headers) {
    fmt::format_to(end, "{}: {}\r\n", name, value);
  }
  if (!response.content_type.empty()) {
    fmt::format_to(end, "Content-Type: {}\r\n", response.content_type);
  }
  if (response.pipe) {
    if (!form.is_http_10) out += "Transfer-Encoding: chunked\r\n";
  } else if (response.status != 204 && response.status != 304) {
    fmt::format_to(end, "Content-Length: {}\r\n", response.body.size());
  }
  if (!form.keep_alive) {
    out += "Connection: close\r\n";
  } else if (form.is_http_10) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  if (!form.without_body) out += response.body;
}

void AppendChunk(std::string_view bytes, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", bytes.size());
  out += bytes;
  out += "\r\n";
}

}  // namespace relay::http_parts
