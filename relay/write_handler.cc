#include "relay/write_handler.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "relay/inflate.h"
#include "relay/line_protocol.h"
#include "relay/write_params.h"

namespace relay {
namespace {

// Some clients refuse what does not look like a version of InfluxDB 1.x.
constexpr std::string_view kInfluxVersion = "1.8.10";

// Seconds. Long enough for a log to have been reopened or a burst to be over.
constexpr std::string_view kRetryAfter = "1";

// What a header of a refusal may hold: one line, of bounded length.
std::string HeaderText(std::string_view message) {
  constexpr std::size_t kSizeMax = 1024;
  std::string text(message.substr(0, kSizeMax));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return text;
}

HttpResponse ErrorResponse(int status, std::string_view message, nlohmann::json body = {}) {
  body["error"] = message;
  HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  response.headers.emplace_back("X-Influxdb-Error", HeaderText(message));
  if (status == 503) response.headers.emplace_back("Retry-After", kRetryAfter);
  return response;
}

HttpResponse NothingToStore() {
  return {.status = 204};
}

// The only way to the answer that a write was stored: with the proof.
HttpResponse Stored(const Durable&) {
  return {.status = 204};
}

// Why some lines of a body were not taken, in InfluxDB's words, and where in
// the body they are.
struct Refused {
  std::string message;
  std::vector<std::uint64_t> lines;
};

Refused Describe(const ScannedLines& scanned) {
  Refused refused;
  for (const LineError& error : scanned.errors) {
    if (!refused.message.empty()) refused.message += '\n';
    refused.message += error.message;
    refused.lines.push_back(error.number);
  }
  if (scanned.refused > scanned.errors.size()) {
    refused.message += fmt::format("\nand {} more lines", scanned.refused - scanned.errors.size());
  }
  return refused;
}

HttpResponse BadLines(const Refused& refused) {
  return ErrorResponse(400, refused.message, {{"lines", refused.lines}});
}

HttpResponse PartlyStored(const Durable&, const Refused& refused) {
  return ErrorResponse(400, fmt::format("partial write: {} dropped=0", refused.message),
                       {{"lines", refused.lines}});
}

HttpResponse Ping(const HttpRequest& request) {
  const Result<std::map<std::string, std::string>> parameters = ParseQuery(request.query);
  if (!parameters.ok()) return {.status = 204};
  const auto verbose = parameters.value().find("verbose");
  if (verbose == parameters.value().end() || verbose->second.empty() || verbose->second == "0" ||
      verbose->second == "false") {
    return {.status = 204};
  }
  return {.status = 200,
          .content_type = "application/json",
          .body = fmt::format("{{\"version\":\"{}\"}}\n", kInfluxVersion)};
}

HttpResponse OnlyBy(std::string_view methods) {
  HttpResponse response = ErrorResponse(405, "Method Not Allowed");
  response.headers.emplace_back("Allow", methods);
  return response;
}

// The status for an error in what the client sent.
int StatusOf(const Error& error) {
  return error.code() == ErrorCode::kFull ? 413 : 400;
}

}  // namespace

std::string InfluxHeaders() {
  return fmt::format("X-Influxdb-Version: {}\r\nX-Influxdb-Build: influxdb-relay\r\n",
                     kInfluxVersion);
}

WriteHandler::WriteHandler(WriteHandlerOptions options, Log& log, const Clock& clock,
                           Counters& counters)
    : options_(std::move(options)), log_(log), clock_(clock), counters_(counters) {}

void WriteHandler::Handle(HttpRequest request, HttpReply reply) {
  const auto counted = [this, reply = std::move(reply)](Endpoint endpoint) {
    return [this, reply, endpoint](HttpResponse response) {
      counters_.Answered(endpoint, response.status);
      reply(std::move(response));
    };
  };
  if (request.path == "/write") {
    HttpReply write_reply = counted(Endpoint::kWrite);
    if (request.method == "POST") return Write(std::move(request), std::move(write_reply));
    if (request.method != "OPTIONS") return write_reply(OnlyBy("OPTIONS, POST"));
    return write_reply({.status = 204, .headers = {{"Allow", "OPTIONS, POST"}}});
  }
  if (request.path == "/ping") {
    const bool known = request.method == "GET" || request.method == "HEAD";
    return counted(Endpoint::kPing)(known ? Ping(request) : OnlyBy("GET, HEAD"));
  }
  counted(Endpoint::kOther)(ErrorResponse(404, "404 page not found"));
}

HttpResponse WriteHandler::Refusal(int status, std::string_view message) {
  counters_.Answered(Endpoint::kOther, status);
  return ErrorResponse(status, message);
}

void WriteHandler::Write(HttpRequest request, HttpReply reply) {
  Result<WriteParams> params = ParseWriteParams(request.query, options_.default_retention_policy);
  if (!params.ok()) return reply(ErrorResponse(400, params.error().message()));
  Result<std::string> body = PlainBody(request);
  if (!body.ok()) return reply(ErrorResponse(StatusOf(body.error()), body.error().message()));

  const WallTime now = clock_.WallNow();
  ScannedLines scanned = ScanLines(std::move(body).value(), params.value().precision, now);
  counters_.RefusedLines(scanned.refused);
  if (scanned.points == 0) {
    return reply(scanned.refused == 0 ? NothingToStore() : BadLines(Describe(scanned)));
  }
  Result<EncodedRecord> encoded =
      Encode({std::move(params).value(), scanned.points, std::move(scanned.lines)}, options_.codec);
  if (!encoded.ok()) return reply(ErrorResponse(400, encoded.error().message()));

  const PointCount points = scanned.points;
  const Bytes bytes = encoded.value().size().bytes;
  std::optional<Refused> refused;
  if (scanned.refused > 0) refused = Describe(scanned);
  log_.Append({std::move(encoded).value(), options_.backends, now},
              [this, points, bytes, refused = std::move(refused),
               reply = std::move(reply)](const Result<Durable>& done) {
                if (!done.ok()) return reply(ErrorResponse(503, done.error().message()));
                counters_.Accepted(points, bytes);
                reply(refused ? PartlyStored(done.value(), *refused) : Stored(done.value()));
              });
}

Result<std::string> WriteHandler::PlainBody(HttpRequest& request) const {
  const std::string_view encoding = request.Header("Content-Encoding");
  if (encoding == "gzip" || encoding == "x-gzip") {
    return InflateGzip(request.body, options_.max_body);
  }
  if (encoding.empty() || encoding == "identity") return std::move(request.body);
  return Error(
      ErrorCode::kInvalidInput,
      fmt::format("Content-Encoding \"{}\" is not known (use gzip or identity)", encoding));
}

}  // namespace relay
