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

std::string_view LinesOfOne(const SendBatch& piece) {
  return std::string_view(piece.parts.front().record->lines)
      .substr(piece.offset, piece.bytes.count());
}

SendBatch Whole(const SendBatch::Part* begin, const SendBatch::Part* end) {
  // Constructed with its parts: g++ 12 sees null pointers in what assign() would destroy.
  SendBatch piece{.parts = std::vector<SendBatch::Part>(begin, end)};
  for (const SendBatch::Part& part : piece.parts) {
    piece.points += part.record->points;
    piece.bytes += Bytes(part.record->lines.size());
  }
  return piece;
}

std::pair<SendBatch, SendBatch> CutRecords(const SendBatch& piece, std::size_t first) {
  const SendBatch::Part* begin = piece.parts.data();
  return {Whole(begin, begin + first), Whole(begin + first, begin + piece.parts.size())};
}

std::pair<SendBatch, SendBatch> CutLines(const SendBatch& piece, PointCount first_points) {
  SendBatch first = piece;
  SendBatch second = piece;
  first.points = first_points;
  first.bytes = Bytes(SizeOfLines(LinesOfOne(piece), first_points));
  second.points -= first.points;
  second.bytes = second.bytes - first.bytes;
  second.first_line += static_cast<std::uint32_t>(first.points);
  second.offset += first.bytes.count();
  return {std::move(first), std::move(second)};
}

}  // namespace

bool Join(SendBatch& piece, SendBatch::Part part, PieceLimit limit) {
  const Bytes size(part.record->lines.size());
  if (!piece.parts.empty()) {
    if (part.record->params != piece.params()) return false;
    if (piece.params().api == Api::kStatement) return false;  // Each is a request of its own.
    if (piece.points + part.record->points > limit.points) return false;
    if (piece.bytes + size > limit.bytes) return false;
  }
  piece.points += part.record->points;
  piece.bytes += size;
  piece.parts.push_back(std::move(part));
  return true;
}

std::string_view LinesOf(const SendBatch& piece, std::string& joined) {
  if (piece.is_of_one_record()) return LinesOfOne(piece);
  joined.clear();
  joined.reserve(piece.bytes.count());
  for (const SendBatch::Part& part : piece.parts) joined += part.record->lines;
  return joined;
}

std::vector<LineOfPiece> FindLines(const SendBatch& piece, const std::vector<PointCount>& numbers) {
  std::vector<LineOfPiece> found;
  const bool alone = piece.is_of_one_record();
  PointCount number = 0;
  for (const SendBatch::Part& part : piece.parts) {
    std::uint32_t in_record = alone ? piece.first_line : 1;
    LineWalk walk(alone ? LinesOfOne(piece) : std::string_view(part.record->lines));
    for (; !walk.AtEnd() && found.size() < numbers.size(); ++in_record) {
      const std::string_view text = walk.Next();
      if (++number == numbers[found.size()]) found.push_back({&part, in_record, text});
    }
  }
  INVARIANT(found.size() == numbers.size());
  return found;
}

std::vector<SendBatch> CutTo(const SendBatch& piece, PieceLimit limit) {
  std::vector<SendBatch> left = {piece};
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

std::pair<SendBatch, SendBatch> Halve(const SendBatch& piece) {
  INVARIANT(piece.points >= 2);
  if (!piece.is_of_one_record()) return CutRecords(piece, piece.parts.size() / 2);
  return CutLines(piece, piece.points / 2);
}

std::vector<SendBatch> FirstLineApart(const SendBatch& piece) {
  INVARIANT(piece.points >= 2);
  std::vector<SendBatch> pieces;
  SendBatch first = piece;
  if (!piece.is_of_one_record()) {
    auto [front, others] = CutRecords(piece, 1);
    first = std::move(front);
    pieces.push_back(std::move(others));
  }
  if (first.points == 1) {
    pieces.insert(pieces.begin(), std::move(first));
  } else {
    auto [line, rest] = CutLines(first, 1);
    pieces.insert(pieces.begin(), std::move(rest));
    pieces.insert(pieces.begin(), std::move(line));
  }
  return pieces;
}

SendBatch LineAlone(const SendBatch& piece, PointCount number) {
  INVARIANT(number < piece.points);
  std::string joined;
  LineWalk walk(LinesOf(piece, joined));
  for (PointCount i = 0; i < number; ++i) walk.Next();
  Record record;
  record.params = piece.params();
  record.points = 1;
  record.lines = walk.Next();
  SendBatch alone;
  Join(alone, {Sequence::BeforeFirst(), std::make_shared<const Record>(std::move(record))}, {});
  return alone;
}

}  // namespace relay
