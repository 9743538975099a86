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
  kWriteError,   // 400, 422 or 500: versions differ in which they use.
  kServerError,  // 400, 422, 500 or 507: the message tells whose fault it is.
  k502,
  k508,
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
    case Statuses::kServerError:
      return status == 400 || status == 422 || status == 500 || status == 507;
    case Statuses::k502: return status == 502;
    case Statuses::k508: return status == 508;
    case Statuses::k5xx: return status / 100 == 5;
  }
  INVARIANT(false);
}

enum class Body : std::uint8_t { kAny, kEmptyOfV1, kHtml, kOfPrometheus, kEmptyOfPrometheus };

struct Row {
  Statuses statuses;
  Body body = Body::kAny;
  std::string_view says = {};  // Found in the body. Empty: any body.
  std::string_view and_says = {};
  // `says` counts only in front of whatever speaks of the lines: behind that stands clients' text.
  bool of_server = false;
  Verdict verdict;
};

// In remedies "{backend}", "{database}" and "{policy}" stand for names.
constexpr Explanation kDone{"delivered", ""};
constexpr Explanation kNotInflux{"the answer is not InfluxDB's: wrong URL, or a proxy",
                                 "check the url of {backend} in the configuration", Command::kPing};
constexpr Explanation kRedirected{
    "the backend redirects writes to another address",
    "set the url of {backend} in the configuration to the address that it redirects to, or, on the "
    "same host, set its follow_redirects: same-host",
    Command::kPing};
constexpr Explanation kLoop{
    "a loop: the write has passed the relay at this url before",
    "correct the url of {backend}, or give it to a listener that does not send back: {backend} is "
    "a "
    "relay, and one of the backends on its way leads back to where the write has been"};
constexpr Explanation kBodyLost{"the backend received a write without its lines",
                                "check what stands between the relay and {backend}"};
constexpr Explanation kExpired{"points are older than the retention policy keeps", ""};
constexpr Explanation kLimitReached{"a limit on series or tag values is reached", ""};
constexpr Explanation kSomeRefused{"some points were refused", ""};
constexpr Explanation kUnparsable{"lines were refused: not line protocol", ""};
constexpr Explanation kConflict{"a field has another type on the backend", ""};
constexpr Explanation kRequestTooLarge{"the request was too large", ""};
constexpr Explanation kNotSent{"lines cannot be sent to the backend", ""};
constexpr Explanation kBadName{"a name is not allowed on the backend", ""};
constexpr Explanation kNoDatabase{"the database does not exist on the backend",
                                  "create database \"{database}\" on {backend}, or set its "
                                  "create_databases",
                                  Command::kCreate};
