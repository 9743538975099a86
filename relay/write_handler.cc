#include "relay/write_handler.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "relay/inflate.h"
#include "relay/intake.h"
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
  PointCount dropped = 0;

  bool any() const { return !message.empty(); }
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

HttpResponse NotStored(const Error& error) {
  return ErrorResponse(error.code() == ErrorCode::kInvalidInput ? 400 : 503, error.message());
}

HttpResponse BadLines(const Refused& refused) {
  return ErrorResponse(400, refused.message, {{"lines", refused.lines}});
}

HttpResponse PartlyStored(const Durable&, const Refused& refused) {
  return ErrorResponse(
      400, fmt::format("partial write: {} dropped={}", refused.message, refused.dropped),
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

Result<std::string> PlainBody(HttpRequest& request, Bytes max_body) {
  const std::string_view encoding = request.Header("Content-Encoding");
  if (encoding == "gzip" || encoding == "x-gzip") {
    return InflateGzip(request.body, max_body);
  }
  if (encoding.empty() || encoding == "identity") return std::move(request.body);
  return Error(
      ErrorCode::kInvalidInput,
      fmt::format("Content-Encoding \"{}\" is not known (use gzip or identity)", encoding));
}

// Points that no backend takes, in the same answer as the bad lines.
void AddUnrouted(const RoutedLines& routed, Refused& refused) {
  if (!refused.message.empty()) refused.message += '\n';
  refused.message += routed.why;
  refused.dropped = routed.unrouted;
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
  const std::shared_ptr<const WriteHandlerOptions> options = options_.Get();
  Result<WriteParams> params = ParseWriteParams(request.query, options->default_retention_policy);
  if (!params.ok()) return reply(ErrorResponse(400, params.error().message()));
  Result<std::string> body = PlainBody(request, options->max_body);
  if (!body.ok()) return reply(ErrorResponse(StatusOf(body.error()), body.error().message()));

  const WallTime now = clock_.WallNow();
  ScannedLines scanned = ScanLines(std::move(body).value(), params.value().precision, now);
  counters_.RefusedLines(scanned.refused);
  Refused refused = Describe(scanned);
  if (scanned.points == 0) return reply(refused.any() ? BadLines(refused) : NothingToStore());

  RoutedLines routed =
      options->router->Route(params.value(), std::move(scanned.lines), scanned.points);
  counters_.UnroutedPoints(routed.unrouted);
  const bool refuses = options->router->unrouted() == Unrouted::kRefuse;
  if (routed.unrouted > 0 && refuses) AddUnrouted(routed, refused);
  if (routed.parts.empty()) {
    return reply(refuses ? ErrorResponse(404, refused.message) : NothingToStore());
  }
  const Totals size = routed.size();
  AppendRouted(log_, params.value(), std::move(routed), options->codec, now,
               [this, size, reply = std::move(reply),
                refused = std::move(refused)](const Result<Durable>& done) {
                 if (!done.ok()) return reply(NotStored(done.error()));
                 counters_.Accepted(size.points, size.bytes);
                 reply(refused.any() ? PartlyStored(done.value(), refused) : Stored(done.value()));
               });
}

}  // namespace relay
