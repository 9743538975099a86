// What goes in one request: whole records with equal parameters, or some lines
// of one. Pure: nothing here knows what became of a piece.
//
// THREADS. Values and pure functions; a piece that is being sent is not changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wal/log.h"
#include "wal/record/record.h"

namespace relay {

struct SendBatch {
  struct Part {
    Sequence sequence;
    std::shared_ptr<const Record> record;
  };

  std::vector<Part> parts;  // At least one; ascending.
  PointCount points = 0;
  Bytes bytes{0};
  std::uint32_t first_line = 1;  // Of a single record: the lines from here ...
  std::size_t offset = 0;        // ... which begin at this byte.

  bool is_of_one_record() const { return parts.size() == 1; }
  const WriteParams& params() const { return parts.front().record->params; }
};

// How large a piece may be; one record or line may be larger.
struct PieceLimit {
  PointCount points = 1;
  Bytes bytes{1};
};

// Puts a record behind the others. False, and nothing happened, where its
// parameters differ or it would make the piece too large.
bool Join(SendBatch& piece, SendBatch::Part part, PieceLimit limit);

// The lines in one run; `joined` is where those of several records are put
// together, and must outlive the view as the piece must.
std::string_view LinesOf(const SendBatch& piece, std::string& joined);

// One line of a piece, and where it is from.
struct LineOfPiece {
  const SendBatch::Part* part = nullptr;
  std::uint32_t number = 0;  // In its record, from 1.
  std::string_view text;
};

// The lines with these numbers, counted from 1 through the whole piece, which
// must outlive them. REQUIRES: ascending, each once, none above the points.
std::vector<LineOfPiece> FindLines(const SendBatch& piece, const std::vector<PointCount>& numbers);

// Pieces none of which is larger than the limit, unless it is a single line, in
// the order of their lines.
std::vector<SendBatch> CutTo(const SendBatch& piece, PieceLimit limit);

// Two pieces in the order of their lines. REQUIRES: at least two points.
std::pair<SendBatch, SendBatch> Halve(const SendBatch& piece);

// The first line alone, then the rest in one or two pieces. REQUIRES: at least
// two points.
std::vector<SendBatch> FirstLineApart(const SendBatch& piece);

// One of its lines, counted from 0, as a piece that belongs to no record.
// REQUIRES: number < points.
SendBatch LineAlone(const SendBatch& piece, PointCount number);

}  // namespace relay
