#include "relay/ingest/responses.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "relay/base/json_text.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

// Seconds: long enough for the log to be reopened or a burst to end.
constexpr std::string_view kRetryAfter = "1";

// Makes a message fit for a header: one line of bounded length.
std::string HeaderText(std::string_view message) {
  constexpr std::size_t kMessageMax = 1024;
  std::string text(message.substr(0, kMessageMax));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text;
}

constexpr std::string_view kV3Partial = "partial write of line protocol occurred";

std::string_view V2Code(int status) {
  switch (status) {
    case 401: return "unauthorized";
    case 403: return "forbidden";
    case 404: return "not found";
    case 405: return "method not allowed";
    case 413: return "request too large";
    case 500: return "internal error";
    case 503: return "unavailable";
    default: return "invalid";
  }
}

HttpResponse JsonAnswer(int status, const Json& body) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  // Lines of a body are bytes, not always UTF-8: DumpJson replaces the rest.
  response.body = DumpJson(body) + "\n";
  if (status == 503) response.headers.emplace_back("Retry-After", kRetryAfter);
  return response;
}

// `lines`: numbers of the bad lines, an addition to InfluxDB's answer.
HttpResponse V1Answer(int status, std::string_view message, const Json& lines = Json::array()) {
  Json body = {{"error", message}};
  if (!lines.empty()) body["lines"] = lines;
  HttpResponse response = JsonAnswer(status, body);
  if (status == 401) {
    response.headers.emplace_back("WWW-Authenticate", R"(Basic realm="InfluxDB")");
  } else {
    response.headers.emplace_back("X-Influxdb-Error", HeaderText(message));
  }
  return response;
}

HttpResponse V2Answer(int status, std::string_view message) {
  const std::string_view code = V2Code(status);
  HttpResponse response = JsonAnswer(status, {{"code", code}, {"message", message}});
  response.headers.emplace_back("X-Platform-Error-Code", code);
  return response;
}

// Returns a position for each part of a split write, separated by commas.
std::string PositionsOf(const std::vector<StoredPart>& parts) {
  std::string positions;
  for (const StoredPart& part : parts) {
    if (!positions.empty()) positions += ',';
    positions += ToString(part.durable.position());
  }
  return positions;
}

// Describes why parts of a body were refused, as InfluxDB does.
std::string Complaints(const Refused& refused) {
  std::string message;
  for (const LineError& error : refused.lines) {
    if (!message.empty()) message += '\n';
    message += error.Message();
  }
  if (refused.more > 0) message += fmt::format("\nand {} more lines", refused.more);
  if (!refused.unrouted.empty()) message += (message.empty() ? "" : "\n") + refused.unrouted;
  return message;
}

Json LineNumbers(const Refused& refused) {
  Json numbers = Json::array();
  for (const LineError& error : refused.lines) numbers.push_back(error.number);
  return numbers;
}

Json V3Line(const LineError& error) {
  return {
      {"original_line", error.line}, {"line_number", error.number}, {"error_message", error.why}};
}

// InfluxDB 3 has no error for points without a backend: they have no line.
Json V3Data(const Refused& refused) {
  Json data = Json::array();
  for (const LineError& error : refused.lines) data.push_back(V3Line(error));
  if (!refused.unrouted.empty()) data.push_back(V3Line({.why = refused.unrouted}));
  return data;
}

HttpResponse V3Answer(int status, std::string_view message, const Json& data) {
  Json body = {{"error", message}};
  if (!data.empty()) body["data"] = data;
  return JsonAnswer(status, body);
}

}  // namespace

std::string InfluxHeaders() {
  return fmt::format("X-Influxdb-Version: {}\r\nX-Influxdb-Build: influxdb-relay\r\n",
                     kInfluxVersion);
}

HttpResponse ErrorAnswer(Api api, int status, std::string_view message) {
  switch (api) {
    case Api::kV2: return V2Answer(status, message);
    case Api::kV3: return V3Answer(status, message, {});
    default: return V1Answer(status, message);
  }
}

HttpResponse OnlyBy(Api api, std::string_view methods) {
  HttpResponse response = ErrorAnswer(api, 405, "Method Not Allowed");
  response.headers.emplace_back("Allow", methods);
  return response;
}

HttpResponse NothingStored(Api api, int status, bool whole, const Refused& refused) {
  switch (api) {
    case Api::kV2: return V2Answer(status, Complaints(refused));
    case Api::kV3:
      if (!whole) return V3Answer(status, kV3Partial, V3Data(refused));
      // InfluxDB 3 returns only the first, not as a list.
      return V3Answer(status, "parsing failed for write_lp endpoint", V3Data(refused).front());
    default: return V1Answer(status, Complaints(refused), LineNumbers(refused));
  }
}

HttpResponse Stored(const std::vector<StoredPart>& parts, Api api, const Refused& refused) {
  HttpResponse response{.status = 204};
  if (refused.any() && api == Api::kV3) {
    response = V3Answer(400, kV3Partial, V3Data(refused));
  } else if (refused.any()) {
    const std::string message =
        fmt::format("partial write: {} dropped={}", Complaints(refused), refused.dropped);
    response = V1Answer(400, message, LineNumbers(refused));
  }
  response.headers.emplace_back("X-Relay-Position", PositionsOf(parts));
  return response;
}

HttpResponse StoredOnly(const std::vector<StoredPart>& parts, Delivered delivered) {
  const std::string message = fmt::format(
      "timeout: {} of {} backends have the write; it is in the relay's log and will be delivered",
      delivered.have, delivered.of);
  HttpResponse response = V1Answer(500, message);
  response.headers.emplace_back("X-Relay-Position", PositionsOf(parts));
  return response;
}

}  // namespace relay
