// The content of one request: lines of one or several records with equal parameters. Pure: nothing
// here knows the outcome.
//
// INVARIANT. A batch has at least one part and each part at least one line (a statement counts as
// one). The parts ascend by record, and those of one record by line; no line is in two of them.
//
// THREADS. Values and pure functions; a batch that is being sent is not changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wal/log.h"
#include "wal/record/record.h"

namespace relay {

struct SendBatch {
  // Consecutive lines of one record.
  struct Part {
    Sequence sequence;
    std::shared_ptr<const Record> record;
    PointCount points = 0;
    std::uint32_t first_line = 1;  // In the record, from 1.
    std::size_t offset = 0;        // The byte in the record where that begins.
    std::size_t size = 0;          // Bytes, the last newline included.

    std::string_view lines() const { return std::string_view(record->lines).substr(offset, size); }
  };

  std::vector<Part> parts;
  PointCount points = 0;
  Bytes bytes{0};

  const WriteParams& params() const { return parts.front().record->params; }
};

// The largest size of a batch; one record or line may be larger.
struct BatchLimit {
  PointCount points = 1;
  Bytes bytes{1};
};

// Returns a record with all of its lines.
SendBatch::Part WholeRecord(Sequence sequence, std::shared_ptr<const Record> record);

// Appends lines. Returns false and changes nothing if their parameters differ or the batch would
// be too large.
bool Join(SendBatch& batch, SendBatch::Part part, BatchLimit limit);

// Returns the lines of each part; the batch must outlive them.
std::vector<std::string_view> PiecesOf(const SendBatch& batch);

// One line of a batch and its origin.
struct LineOfBatch {
  const SendBatch::Part* part = nullptr;
  std::uint32_t number = 0;  // In its record, from 1.
  std::string_view text;
};

// Returns the lines with these numbers, counted from 1 through the whole batch, which must outlive
// them. REQUIRES: ascending, each once, none above the points.
std::vector<LineOfBatch> FindLines(const SendBatch& batch, const std::vector<PointCount>& numbers);

// Cuts a batch into ones within the limit, or of a single line, in the order of their lines.
std::vector<SendBatch> CutTo(const SendBatch& batch, BatchLimit limit);

// Cuts a batch in two, in the order of its lines. REQUIRES: at least two points.
std::pair<SendBatch, SendBatch> Halve(const SendBatch& batch);

// Two batches with the lines of one between them; each keeps their order.
struct DividedBatch {
  SendBatch chosen;
  SendBatch others;
};

// Divides a batch by its lines. nullopt: all lines are chosen, or none is.
std::optional<DividedBatch> Divide(const SendBatch& batch,
                                   const std::function<bool(std::string_view line)>& chooses);

// Returns the first line alone, then the rest in one or two batches. REQUIRES: at least two points.
std::vector<SendBatch> FirstLineApart(const SendBatch& batch);

// Returns one line, counted from 0, as a batch that belongs to no record. REQUIRES: number <
// points.
SendBatch LineAlone(const SendBatch& batch, PointCount number);

}  // namespace relay
