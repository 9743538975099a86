#include "replay/batch/send_batch.h"

#include <algorithm>
#include <iterator>

#include "wal/base/invariant.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

using Part = SendBatch::Part;

// Returns the size of the first `count` lines.
std::size_t SizeOfLines(std::string_view lines, PointCount count) {
  LineWalk walk(lines);
  std::size_t size = 0;
  for (PointCount i = 0; i < count; ++i) size += walk.Next().size();
  return size;
}

void Append(SendBatch& batch, Part part) {
  batch.points += part.points;
  batch.bytes += Bytes(part.size);
  batch.parts.push_back(std::move(part));
}

SendBatch BatchOf(const Part* begin, const Part* end) {
  SendBatch batch;
  batch.parts.reserve(static_cast<std::size_t>(end - begin));
  for (const Part* part = begin; part != end; ++part) Append(batch, *part);
  return batch;
}

std::pair<SendBatch, SendBatch> CutParts(const SendBatch& batch, std::size_t first) {
  const Part* begin = batch.parts.data();
  return {BatchOf(begin, begin + first), BatchOf(begin + first, begin + batch.parts.size())};
}

// REQUIRES: 0 < first_points < part.points.
std::pair<Part, Part> CutLines(const Part& part, PointCount first_points) {
  Part first = part;
  Part second = part;
  first.points = first_points;
  first.size = SizeOfLines(part.lines(), first_points);
  second.points -= first.points;
  second.size -= first.size;
  second.first_line += static_cast<std::uint32_t>(first.points);
  second.offset += first.size;
  return {std::move(first), std::move(second)};
}

SendBatch Alone(Part part) {
  SendBatch batch;
  Append(batch, std::move(part));
  return batch;
}

// Appends a line to a batch, to its last part if it follows on that.
void AppendLine(SendBatch& batch, const Part& line) {
  if (!batch.parts.empty()) {
    Part& last = batch.parts.back();
    if (last.sequence == line.sequence && last.offset + last.size == line.offset) {
      last.size += line.size;
      ++last.points;
      ++batch.points;
      batch.bytes += Bytes(line.size);
      return;
    }
  }
  Append(batch, line);
}

}  // namespace

SendBatch::Part WholeRecord(Sequence sequence, std::shared_ptr<const Record> record) {
  const PointCount points = record->points;
  const std::size_t size = record->lines.size();
  return {.sequence = sequence, .record = std::move(record), .points = points, .size = size};
}

bool Join(SendBatch& batch, SendBatch::Part part, BatchLimit limit) {
  if (!batch.parts.empty()) {
    if (part.record->params != batch.params()) return false;
    if (batch.params().api == Api::kStatement) return false;  // Each is a request of its own.
    if (batch.points + part.points > limit.points) return false;
    if (batch.bytes + Bytes(part.size) > limit.bytes) return false;
  }
  Append(batch, std::move(part));
  return true;
}

std::vector<std::string_view> PiecesOf(const SendBatch& batch) {
  std::vector<std::string_view> pieces;
  pieces.reserve(batch.parts.size());
  for (const Part& part : batch.parts) pieces.push_back(part.lines());
  return pieces;
}

std::vector<LineOfBatch> FindLines(const SendBatch& batch, const std::vector<PointCount>& numbers) {
  std::vector<LineOfBatch> found;
  PointCount number = 0;
  for (const Part& part : batch.parts) {
    std::uint32_t in_record = part.first_line;
    LineWalk walk(part.lines());
    for (; !walk.AtEnd() && found.size() < numbers.size(); ++in_record) {
      const std::string_view text = walk.Next();
      if (++number == numbers[found.size()]) found.push_back({&part, in_record, text});
    }
  }
  INVARIANT(found.size() == numbers.size());
  return found;
}

std::vector<SendBatch> CutTo(const SendBatch& batch, BatchLimit limit) {
  std::vector<SendBatch> left = {batch};
  std::vector<SendBatch> cut;
  while (!left.empty()) {
    SendBatch next = std::move(left.back());
    left.pop_back();
    const bool fits = next.points <= limit.points && next.bytes <= limit.bytes;
    if (fits || next.points == 1) {
      cut.push_back(std::move(next));
      continue;
    }
    auto [first, second] = Halve(next);
    left.push_back(std::move(second));
    left.push_back(std::move(first));
  }
  return cut;
}

std::pair<SendBatch, SendBatch> Halve(const SendBatch& batch) {
  INVARIANT(batch.points >= 2);
  if (batch.parts.size() > 1) return CutParts(batch, batch.parts.size() / 2);
  auto [first, second] = CutLines(batch.parts.front(), batch.points / 2);
  return {Alone(std::move(first)), Alone(std::move(second))};
}

std::optional<DividedBatch> Divide(const SendBatch& batch,
                                   const std::function<bool(std::string_view line)>& chooses) {
  DividedBatch divided;
  for (const Part& part : batch.parts) {
    Part line = part;
    line.points = 1;
    for (LineWalk walk(part.lines()); !walk.AtEnd(); ++line.first_line) {
      const std::string_view text = walk.Next();
      line.size = text.size();
      AppendLine(chooses(text) ? divided.chosen : divided.others, line);
      line.offset += line.size;
    }
  }
  if (divided.chosen.points == 0 || divided.others.points == 0) return std::nullopt;
  return divided;
}

std::vector<SendBatch> FirstLineApart(const SendBatch& batch) {
  INVARIANT(batch.points >= 2);
  std::vector<SendBatch> batches;
  const Part& first = batch.parts.front();
  if (first.points == 1) {
    batches.push_back(Alone(first));
  } else {
    auto [line, rest] = CutLines(first, 1);
    batches.push_back(Alone(std::move(line)));
    batches.push_back(Alone(std::move(rest)));
  }
  if (batch.parts.size() > 1) batches.push_back(CutParts(batch, 1).second);
  return batches;
}

SendBatch LineAlone(const SendBatch& batch, PointCount number) {
  INVARIANT(number < batch.points);
  const auto* part = batch.parts.data();
  while (number >= part->points) number -= (part++)->points;
  LineWalk walk(part->lines());
  for (PointCount i = 0; i < number; ++i) walk.Next();
  Record record;
  record.params = batch.params();
  record.points = 1;
  record.lines = walk.Next();
  return Alone(
      WholeRecord(Sequence::BeforeFirst(), std::make_shared<const Record>(std::move(record))));
}

}  // namespace relay
