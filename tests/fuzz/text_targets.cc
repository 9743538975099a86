// The targets that are pure functions of a text.
#include <algorithm>
#include <cctype>
#include <string>

#include "relay/http/query_parameters.h"
#include "relay/influxql/show_and_create.h"
#include "relay/ingest/forwarded_credentials.h"
#include "relay/ingest/remote_write_body.h"
#include "relay/ingest/users.h"
#include "relay/ingest/write_params.h"
#include "relay/lineprotocol/grammar.h"
#include "relay/lineprotocol/scanner.h"
#include "replay/transport/remote_write.h"
#include "tests/fuzz/targets.h"
#include "wal/base/invariant.h"
#include "wal/record/lines.h"

namespace relay::fuzz {
namespace {

constexpr WallTime kNow{std::chrono::nanoseconds(1'700'000'000'123'456'789)};

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

void CheckStored(const ScannedLines& scanned, Precision precision) {
  INVARIANT(scanned.errors.size() == std::min<std::uint64_t>(scanned.refused, kErrorsKept));
  INVARIANT(scanned.lines.empty() == (scanned.points == 0));
  const ScannedLines again = ScanLines(scanned.lines, precision, kNow);
  INVARIANT(again.refused == 0);
  INVARIANT(again.points == scanned.points);
  INVARIANT(again.lines == scanned.lines);
}

std::string InQuotes(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

void FuzzLines(std::string_view input) {
  const auto precision =
      static_cast<Precision>(input.empty() ? 0 : static_cast<unsigned char>(input.front()) % 6);
  const ScannedLines scanned =
      ScanLines(std::string(input.substr(std::min<std::size_t>(input.size(), 1))), precision, kNow);
  CheckStored(scanned, precision);
  const ScannedLines of_v3 = ScanLines(std::string(input), Precision::kNanosecond, kNow);
  ScannedLines guessed = of_v3;
  guessed.lines = WithGuessedTimes(of_v3.lines);
  CheckStored(guessed, Precision::kNanosecond);
}

void FuzzParameters(std::string_view input) {
  const Result<QueryParameters> parsed = QueryParameters::Parse(input);
  HttpRequest request;
  request.headers.emplace_back("Authorization", input);
  static const auto users = Users::Load({}).value();
  INVARIANT(users->Identify(request, parsed.ok() ? parsed.value() : QueryParameters()).user ==
            nullptr);
  const Result<ClientCredentials> passed =
      PassedCredentials(request, parsed.ok() ? parsed.value() : QueryParameters());
  // One header value: no input can end it and begin another.
  if (passed.ok()) INVARIANT(!HasControlCharacter(passed.value().Reveal()));
  if (!parsed.ok()) return;
  for (const Api api : {Api::kV1, Api::kV2, Api::kV3}) {
    const Result<WriteQuery> query = ParseWriteQuery(api, parsed.value(), "week");
    if (!query.ok()) {
      INVARIANT(!query.error().message().empty());
      continue;
    }
    const WriteParams& params = query.value().params;
    INVARIANT(params.api == api);
    INVARIANT(!params.database.empty() && params.database.size() <= 512);
    INVARIANT(!HasControlCharacter(params.database));
    INVARIANT(!HasControlCharacter(params.retention_policy));
  }
}

void FuzzStatements(std::string_view input) {
  const auto statements = ParseQueryStatements(input);
  if (!statements.ok()) {
    INVARIANT(!statements.error().message().empty());
    return;
  }
  for (const QueryStatement& statement : statements.value()) {
    if (statement.kind != QueryStatement::Kind::kCreateDatabase) continue;
    INVARIANT(!statement.database.empty() && !HasControlCharacter(statement.database));
    const auto again = ParseQueryStatements("CREATE DATABASE " + InQuotes(statement.database));
    INVARIANT(again.ok() && again.value().size() == 1);
    INVARIANT(again.value().front().database == statement.database);
  }
}

void FuzzSamples(std::string_view input) {
  static_cast<void>(UncompressSnappy(input, 1_MiB));
  for (const RemoteWriteVersion version : {RemoteWriteVersion::k1, RemoteWriteVersion::k2}) {
    const Result<ScannedSamples> samples = ScanSamples(input, kNow, version);
    if (!samples.ok()) continue;
    const std::string& lines = samples.value().scanned.lines;
    PointCount count = 0;
    for (LineWalk walk(lines); !walk.AtEnd(); walk.Next()) ++count;
    INVARIANT(count == samples.value().scanned.points);
    const std::string sent = EncodeRemoteWrite(lines, Precision::kMillisecond).value();
    INVARIANT(sent.empty() == (count == 0));
    if (count == 0) continue;
    // The message that is sent is read as the same lines again.
    const std::string message = UncompressSnappy(sent, 64_MiB).value();
    INVARIANT(ScanSamples(message, kNow).value().scanned.lines == lines);
  }
}

}  // namespace relay::fuzz