constexpr Explanation kNoPolicy{
    "the retention policy does not exist on the backend",
    "create retention policy \"{policy}\" of database \"{database}\" on "
    "{backend}, or set its create_databases",
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
// An InfluxDB 1.x keeps the error of its first failed write until it is restarted.
constexpr Explanation kDiskFull{
    "the backend's disk is full",
    "make room on the disk of {backend}; restart it if it goes on refusing with room"};
constexpr Explanation kDiskFailing{"the backend cannot write to its disk",
                                   "check the disk of {backend} and the log of {backend}"};
constexpr Explanation kFilesExhausted{"the backend has too many open files",
                                      "raise the limit of open files of {backend}"};
constexpr Explanation kMemoryExhausted{"the backend is out of memory",
                                       "give {backend} more memory, or set a lower rate for it"};
constexpr Explanation kShardClosed{"a shard of the backend does not open or is closed",
                                   "check the log of {backend}"};
constexpr Explanation kNotUnderstood{
    "the backend refuses lines for a reason that the relay does not know",
    "check the last answer and the log of {backend}; set its on_unknown_refusal: dead to give up "
    "all "
    "such lines as dead letters, or give up those that wait now"};
constexpr Explanation kSilent{"no answer", "check that {backend} runs and can be reached from here",
                              Command::kPing};
constexpr Explanation kEnds{"the connection ended without an answer",
                            "check that {backend} runs, and the log of {backend}", Command::kPing};
constexpr Explanation kNoOrganisation{"the organisation does not exist on the backend",
                                      "check the org of {backend} in the configuration"};
constexpr Explanation kNotFound{"the host cannot be resolved, or a configured file is missing",
                                "check the url and the files of {backend} in the configuration",
                                Command::kPing};
constexpr Explanation kNotTrusted{
    "cannot connect with the configured TLS settings or credentials",
    "check the tls and the credentials of {backend} in the configuration", Command::kPing};

using enum Action;
using enum Cause;
using S = Statuses;

constexpr Row OfServer(std::string_view says, Cause cause, const Explanation& text) {
  return {.statuses = S::kServerError,
          .says = says,
          .of_server = true,
          .verdict = {kRetry, cause, &text}};
}

constexpr Row Partial(std::string_view says, const Explanation& text,
                      DeadReason reason = DeadReason::kRefused, Cause cause = kRejectedLines) {
  return {.statuses = S::kWriteError,
          .says = "partial write",
          .and_says = says,
          .verdict = {kPartial, cause, &text, reason}};
}

// The messages about lines, as far as clients' text stands behind them.
constexpr std::array<std::string_view, 25> kAboutLines = {
    "input field \\\"", "error adding field", "not valid utf8", "not sent: ", "field type conflict",
    "unable to parse", "invalid tag key", "invalid field name", "invalid unicode",
    "max key length exceeded", "max-series-per-database", "max-values-per-tag",
    "beyond retention policy", "outside retention policy", "partial write of line",
    "line protocol parsing error", "line protocol parse failed", "incorrect influx line",
    "too long line",
    // Prometheus, Cortex and Mimir say these.
    "err-mimir-", "series=", "label", "out of order sample", "out of bounds", "duplicate sample"};

constexpr std::array kTable = {
    Row{.statuses = S::k204, .verdict = {kDelivered, kNone, &kDone}},
    Row{.statuses = S::k200, .body = Body::kEmptyOfV1, .verdict = {kDelivered, kNone, &kDone}},
    // Mimir answers 200, others 202 or 204.
    Row{.statuses = S::k2xx,
        .body = Body::kEmptyOfPrometheus,
        .verdict = {kDelivered, kNone, &kDone}},
    // A captive portal or a web page answers 200 to everything.
    Row{.statuses = S::k2xx,
        .verdict =
            {.action = kHold, .cause = kMisconfigured, .text = &kNotInflux, .retry_first = true}},
    Row{.statuses = S::k3xx, .verdict = {kHold, kMisconfigured, &kRedirected}},
    // VictoriaMetrics answers a wrong path with 400.
    Row{.statuses = S::k400,
        .says = "unsupported path requested",
        .of_server = true,
        .verdict = {kHold, kMisconfigured, &kNotInflux}},
    Row{.statuses = S::k404,
        .says = "404 page not found",
        .verdict = {kHold, kMisconfigured, &kNotInflux}},
    Row{.statuses = S::k405, .verdict = {kHold, kMisconfigured, &kNotInflux}},
    // Come before the next but one: a proxy says so in HTML.
    Row{.statuses = S::k408or499or504, .verdict = {kRetry, kOverloaded, &kBusy}},
    Row{.statuses = S::k429or503, .verdict = {kRetry, kOverloaded, &kBusy}},
    // Comes before the next row: a proxy with a limit of its own (nginx: 1 MB)
    // answers in HTML, and waiting would not make the request smaller.
    Row{.statuses = S::k413, .verdict = {kSplit, kTooLarge, &kRequestTooLarge, DeadReason::kLimit}},
    Row{.statuses = S::k4xx, .body = Body::kHtml, .verdict = {kHold, kMisconfigured, &kNotInflux}},
    // Enterprise queues the write in the hinted handoff by itself.
    Row{.statuses = S::k500,
        .says = "hinted handoff queue not empty",
        .of_server = true,
        .verdict = {kDelivered, kNone, &kDone}},
    Row{.statuses = S::k500,
        .says = "database not found",
        .of_server = true,
        .verdict = {kHold, kMissingDatabase, &kNoDatabase}},
    OfServer("no space left", kBackendFault, kDiskFull),
    OfServer("too many open files", kBackendFault, kFilesExhausted),
    OfServer("read-only file system", kBackendFault, kDiskFailing),
    OfServer("input/output error", kBackendFault, kDiskFailing),
    OfServer("permission denied", kBackendFault, kDiskFailing),
    OfServer("quota exceeded", kBackendFault, kDiskFull),
    OfServer("cannot allocate memory", kBackendFault, kMemoryExhausted),
    OfServer("cache-max-memory-size exceeded", kSaturated, kBusy),
    OfServer("hinted handoff", kBackendFault, kFailing),
    OfServer("timeout", kOverloaded, kFailing),
    OfServer("queue is full", kOverloaded, kBusy),
    OfServer("write pool", kOverloaded, kBusy),
    OfServer("engine is closed", kBackendFault, kShardClosed),
    OfServer("shard is disabled", kBackendFault, kShardClosed),
    OfServer("[shard ", kBackendFault, kShardClosed),
    OfServer("not attempting to open shard", kBackendFault, kShardClosed),
    OfServer("pending deletion", kBackendFault, kShardClosed),
    OfServer("shard not found", kBackendFault, kShardClosed),
    OfServer("series file closed", kBackendFault, kShardClosed),
    OfServer("error loading", kBackendFault, kShardClosed),
    OfServer("series segment", kBackendFault, kDiskFailing),
    OfServer("fields.idx", kBackendFault, kDiskFailing),
    OfServer("error syncing wal", kBackendFault, kDiskFailing),
    OfServer("WAL closed", kBackendFault, kShardClosed),
    OfServer("context deadline exceeded", kOverloaded, kFailing),
    OfServer("overloaded", kOverloaded, kBusy),
    OfServer("store is closed", kBackendFault, kShardClosed),
    OfServer("index is closing", kBackendFault, kShardClosed),
    OfServer("partition closed", kBackendFault, kShardClosed),
    OfServer("/_series/", kBackendFault, kDiskFailing),
    OfServer("flush segment", kBackendFault, kDiskFailing),
    OfServer("error writing WAL", kBackendFault, kDiskFailing),
    OfServer("error rolling WAL", kBackendFault, kDiskFailing),
    // InfluxDB 3 answers 400 to them at /api/v2/write.
    OfServer("error from wal", kBackendFault, kDiskFailing),
    OfServer("error from persister", kBackendFault, kDiskFailing),
    OfServer("catalog update error", kBackendFault, kFailing),
    // VictoriaMetrics answers 400, not 413.
    Row{.statuses = S::k400,
        .says = "too big data size exceeding",
        .verdict = {kSplit, kTooLarge, &kRequestTooLarge, DeadReason::kLimit}},
    Row{.statuses = S::k400,
        .says = "too big decompressed data size",
        .verdict = {kSplit, kTooLarge, &kRequestTooLarge, DeadReason::kLimit}},
    Row{.statuses = S::k400,
        .says = "too long line",
        .verdict = {kSplit, kRejectedLines, &kLimitReached, DeadReason::kLimit}},
    Row{.statuses = S::k400,
        .says = "incorrect influx line",
        .verdict = {kSplit, kRejectedLines, &kUnparsable}},
    // The relay itself says so: packets cannot carry everything.
    Row{.statuses = S::kWriteError,
        .says = "not sent: ",
        .verdict = {kSplit, kRejectedLines, &kNotSent}},
    Row{.statuses = S::kWriteError,
        .says = "points beyond retention policy",
        .verdict = {kPartial, kRejectedLines, &kExpired, DeadReason::kExpired}},
    Row{.statuses = S::kWriteError,
        .says = "outside retention policy",
        .verdict = {kPartial, kRejectedLines, &kExpired, DeadReason::kExpired}},
    Partial("max-series-per-database", kLimitReached, DeadReason::kLimit),
    Partial("max-values-per-tag", kLimitReached, DeadReason::kLimit),
    Partial("field type conflict", kConflict),
    Partial("unable to parse", kUnparsable),
    // InfluxDB from 1.12.3 on has stored such a point, but for its field `time`.
    Partial("has been stripped from point", kBadName, DeadReason::kRefused, kFieldDropped),
    Partial("is too long", kLimitReached, DeadReason::kLimit),
    Partial("invalid tag key", kBadName),
    Partial("invalid field name", kBadName),
    Partial("key contains invalid unicode", kBadName),
    Partial("max key length exceeded", kLimitReached, DeadReason::kLimit),
    // InfluxDB 3 gives the reason of each line.
    Row{.statuses = S::kWriteError,
        .says = "partial write of line protocol occurred",
        .verdict = {kPartial, kRejectedLines, &kSomeRefused}},
    Row{.statuses = S::kWriteError,
        .says = "partial write",
        .verdict = {kPartial, kUnknownRefusal, &kNotUnderstood}},
    Row{.statuses = S::kWriteError,
        .says = "not valid utf8",
        .verdict = {kSplit, kRejectedLines, &kUnparsable}},
    Row{.statuses = S::kWriteError,
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
        .says = "line protocol parse failed",
        .verdict = {kSplit, kRejectedLines, &kUnparsable}},
    Row{.statuses = S::k400,
        .says = "line protocol parsing error",
        .verdict = {kSplit, kRejectedLines, &kUnparsable}},
    Row{.statuses = S::k400,
        .says = "incoming write was empty",
        .verdict =
            {.action = kHold, .cause = kMisconfigured, .text = &kBodyLost, .retry_first = true}},
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
    // The body says that the fault is the backend's, not the lines'.
    Row{.statuses = S::k5xx, .says = "timeout", .verdict = {kRetry, kOverloaded, &kFailing}},
    Row{.statuses = S::k5xx, .says = "queue is full", .verdict = {kRetry, kOverloaded, &kBusy}},
    Row{.statuses = S::k502, .verdict = {kRetry, kBackendFault, &kFailing}},
    // Another relay says so, or this one to itself. No line's fault, and no time mends it.
    Row{.statuses = S::k508, .says = "loop: ", .verdict = {kHold, kMisconfigured, &kLoop}},
    Row{.statuses = S::k5xx, .verdict = {kRetry, kUnexplained, &kFailing}},
    // Remote write says 400 where samples are invalid (out of order, a bad label, a limit of
    // series), and that such a request is not to be repeated; Mimir has taken the others by then.
    Row{.statuses = S::k400,
        .body = Body::kOfPrometheus,
        .verdict = {kSplit, kRejectedLines, &kSomeRefused}},
    Row{.statuses = S::k4xx, .verdict = {kSplit, kUnknownRefusal, &kNotUnderstood}},
};

// Answers a status that no row expects: below 200, or from 600 on.
constexpr Verdict kNoSuchStatus{kHold, kMisconfigured, &kNotInflux};

bool IsHtml(const Reply& reply) {
  const std::size_t start = reply.body.find_first_not_of(" \t\r\n");
  return reply.content_type.starts_with("text/html") ||
         (start != std::string::npos && reply.body[start] == '<');
}

bool SpeaksOfLines(std::string_view text) {
  return std::any_of(kAboutLines.begin(), kAboutLines.end(), [text](std::string_view about) {
    return text.find(about) != std::string_view::npos;
  });
}

bool Matches(const Row& row, const Reply& reply) {
  if (!Includes(row.statuses, reply.http_status)) return false;
  if (row.body == Body::kEmptyOfV1 && !(reply.body.empty() && reply.api == Api::kV1)) return false;
  if (row.body == Body::kHtml && !IsHtml(reply)) return false;
  const bool is_prometheus = reply.api == Api::kPrometheus;
  if (row.body == Body::kOfPrometheus && !is_prometheus) return false;
  if (row.body == Body::kEmptyOfPrometheus && !(reply.body.empty() && is_prometheus)) return false;
  const std::size_t at = reply.body.find(row.says);
  if (at == std::string::npos) return false;
  if (row.of_server && SpeaksOfLines(std::string_view(reply.body).substr(0, at))) return false;
  return reply.body.find(row.and_says) != std::string::npos;
}

// InfluxDB 2.x says "partial write: dropped N points outside retention policy".
std::optional<PointCount> DroppedOutsideIn(std::string_view body) {
  constexpr std::string_view kMark = "partial write: dropped ";
  const std::size_t at =
      body.find("partial write: ");  // Behind the first, clients' text may stand.
  if (at == std::string_view::npos || !body.substr(at).starts_with(kMark)) return std::nullopt;
  const std::string_view digits = body.substr(at + kMark.size());
  PointCount count = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, count);
  const bool counts = std::string_view(parsed.ptr, end).starts_with(" points outside retention");
  return parsed.ec == std::errc() && counts ? std::optional(count) : std::nullopt;
}

