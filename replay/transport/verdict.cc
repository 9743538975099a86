#include "replay/transport/verdict.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <string>

namespace relay {
namespace {

// The statuses that a row matches.
enum class Statuses : std::uint8_t {
  k204,
  k200,
  k2xx,
  k3xx,
  k400,
  k401or403,
  k404,
  k405,
  k413,
  k429or503,
  k408or499or504,  // It, or a proxy, took too long.
  k4xx,
  k500,
  kWriteError,  // 400, 422 or 500: versions differ in which they use.
  k502,
  k5xx,
};

bool Includes(Statuses statuses, int status) {
  switch (statuses) {
    case Statuses::k204: return status == 204;
    case Statuses::k200: return status == 200;
    case Statuses::k2xx: return status / 100 == 2;
    case Statuses::k3xx: return status / 100 == 3;
    case Statuses::k400: return status == 400;
    case Statuses::k401or403: return status == 401 || status == 403;
    case Statuses::k404: return status == 404;
    case Statuses::k405: return status == 405;
    case Statuses::k413: return status == 413;
    case Statuses::k429or503: return status == 429 || status == 503;
    case Statuses::k408or499or504: return status == 408 || status == 499 || status == 504;
    case Statuses::k4xx: return status / 100 == 4;
    case Statuses::k500: return status == 500;
    case Statuses::kWriteError: return status == 400 || status == 422 || status == 500;
    case Statuses::k502: return status == 502;
    case Statuses::k5xx: return status / 100 == 5;
  }
  INVARIANT(false);
}

enum class Body : std::uint8_t { kAny, kEmptyOfV1, kHtml };

struct Row {
  Statuses statuses;
  Body body = Body::kAny;
  std::string_view says = {};  // Found in the body. Empty: any body.
  std::string_view and_says = {};
  Verdict verdict;
};

// In remedies "{backend}", "{database}" and "{policy}" stand for names.
constexpr Explanation kDone{"delivered", ""};
constexpr Explanation kNotInflux{"the answer is not InfluxDB's: wrong URL, or a proxy",
                                 "check the url of {backend} in the configuration", Command::kPing};
constexpr Explanation kExpired{"points are older than the retention policy keeps", ""};
constexpr Explanation kLimitReached{"a limit on series or tag values is reached", ""};
constexpr Explanation kSomeRefused{"some points were refused", ""};
constexpr Explanation kUnparsable{"lines were refused: not line protocol", ""};
constexpr Explanation kConflict{"a field has another type on the backend", ""};
constexpr Explanation kRequestTooLarge{"the request was too large", ""};
constexpr Explanation kLinesRefused{"the backend refused the lines", ""};
constexpr Explanation kNoDatabase{"the database does not exist on the backend",
                                  "create database \"{database}\" on {backend}, or set its "
                                  "create_databases",
                                  Command::kCreate};
constexpr Explanation kNoPolicy{
    "the retention policy does not exist on the backend",
    "create retention policy \"{policy}\" of database \"{database}\" on "
    "{backend}",
    Command::kCreate};
constexpr Explanation kNoCredentials{
    "the credentials were refused",
    "correct the user and password, or the token, of {backend}; they are read "
    "again automatically"};
constexpr Explanation kBadRequest{"the request's parameters were refused",
                                  "check the api and the url of {backend} in the configuration"};
constexpr Explanation kBusy{"the backend is overloaded",
                            "check the load of {backend}, or set a lower rate for it"};
constexpr Explanation kFailing{"the backend failed to write", "check the log of {backend}"};
constexpr Explanation kSilent{"no answer", "check that {backend} runs and can be reached from here",
                              Command::kPing};
constexpr Explanation kNoOrganisation{"the organisation does not exist on the backend",
                                      "check the org of {backend} in the configuration"};
constexpr Explanation kNotFound{"unknown host, or a configured file is missing",
                                "check the url and the files of {backend} in the configuration",
                                Command::kPing};
constexpr Explanation kNotTrusted{
    "cannot connect with the configured TLS settings or credentials",
    "check the tls and the credentials of {backend} in the configuration", Command::kPing};

using enum Action;
using enum Cause;
using S = Statuses;

constexpr std::array kTable = {
    Row{.statuses = S::k204, .verdict = {kDelivered, kNone, &kDone}},
    Row{.statuses = S::k200, .body = Body::kEmptyOfV1, .verdict = {kDelivered, kNone, &kDone}},
    // A captive portal or a web page answers 200 to everything.
    Row{.statuses = S::k2xx,
        .verdict =
            {.action = kHold, .cause = kMisconfigured, .text = &kNotInflux, .retry_first = true}},
    Row{.statuses = S::k3xx, .verdict = {kHold, kMisconfigured, &kNotInflux}},
    // VictoriaMetrics answers a wrong path with 400.
    Row{.statuses = S::k400,
        .says = "unsupported path requested",
        .verdict = {kHold, kMisconfigured, &kNotInflux}},
    Row{.statuses = S::k404,
        .says = "404 page not found",
        .verdict = {kHold, kMisconfigured, &kNotInflux}},
    Row{.statuses = S::k405, .verdict = {kHold, kMisconfigured, &kNotInflux}},
    // Comes before the next row: a proxy with a limit of its own (nginx: 1 MB)
    // answers in HTML, and waiting would not make the request smaller.
    Row{.statuses = S::k413, .verdict = {kSplit, kTooLarge, &kRequestTooLarge, DeadReason::kLimit}},
    Row{.statuses = S::k4xx, .body = Body::kHtml, .verdict = {kHold, kMisconfigured, &kNotInflux}},
    Row{.statuses = S::kWriteError,
        .says = "points beyond retention policy",
        .verdict = {kPartial, kRejectedLines, &kExpired, DeadReason::kExpired}},
    Row{.statuses = S::kWriteError,
        .says = "outside retention policy",
        .verdict = {kPartial, kRejectedLines, &kExpired, DeadReason::kExpired}},
    Row{.statuses = S::kWriteError,
        .says = "partial write",
        .and_says = "max-series-per-database",
        .verdict = {kPartial, kRejectedLines, &kLimitReached, DeadReason::kLimit}},
    Row{.statuses = S::kWriteError,
        .says = "partial write",
        .and_says = "max-values-per-tag",
        .verdict = {kPartial, kRejectedLines, &kLimitReached, DeadReason::kLimit}},
    Row{.statuses = S::kWriteError,
        .says = "partial write",
        .and_says = "pending deletion",
        .verdict = {.action = kPartial,
                    .cause = kRejectedLines,
                    .text = &kSomeRefused,
                    .retry_first = true}},
    Row{.statuses = S::kWriteError,
        .says = "partial write",
        .verdict = {kPartial, kRejectedLines, &kSomeRefused}},
    Row{.statuses = S::k400,
        .says = "unable to parse",
        .verdict = {kSplit, kRejectedLines, &kUnparsable}},
    // Precede the row on lines: v2 calls the request's parameters "invalid" too.
    Row{.statuses = S::k400,
        .says = "invalid precision",
        .verdict = {kHold, kMisconfigured, &kBadRequest}},
    Row{.statuses = S::k400,
        .says = "provide either orgID or org",
        .verdict = {kHold, kMisconfigured, &kNoOrganisation}},
    Row{.statuses = S::k400,
        .says = "\"code\":\"invalid\"",
        .verdict = {kSplit, kRejectedLines, &kUnparsable}},
    Row{.statuses = S::k400,
        .says = "line protocol parsing error",
        .verdict = {kSplit, kRejectedLines, &kUnparsable}},
    Row{.statuses = S::k400,
        .says = "incoming write was empty",
        .verdict = {kDelivered, kNone, &kDone}},
    // With 500 it is permanent too.
    Row{.statuses = S::kWriteError,
        .says = "field type conflict",
        .verdict = {kSplit, kRejectedLines, &kConflict}},
    Row{.statuses = S::k400,
        .says = "database is required",
        .verdict = {kHold, kMisconfigured, &kBadRequest}},
    Row{.statuses = S::k400,
        .says = "invalid consistency level",
        .verdict = {kHold, kMisconfigured, &kBadRequest}},
    Row{.statuses = S::k400,
        .says = "missing db",
        .verdict = {kHold, kMisconfigured, &kBadRequest}},
    Row{.statuses = S::k401or403, .verdict = {kHold, kCredentials, &kNoCredentials}},
    Row{.statuses = S::k404,
        .says = "\"message\":\"organization name",
        .verdict = {kHold, kMisconfigured, &kNoOrganisation}},
    Row{.statuses = S::k404,
        .says = "database not found",
        .verdict = {kHold, kMissingDatabase, &kNoDatabase}},
    Row{.statuses = S::k404,
        .says = "bucket",
        .and_says = "not found",
        .verdict = {kHold, kMissingDatabase, &kNoDatabase}},
    Row{.statuses = S::k404,
        .says = "no dbrp mapping found",
        .verdict = {kHold, kMissingDatabase, &kNoDatabase}},
    // Any other 404 is no line's fault.
    Row{.statuses = S::k404, .verdict = {kHold, kMisconfigured, &kNotInflux}},
    // InfluxDB 1.x answers 500 here; retrying at full speed would never end.
    Row{.statuses = S::k500,
        .says = "retention policy not found",
        .verdict = {kHold, kMissingPolicy, &kNoPolicy}},
    Row{.statuses = S::k429or503, .verdict = {kRetry, kOverloaded, &kBusy}},
    Row{.statuses = S::k500,
        .says = "cache-max-memory-size exceeded",
        .verdict = {kRetry, kSaturated, &kBusy}},
    Row{.statuses = S::k500,
        .says = "hinted handoff queue not empty",
        .verdict = {kDelivered, kNone, &kDone}},
    Row{.statuses = S::k408or499or504, .verdict = {kRetry, kOverloaded, &kBusy}},
    // The body says that the fault is the backend's, not the lines'.
    Row{.statuses = S::k5xx, .says = "timeout", .verdict = {kRetry, kOverloaded, &kFailing}},
    Row{.statuses = S::k5xx, .says = "queue is full", .verdict = {kRetry, kOverloaded, &kBusy}},
    Row{.statuses = S::k500,
        .says = "engine is closed",
        .verdict = {kRetry, kBackendFault, &kFailing}},
    Row{.statuses = S::k500,
        .says = "shard is disabled",
        .verdict = {kRetry, kBackendFault, &kFailing}},
    Row{.statuses = S::k502, .verdict = {kRetry, kBackendFault, &kFailing}},
    Row{.statuses = S::k5xx, .verdict = {kRetry, kUnexplained, &kFailing}},
    Row{.statuses = S::k4xx, .verdict = {kSplit, kRejectedLines, &kLinesRefused}},
};

// Answers a status that no row expects: below 200, or from 600 on.
constexpr Verdict kNoSuchStatus{kHold, kMisconfigured, &kNotInflux};

bool IsHtml(const Reply& reply) {
  const std::size_t start = reply.body.find_first_not_of(" \t\r\n");
  return reply.content_type.starts_with("text/html") ||
         (start != std::string::npos && reply.body[start] == '<');
}

bool Matches(const Row& row, const Reply& reply) {
  if (!Includes(row.statuses, reply.http_status)) return false;
  if (row.body == Body::kEmptyOfV1 && !(reply.body.empty() && reply.api == Api::kV1)) return false;
  if (row.body == Body::kHtml && !IsHtml(reply)) return false;
  return reply.body.find(row.says) != std::string::npos &&
         reply.body.find(row.and_says) != std::string::npos;
}

// InfluxDB 1.x ends a partial write's message with "dropped=N". Anywhere else in the
// message it is a client's text, which the message repeats.
std::optional<PointCount> DroppedIn(std::string_view body) {
  constexpr std::string_view kMark = "dropped=";
  const std::size_t at = body.rfind(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = body.substr(at + kMark.size());
  const char* const end = digits.data() + digits.size();
  PointCount count = 0;
  const auto parsed = std::from_chars(digits.data(), end, count);
  const bool ends =
      std::string_view(parsed.ptr, end).find_first_not_of("\"} \r\n") == std::string_view::npos;
  if (parsed.ec != std::errc() || !ends) return std::nullopt;
  return count;
}

// Judges an attempt that got no answer.
Verdict JudgeSilence(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kNotFound: return {kRetry, kMisconfigured, &kNotFound};
    case ErrorCode::kInvalidInput: return {kRetry, kMisconfigured, &kNotTrusted};
    default: return {kRetry, kUnreachable, &kSilent};
  }
}

std::optional<std::chrono::seconds> SecondsUntilDate(std::string_view text, WallTime now) {
  std::tm date{};
  const std::string copy(text);
  const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const std::chrono::sys_seconds then{std::chrono::seconds(timegm(&date))};
  return then - std::chrono::floor<std::chrono::seconds>(now);
}

void Replace(std::string& text, std::string_view mark, std::string_view name) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    text.replace(at, mark.size(), name);
    at += name.size();
  }
}

}  // namespace

