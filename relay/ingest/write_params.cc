#include "relay/ingest/write_params.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "wal/base/ascii.h"
#include "wal/base/precision.h"
#include "wal/record/lane_rename.h"

namespace relay {
namespace {

// Control characters could reach a log, a URL or a terminal.
bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

// Longer than any in use; bounds the size of a record.
constexpr std::size_t kNameMax = 512;

Result<Precision> ParsePrecision(std::string_view text, PrecisionDialect dialect,
                                 std::string_view besides = "") {
  const std::optional<Precision> precision = PrecisionNamed(text, dialect);
  if (precision) return *precision;
  return Error(ErrorCode::kInvalidInput, fmt::format("invalid precision \"{}\" (use {}{})", text,
                                                     besides, ListPrecisions(dialect)));
}

Result<bool> ParseFlag(const QueryParameters& parameters, std::string_view name, bool otherwise) {
  const std::string& text = parameters.Get(name);
  if (text.empty()) return otherwise;
  if (text == "true") return true;
  if (text == "false") return false;
  return Error(ErrorCode::kInvalidInput,
               fmt::format("invalid {} \"{}\" (use true or false)", name, text));
}

Status CheckNames(const WriteParams& params) {
  if (params.database.size() > kNameMax || params.retention_policy.size() > kNameMax) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("database or retention policy is longer than {} bytes", kNameMax));
  }
  if (HasControlCharacter(params.database) || HasControlCharacter(params.retention_policy)) {
    return Error(ErrorCode::kInvalidInput, "control character in database or retention policy");
  }
  return Ok();
}

Result<WriteQuery> ParseV1(const QueryParameters& parameters) {
  WriteQuery query;
  query.params.api = Api::kV1;
  query.params.database = parameters.Get("db");
  query.params.retention_policy = parameters.Get("rp");
  if (query.params.database.empty()) {
    return Error(ErrorCode::kInvalidInput, "database is required");
  }
  const std::string& precision_name = parameters.Get("precision");
  ASSIGN_OR_RETURN(query.params.precision, ParsePrecision(precision_name, PrecisionDialect::kV1));
  query.may_be_nanoseconds = precision_name == "us";
  ASSIGN_OR_RETURN(query.consistency, ParseConsistency(parameters.Get("consistency")));
  return query;
}

// A bucket is a database, or a database and a policy, as for 1.x servers. A name that does not say
// which is kept whole, as the name of a database, for servers that have such buckets.
Result<WriteQuery> ParseV2(const QueryParameters& parameters, BucketNames buckets) {
  WriteQuery query{.all_or_nothing = true};
  query.params.api = Api::kV2;
  const std::string& bucket = parameters.Get("bucket");
  query.params.database = bucket;
  const std::size_t slash = bucket.find('/');
  const bool says_which = slash != 0 && slash + 1 != bucket.size();
  if (says_which || buckets == BucketNames::kOfDatabases) {
    query.params = AsDatabase(std::move(query.params));
  }
  if (bucket.empty()) {
    return Error(ErrorCode::kNotFound,
                 "bucket is required: a database, or database/retention-policy");
  }
  if (slash == 0 && buckets == BucketNames::kOfDatabases) {
    return Error(
        ErrorCode::kNotFound,
        fmt::format("bucket name \"{}\" is in db/rp form but has an empty database", bucket));
  }
  ASSIGN_OR_RETURN(query.params.precision,
                   ParsePrecision(parameters.Get("precision"), PrecisionDialect::kV2));
  return query;
}

Result<WriteQuery> ParseV3(const QueryParameters& parameters) {
  WriteQuery query;
  query.params.api = Api::kV3;
  query.params.database = parameters.Get("db");
  if (query.params.database.empty()) {
    return Error(ErrorCode::kInvalidInput, "missing query parameter: db");
  }
  const std::string& precision_name = parameters.Get("precision");
  query.guess_times = precision_name.empty() || precision_name == "auto";
  if (!query.guess_times) {
    ASSIGN_OR_RETURN(query.params.precision,
                     ParsePrecision(precision_name, PrecisionDialect::kV3, "auto, "));
  }
  ASSIGN_OR_RETURN(bool partial, ParseFlag(parameters, "accept_partial", true));
  query.all_or_nothing = !partial;
  RETURN_IF_ERROR(ParseFlag(parameters, "no_sync", false));
  return query;
}

Result<WriteQuery> Parse(Api api, const QueryParameters& parameters, BucketNames buckets) {
  switch (api) {
    case Api::kV2: return ParseV2(parameters, buckets);
    case Api::kV3: return ParseV3(parameters);
    default: return ParseV1(parameters);
  }
}

}  // namespace

Result<Consistency> ParseConsistency(std::string_view text) {
  const std::string level = LowerAscii(text);
  if (level.empty() || level == "any") return Consistency::kLog;
  if (level == "one") return Consistency::kOne;
  if (level == "quorum") return Consistency::kQuorum;
  if (level == "all") return Consistency::kAll;
  return Error(ErrorCode::kInvalidInput, "invalid consistency level");
}

bool EndsWithNanoseconds(std::string_view body) {
  constexpr std::size_t kDigits = 18;  // In microseconds: the year 5138 and later.
  const std::size_t end = body.find_last_not_of(" \t\r\n") + 1;
  const std::size_t begin = body.substr(0, end).find_last_not_of("0123456789") + 1;
  return end - begin >= kDigits;
}

Result<WriteQuery> ParseWriteQuery(Api api, const QueryParameters& parameters,
                                   const std::string& default_retention_policy,
                                   BucketNames buckets) {
  // A listener's policy is for all writes that name none, "db/" too.
  if (!default_retention_policy.empty()) buckets = BucketNames::kOfDatabases;
  Result<WriteQuery> query = Parse(api, parameters, buckets);
  if (!query.ok()) return query;
  WriteParams& params = query.value().params;
  if (params.retention_policy.empty()) params.retention_policy = default_retention_policy;
  RETURN_IF_ERROR(CheckNames(params));
  return query;
}

}  // namespace relay