// InfluxDB 1.x ends a partial write's message with "dropped=N". Anywhere else in the
// message it is a client's text, which the message repeats.
std::optional<PointCount> DroppedIn(std::string_view body) {
  if (const auto outside = DroppedOutsideIn(body)) return outside;
  constexpr std::string_view kMark = "dropped=";
  const std::size_t at = body.rfind(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = body.substr(at + kMark.size());
  const char* const end = digits.data() + digits.size();
  PointCount count = 0;
  const auto parsed = std::from_chars(digits.data(), end, count);
  const std::string_view behind(parsed.ptr, end);
  const bool ends = behind.find_first_not_of("\"} \r\n") == std::string_view::npos ||
                    behind.starts_with(" for database: ");  // InfluxDB 1.12.
  if (parsed.ec != std::errc() || !ends) return std::nullopt;
  return count;
}

// Judges an attempt that got no answer.
Verdict JudgeSilence(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kNotFound: return {kRetry, kMisconfigured, &kNotFound};
    case ErrorCode::kInvalidInput: return {kRetry, kMisconfigured, &kNotTrusted};
    case ErrorCode::kBrokenOff: return {kRetry, kBrokenOff, &kEnds};
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
  return cause == kOverloaded || cause == kSaturated || cause == kUnreachable ||
         cause == kBrokenOff;
}

bool Rests(Cause cause) {
  return cause == kSaturated;
}

bool MayCreate(Cause cause) {
  return cause == kMissingDatabase || cause == kMissingPolicy;
}

bool SuspectsPoison(Cause cause) {
  return cause == kUnexplained || cause == kBrokenOff;
}

bool ConcernsLane(Cause cause) {
  return cause == kMissingDatabase || cause == kMissingPolicy;
}

const Explanation& UnknownRefusal() {
  return kNotUnderstood;
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
  // Counts the series that a batch would add: a smaller one may be accepted.
  const bool depends_on_size =
      reply.body.find("max-series-per-database exceeded") != std::string::npos;
  if (verdict.action == kPartial && !depends_on_size) verdict.dropped = DroppedIn(reply.body);
  return verdict;
}

}  // namespace relay