bool SlowsDown(Cause cause) {
  return cause == kOverloaded || cause == kSaturated || cause == kUnreachable;
}

bool Rests(Cause cause) {
  return cause == kSaturated;
}

bool MayCreate(Cause cause) {
  return cause == kMissingDatabase;
}

bool SuspectsPoison(Cause cause) {
  return cause == kUnexplained;
}

bool ConcernsLane(Cause cause) {
  return cause == kMissingDatabase || cause == kMissingPolicy;
}

std::string Remedy(std::string_view remedy, std::string_view backend, const WriteParams& params) {
  std::string text(remedy);
  Replace(text, "{backend}", backend);
  Replace(text, "{policy}", params.retention_policy);
  Replace(text, "{database}", params.database);
  return text;
}

std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view text, WallTime now) {
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  std::optional<std::chrono::seconds> wait;
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) {
    wait = std::chrono::seconds(number);
  } else {
    wait = SecondsUntilDate(text, now);
  }
  if (!wait) return std::nullopt;
  return std::clamp<std::chrono::milliseconds>(*wait, std::chrono::milliseconds(0), kRetryAfterMax);
}

Verdict Judge(const Result<Reply>& answer, WallTime now) {
  if (!answer.ok()) return JudgeSilence(answer.error());
  const Reply& reply = answer.value();
  const auto* const row =
      std::find_if(kTable.begin(), kTable.end(),
                   [&reply](const Row& candidate) { return Matches(candidate, reply); });
  if (row == kTable.end()) return kNoSuchStatus;
  Verdict verdict = row->verdict;
  verdict.retry_after = ParseRetryAfter(reply.retry_after, now);
  if (verdict.action == kPartial) verdict.dropped = DroppedIn(reply.body);
  return verdict;
}

}  // namespace relay
