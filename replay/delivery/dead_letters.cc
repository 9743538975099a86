#include "replay/delivery/dead_letters.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "replay/transport/refused_lines.h"

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

}  // namespace

std::string MessageOf(const Reply& reply) {
  return reply.body.substr(0, kMessageMax);
}

void AddDeadLetters(const SendBatch& batch, const Refusal& refusal, Window& window) {
  for (const SendBatch::Part& part : batch.parts) {
    DeadLetter letter = LetterOf(part, refusal);
    letter.first_line = part.first_line;
    letter.points = part.points;
    letter.lines = part.lines();
    window.At(part.sequence).letters.push_back(std::move(letter));
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
    letter.first_line = lines[i].number;
    letter.points = 1;
    letter.lines = lines[i].text;
    letter.message = refused[i].message.substr(0, kMessageMax);
    WindowEntry& entry = window.At(letter.sequence);
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
