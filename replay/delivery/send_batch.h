// The content of one request: whole records with equal parameters, or some lines of one. Pure:
// nothing here knows the outcome.
//
// THREADS. Values and pure functions; a batch that is being sent is not changed.
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
  std::uint32_t first_line = 1;  // For a single record: its first line ...
  std::size_t offset = 0;        // ... and the byte where that begins.

  bool is_of_one_record() const { return parts.size() == 1; }
  const WriteParams& params() const { return parts.front().record->params; }
};

// The largest size of a batch; one record or line may be larger.
struct BatchLimit {
  PointCount points = 1;
  Bytes bytes{1};
};

// Appends a record. Returns false and changes nothing if its parameters differ or the batch would
// be too large.
bool Join(SendBatch& batch, SendBatch::Part part, BatchLimit limit);

// Returns the lines as one text; `joined` receives those of several records, and must outlive the
// view, as must the batch.
std::string_view LinesOf(const SendBatch& batch, std::string& joined);

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

// Returns the first line alone, then the rest in one or two batches. REQUIRES: at least two points.
std::vector<SendBatch> FirstLineApart(const SendBatch& batch);

// Returns one line, counted from 0, as a batch that belongs to no record. REQUIRES: number <
// points.
SendBatch LineAlone(const SendBatch& batch, PointCount number);

}  // namespace relay
