#include "replay/transport/verdict.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>
#include <string>

namespace relay {
namespace {

// Which statuses a row is about.
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
  k408or499or504,  // It took somebody in between too long.
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

// The words for a person: what is wrong, and what can be done about it, where
// "{backend}", "{database}" and "{policy}" stand for names.
struct Why {
  std::string_view words;
  std::string_view remedy;
  Command command = Command::kNone;
};

struct Row {
  Statuses statuses;
  Body body;
  std::string_view says;  // Found in the body; empty: whatever it says.
  std::string_view and_says;
  Verdict verdict;
};

constexpr Row On(Statuses statuses, std::string_view says, Action action, const Why& why) {
  return {statuses,
          Body::kAny,
          says,
          "",
          {.action = action, .why = why.words, .remedy = why.remedy, .command = why.command}};
}

constexpr Row And(Row row, std::string_view and_says) {
  row.and_says = and_says;
  return row;
}

constexpr Row With(Row row, Body body) {
  row.body = body;
  return row;
}

constexpr Row Because(Row row, DeadReason reason) {
  row.verdict.reason = reason;
  return row;
}

constexpr Row TooLarge(Row row) {
  row.verdict.too_large = true;
  row.verdict.reason = DeadReason::kLimit;
  return row;
}

constexpr Row TryAgainFirst(Row row) {
  row.verdict.try_again_first = true;
  return row;
}

constexpr Row RestLong(Row row) {
  row.verdict.rest_long = true;
  return row;
}

constexpr Row OfLane(Row row) {
  row.verdict.concerns = Concerns::kLane;
  return row;
}

constexpr Row OfCredentials(Row row) {
  row.verdict.of_credentials = true;
  return row;
}

constexpr Row MayCreate(Row row) {
  row.verdict.may_create = true;
  return OfLane(row);
}

constexpr Row Overloaded(Row row) {
  row.verdict.overloaded = true;
  return row;
}

constexpr Row PoisonSuspected(Row row) {
  row.verdict.poison_suspected = true;
  return row;
}

constexpr Why kDone{"delivered", ""};
constexpr Why kNotInflux{"the answer is not InfluxDB's: wrong URL, or a proxy",
                         "check the url of {backend} in the configuration", Command::kPing};
constexpr Why kExpired{"points are older than the retention policy keeps", ""};
constexpr Why kLimitReached{"a limit on series or tag values is reached", ""};
constexpr Why kSomeRefused{"some points were refused", ""};
constexpr Why kUnparsable{"lines were refused as not line protocol", ""};
constexpr Why kConflict{"a field has another type there", ""};
constexpr Why kTooLarge{"the request was too large", ""};
constexpr Why kLinesRefused{"the backend refused the lines", ""};
constexpr Why kNoDatabase{"the database does not exist there",
                          "create database \"{database}\" on {backend}, or set its "
                          "create_databases",
                          Command::kCreate};
constexpr Why kNoPolicy{"the retention policy does not exist there",
                        "create retention policy \"{policy}\" of database \"{database}\" on "
                        "{backend}",
                        Command::kCreate};
constexpr Why kNoCredentials{"the credentials were refused",
                             "give {backend} the right user and password or token; they are read "
                             "again by themselves"};
constexpr Why kBadRequest{"the request's parameters were refused",
                          "check the api and the url of {backend} in the configuration"};
constexpr Why kOverloaded{"the backend is overloaded",
                          "see how {backend} is doing; a lower rate can be set for it"};
constexpr Why kFailing{"the backend failed to write", "see what {backend} itself says in its log"};
constexpr Why kSilent{"no answer", "see whether {backend} runs and can be reached from here",
                      Command::kPing};
constexpr Why kNoOrganisation{"the organisation is not known there",
                              "check the org of {backend} in the configuration"};
constexpr Why kNotFound{"it, or a file it needs, is not there",
                        "check the url and the files of {backend} in the configuration",
                        Command::kPing};
constexpr Why kNotTrusted{"it cannot be asked in the way that is configured",
                          "check the tls and the credentials of {backend} in the configuration",
                          Command::kPing};

using enum Action;
using S = Statuses;

constexpr std::array kTable = {
    On(S::k204, "", kDelivered, kDone),
    With(On(S::k200, "", kDelivered, kDone), Body::kEmptyOfV1),
    // A captive portal or a web page answers 200 to everything.
    TryAgainFirst(On(S::k2xx, "", kHold, kNotInflux)),
    On(S::k3xx, "", kHold, kNotInflux),
    // VictoriaMetrics says 400 of a wrong path.
    On(S::k400, "unsupported path requested", kHold, kNotInflux),
    On(S::k404, "404 page not found", kHold, kNotInflux),
    On(S::k405, "", kHold, kNotInflux),
    // Before the next row: of a proxy with a limit of its own (nginx: 1 MB), which
    // answers in HTML, waiting would not make the request smaller.
    TooLarge(On(S::k413, "", kSplit, kTooLarge)),
    With(On(S::k4xx, "", kHold, kNotInflux), Body::kHtml),
    Because(On(S::kWriteError, "points beyond retention policy", kPartial, kExpired),
            DeadReason::kExpired),
    Because(On(S::kWriteError, "outside retention policy", kPartial, kExpired),
            DeadReason::kExpired),
    Because(And(On(S::kWriteError, "partial write", kPartial, kLimitReached),
                "max-series-per-database"),
            DeadReason::kLimit),
    Because(And(On(S::kWriteError, "partial write", kPartial, kLimitReached), "max-values-per-tag"),
            DeadReason::kLimit),
    TryAgainFirst(
        And(On(S::kWriteError, "partial write", kPartial, kSomeRefused), "pending deletion")),
    On(S::kWriteError, "partial write", kPartial, kSomeRefused),
    On(S::k400, "unable to parse", kSplit, kUnparsable),
    // v2 says "invalid" of the request's parameters too: before the row on lines.
    On(S::k400, "invalid precision", kHold, kBadRequest),
    On(S::k400, "provide either orgID or org", kHold, kNoOrganisation),
    On(S::k400, "\"code\":\"invalid\"", kSplit, kUnparsable),
    On(S::k400, "line protocol parsing error", kSplit, kUnparsable),
    On(S::k400, "incoming write was empty", kDelivered, kDone),
    // The 500 form is permanent too.
    On(S::kWriteError, "field type conflict", kSplit, kConflict),
    On(S::k400, "database is required", kHold, kBadRequest),
    On(S::k400, "invalid consistency level", kHold, kBadRequest),
    On(S::k400, "missing db", kHold, kBadRequest),
    OfCredentials(On(S::k401or403, "", kHold, kNoCredentials)),
    On(S::k404, "\"message\":\"organization name", kHold, kNoOrganisation),
    MayCreate(On(S::k404, "database not found", kHold, kNoDatabase)),
    MayCreate(And(On(S::k404, "bucket", kHold, kNoDatabase), "not found")),
    MayCreate(On(S::k404, "no dbrp mapping found", kHold, kNoDatabase)),
    // Whatever else is not there, it is no line's fault.
    On(S::k404, "", kHold, kNotInflux),
    // InfluxDB 1.x answers 500 here; retrying at full speed would never end.
    OfLane(On(S::k500, "retention policy not found", kHold, kNoPolicy)),
    Overloaded(On(S::k429or503, "", kRetry, kOverloaded)),
    RestLong(Overloaded(On(S::k500, "cache-max-memory-size exceeded", kRetry, kOverloaded))),
    On(S::k500, "hinted handoff queue not empty", kDelivered, kDone),
    Overloaded(On(S::k408or499or504, "", kRetry, kOverloaded)),
    // Says that it is the backend's trouble, not the lines'.
    Overloaded(On(S::k5xx, "timeout", kRetry, kFailing)),
    Overloaded(On(S::k5xx, "queue is full", kRetry, kOverloaded)),
    On(S::k500, "engine is closed", kRetry, kFailing),
    On(S::k500, "shard is disabled", kRetry, kFailing),
    On(S::k502, "", kRetry, kFailing),
    PoisonSuspected(On(S::k5xx, "", kRetry, kFailing)),
    On(S::k4xx, "", kSplit, kLinesRefused),
};

// What none of the rows expects: a status below 200 or from 600 on.
constexpr Verdict kNoSuchStatus{.action = kHold,
                                .why = kNotInflux.words,
                                .remedy = kNotInflux.remedy,
                                .command = kNotInflux.command};

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

// InfluxDB 1.x ends a partial write's message with "dropped=N". Elsewhere it is
// text of a client's, which the message repeats.
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

// What keeps an attempt from being answered.
Verdict JudgeSilence(const Error& error) {
  const auto retry = [](const Why& why, bool of_the_set_up) {
    return Verdict{.action = kRetry,
                   .why = why.words,
                   .remedy = why.remedy,
                   .command = why.command,
                   .of_the_set_up = of_the_set_up,
                   .overloaded = !of_the_set_up};
  };
  switch (error.code()) {
    case ErrorCode::kNotFound: return retry(kNotFound, true);
    case ErrorCode::kInvalidInput: return retry(kNotTrusted, true);
    default: return retry(kSilent, false);
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
