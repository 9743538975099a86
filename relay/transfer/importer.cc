#include "relay/transfer/importer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "relay/lineprotocol/scanner.h"
#include "replay/transport/verdict.h"
#include "wal/base/backoff.h"

namespace relay {
namespace {

std::string TextOf(const Result<Reply>& answer) {
  constexpr std::size_t kShownMax = 512;
  if (!answer.ok()) return answer.error().message();
  const std::string body = answer.value().body.substr(0, kShownMax);
  return fmt::format("HTTP {} {}", answer.value().http_status,
                     body.substr(0, body.find_last_not_of("\r\n") + 1));
}

// Returns whether the refusal depends on the lines of the request.
bool IsAboutLines(const Result<Reply>& answer) {
  return answer.ok() && (answer.value().http_status == 400 || answer.value().http_status == 422);
}

}  // namespace

Importer::Importer(Transport& transport, Clock& clock, Options options)
    : transport_(transport), clock_(clock), options_(std::move(options)) {}

Status Importer::Run(ImportReader& reader) {
  while (!options_.stopped()) {
    Result<std::optional<ImportBatch>> batch = reader.Next();
    ReportStatements(reader);
    if (!batch.ok()) return std::move(batch).error();
    if (!batch.value()) return Ok();
    RETURN_IF_ERROR(Take(std::move(*batch.value())));
    options_.on_accepted(tally_);
  }
  return Error(ErrorCode::kUnavailable, "stopped");
}

void Importer::ReportStatements(ImportReader& reader) {
  for (const ImportReader::Statement& statement : reader.TakeStatements()) {
    ++tally_.statements;
    options_.report(statement.line, "not sent, run it on the backends: " + statement.text);
  }
}

Status Importer::Take(ImportBatch batch) {
  ScannedLines scanned = ScanLines(std::move(batch.lines), batch.params.precision, clock_.WallNow(),
                                   options_.line_max);
  for (const LineError& error : scanned.errors) {
    options_.report(batch.first_line + error.number - 1, error.Message());
  }
  if (scanned.refused > scanned.errors.size()) {
    options_.report(batch.next_line - 1, fmt::format("{} more lines up to here are not points",
                                                     scanned.refused - scanned.errors.size()));
  }
  tally_.refused += scanned.refused;
  if (scanned.points > 0) {
    RETURN_IF_ERROR(Send(batch, scanned.lines));
    tally_.points += scanned.points;
  }
  tally_.next_line = batch.next_line;
  return Ok();
}

Status Importer::Send(const ImportBatch& batch, const std::string& lines) {
  const Clock::TimePoint give_up = clock_.Now() + options_.patience;
  for (std::uint32_t tries = 1;; ++tries) {
    const Result<Reply> answer = transport_.Send({batch.params, lines});
    const Verdict verdict = Judge(answer, clock_.WallNow());
    switch (verdict.action) {
      case Action::kDelivered: return Ok();
      case Action::kPartial:
      case Action::kSplit:
        if (!IsAboutLines(answer)) return Error(ErrorCode::kInvalidInput, TextOf(answer));
        ++tally_.doubtful;
        options_.report(batch.first_line, fmt::format("some of the lines up to {} were refused: {}",
                                                      batch.next_line - 1, TextOf(answer)));
        return Ok();
      case Action::kHold: return Error(ErrorCode::kInvalidInput, TextOf(answer));
      case Action::kRetry: break;
    }
    if (clock_.Now() >= give_up) return Error(ErrorCode::kUnavailable, TextOf(answer));
    RETURN_IF_ERROR(WaitBefore(tries, verdict.retry_after));
  }
}

// Waits in small steps, so that a stop takes effect soon.
Status Importer::WaitBefore(std::uint32_t tries,
                            const std::optional<std::chrono::milliseconds>& retry_after) {
  constexpr Backoff kBackoff{.first = std::chrono::milliseconds(100),
                             .max = std::chrono::milliseconds(5'000)};
  constexpr std::chrono::milliseconds kStep{200};
  std::minstd_rand random(static_cast<std::uint32_t>(options_.jitter_seed + tries));
  const double chance = std::uniform_real_distribution<>(0, 0.999)(random);
  std::chrono::milliseconds left = kBackoff.After(tries, chance);
  if (retry_after) left = std::max(left, std::min(*retry_after, options_.patience));
  Signal never;
  for (; left > std::chrono::milliseconds(0) && !options_.stopped(); left -= kStep) {
    clock_.WaitFor(never, std::min(left, kStep), std::stop_token());
  }
  if (options_.stopped()) return Error(ErrorCode::kUnavailable, "stopped");
  return Ok();
}

}  // namespace relay
