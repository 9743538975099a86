#include "replay/delivery/dead_letters.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "replay/transport/refused_lines.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

constexpr std::size_t kMessageMax = 4U << 10U;

// Makes a letter that lacks its lines.
DeadLetter LetterOf(const SendBatch::Part& part, const Refusal& refusal) {
  DeadLetter letter;
  letter.sequence = part.sequence;
  letter.reason = refusal.verdict.reason;
  letter.http_status = refusal.reply.http_status;
  letter.when = refusal.when;
  letter.params = part.record->params;
  letter.message = MessageOf(refusal.reply);
  return letter;
}

// Returns the number in the record, as it was written, of the line that has this number among those
// that were sent: unsendable ones may stand before it.
std::uint32_t NumberAsWritten(const WindowEntry& entry, std::uint32_t sent) {
  const std::vector<DeadLetter>& unsendable = entry.unsendable;
  const auto stands_before = [&](const DeadLetter& letter) {
    const auto before = static_cast<std::uint32_t>(&letter - unsendable.data());
    return letter.first_line <= sent + before;
  };
  const auto behind = std::partition_point(unsendable.begin(), unsendable.end(), stands_before);
  return sent + static_cast<std::uint32_t>(behind - unsendable.begin());
}

// Adds a letter for each run of lines that stand one behind the other in the record as written.
void AddRuns(const SendBatch::Part& part, const Refusal& refusal, WindowEntry& entry) {
  std::uint32_t sent = part.first_line;
  std::uint32_t next = 0;  // The number behind the run; no line has 0.
  for (LineWalk walk(part.lines()); !walk.AtEnd(); ++sent) {
    const std::string_view line = walk.Next();
    const std::uint32_t number = NumberAsWritten(entry, sent);
    if (number != next) {
      entry.letters.push_back(LetterOf(part, refusal));
      entry.letters.back().first_line = number;
    }
    entry.letters.back().lines += line;
    ++entry.letters.back().points;
    next = number + 1;
  }
}

}  // namespace

std::string MessageOf(const Reply& reply) {
  return reply.body.substr(0, kMessageMax);
}

void AddDeadLetters(const SendBatch& batch, const Refusal& refusal, Window& window) {
  for (const SendBatch::Part& part : batch.parts) {
    WindowEntry& entry = window.At(part.sequence);
    if (!entry.unsendable.empty()) {
      AddRuns(part, refusal, entry);
      continue;
    }
    DeadLetter letter = LetterOf(part, refusal);
    letter.first_line = part.first_line;
    letter.points = part.points;
    letter.lines = part.lines();
    entry.letters.push_back(std::move(letter));
  }
}

bool NamesRefused(const SendBatch& batch, const Reply& reply) {
  if (RefusedLinesIn(reply.body, batch.points).empty()) return false;
  // InfluxDB 3 counts a newline within a string as the end of a line.
  PointCount newlines = 0;
  for (const SendBatch::Part& part : batch.parts) {
    const std::string_view lines = part.lines();
    newlines += static_cast<PointCount>(std::count(lines.begin(), lines.end(), '\n'));
  }
  return newlines == batch.points;
}

std::shared_ptr<const SendBatch> AddNamedDeadLetters(const SendBatch& batch, const Refusal& refusal,
                                                     Window& window) {
  const std::vector<RefusedLine> refused = RefusedLinesIn(refusal.reply.body, batch.points);
  for (const SendBatch::Part& part : batch.parts) {
    window.At(part.sequence).delivered += part.points;
  }
  std::vector<PointCount> numbers;
  numbers.reserve(refused.size());
  for (const RefusedLine& one : refused) numbers.push_back(one.number);
  const std::vector<LineOfBatch> lines = FindLines(batch, numbers);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    DeadLetter letter = LetterOf(*lines[i].part, refusal);
    WindowEntry& entry = window.At(letter.sequence);
    letter.first_line = NumberAsWritten(entry, lines[i].number);
    letter.points = 1;
    letter.lines = lines[i].text;
    letter.message = refused[i].message.substr(0, kMessageMax);
    --entry.delivered;
    entry.letters.push_back(std::move(letter));
  }
  PointCount last = batch.points;
  for (auto number = numbers.rbegin(); number != numbers.rend() && *number == last; ++number)
    --last;
  if (last == 0) return nullptr;
  return std::make_shared<const SendBatch>(LineAlone(batch, last - 1));
}

}  // namespace relay
