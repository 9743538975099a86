#include "replay/delivery/send_batch.h"

#include "wal/base/invariant.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

// Returns the size of the first `count` lines.
std::size_t SizeOfLines(std::string_view lines, PointCount count) {
  LineWalk walk(lines);
  std::size_t size = 0;
  for (PointCount i = 0; i < count; ++i) size += walk.Next().size();
  return size;
}

std::string_view LinesOfOne(const SendBatch& batch) {
  return std::string_view(batch.parts.front().record->lines)
      .substr(batch.offset, batch.bytes.count());
}

SendBatch Whole(const SendBatch::Part* begin, const SendBatch::Part* end) {
  // Constructed with its parts: g++ 12 sees null pointers in what assign() would destroy.
  SendBatch batch{.parts = std::vector<SendBatch::Part>(begin, end)};
  for (const SendBatch::Part& part : batch.parts) {
    batch.points += part.record->points;
    batch.bytes += Bytes(part.record->lines.size());
  }
  return batch;
}

std::pair<SendBatch, SendBatch> CutRecords(const SendBatch& batch, std::size_t first) {
  const SendBatch::Part* begin = batch.parts.data();
  return {Whole(begin, begin + first), Whole(begin + first, begin + batch.parts.size())};
}

std::pair<SendBatch, SendBatch> CutLines(const SendBatch& batch, PointCount first_points) {
  SendBatch first = batch;
  SendBatch second = batch;
  first.points = first_points;
  first.bytes = Bytes(SizeOfLines(LinesOfOne(batch), first_points));
  second.points -= first.points;
  second.bytes = second.bytes - first.bytes;
  second.first_line += static_cast<std::uint32_t>(first.points);
  second.offset += first.bytes.count();
  return {std::move(first), std::move(second)};
}

}  // namespace

bool Join(SendBatch& batch, SendBatch::Part part, BatchLimit limit) {
  const Bytes size(part.record->lines.size());
  if (!batch.parts.empty()) {
    if (part.record->params != batch.params()) return false;
    if (batch.params().api == Api::kStatement) return false;  // Each is a request of its own.
    if (batch.points + part.record->points > limit.points) return false;
    if (batch.bytes + size > limit.bytes) return false;
  }
  batch.points += part.record->points;
  batch.bytes += size;
  batch.parts.push_back(std::move(part));
  return true;
}

std::string_view LinesOf(const SendBatch& batch, std::string& joined) {
  if (batch.is_of_one_record()) return LinesOfOne(batch);
  joined.clear();
  joined.reserve(batch.bytes.count());
  for (const SendBatch::Part& part : batch.parts) joined += part.record->lines;
  return joined;
}

std::vector<LineOfBatch> FindLines(const SendBatch& batch, const std::vector<PointCount>& numbers) {
  std::vector<LineOfBatch> found;
  const bool alone = batch.is_of_one_record();
  PointCount number = 0;
  for (const SendBatch::Part& part : batch.parts) {
    std::uint32_t in_record = alone ? batch.first_line : 1;
    LineWalk walk(alone ? LinesOfOne(batch) : std::string_view(part.record->lines));
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
  if (!batch.is_of_one_record()) return CutRecords(batch, batch.parts.size() / 2);
  return CutLines(batch, batch.points / 2);
}

std::vector<SendBatch> FirstLineApart(const SendBatch& batch) {
  INVARIANT(batch.points >= 2);
  std::vector<SendBatch> batches;
  SendBatch first = batch;
  if (!batch.is_of_one_record()) {
    auto [front, others] = CutRecords(batch, 1);
    first = std::move(front);
    batches.push_back(std::move(others));
  }
  if (first.points == 1) {
    batches.insert(batches.begin(), std::move(first));
  } else {
    auto [line, rest] = CutLines(first, 1);
    batches.insert(batches.begin(), std::move(rest));
    batches.insert(batches.begin(), std::move(line));
  }
  return batches;
}

SendBatch LineAlone(const SendBatch& batch, PointCount number) {
  INVARIANT(number < batch.points);
  std::string joined;
  LineWalk walk(LinesOf(batch, joined));
  for (PointCount i = 0; i < number; ++i) walk.Next();
  Record record;
  record.params = batch.params();
  record.points = 1;
  record.lines = walk.Next();
  SendBatch alone;
  Join(alone, {Sequence::BeforeFirst(), std::make_shared<const Record>(std::move(record))}, {});
  return alone;
}

}  // namespace relay
