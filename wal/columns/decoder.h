// Reads frames, which may be damaged. README.md has the format.
//
// THREADS. An object is used by one thread at a time; it keeps its memory for the next frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/columns/division.h"
#include "wal/columns/wire.h"

namespace relay::columns {

class Decoder {
 public:
  // Has the contract of DecodeColumns.
  Result<std::string> Decode(std::string_view frame, Bytes size_limit);

  std::size_t MemoryUsed() const;

 private:
  struct Head {
    std::size_t size = 0;  // The body's.
    std::size_t lines = 0;
    bool cut = false;  // The last newline is not of the body.
    std::size_t full() const { return size + static_cast<std::size_t>(cut); }
  };

  // The shape's glues in glues_.
  struct StoredShape {
    std::size_t first_glue = 0;
    std::size_t slots = 0;
    bool timed = false;
    std::size_t glue_size = 0;  // All together.
    std::size_t lines = 0;
  };

  // The values of a column: one text, or integers and classes from `next` on.
  struct Column {
    bool constant = false;
    Piece text;            // Only of a constant: in texts_.
    Piece before;          // In texts_: what stands before each number,
    Piece behind;          // and behind it.
    std::size_t next = 0;  // The value that is written next.
    bool one_class = true;
    Class written = 0;  // Only of one class.
  };

  // A step of writing a line: a text, then the next value of a column.
  struct Step {
    Piece text;                // In literals_.
    Column* column = nullptr;  // Null: the line ends.
  };

  Status TakeHead(FrameReader& reader, Bytes size_limit);
  Status TakeTexts(FrameReader& reader);
  void TakeShapes(FrameReader& reader);
  void TakeLines(FrameReader& reader);
  void TakeColumns(FrameReader& reader);
  Column TakeColumn(FrameReader& reader, std::size_t count);
  void TakeNumbersInWords(FrameReader& reader, Column& column, std::span<std::uint64_t> numbers);
  void TakeClasses(FrameReader& reader, std::size_t first, std::size_t count);
  void TakeByClass(FrameReader& reader, std::string_view list, std::span<const std::size_t> counts);
  void TakeDictionary(FrameReader& reader, std::size_t count);
  void LookUp(FrameReader& reader, std::span<std::uint64_t> numbers) const;
  Piece TakeText(FrameReader& reader, std::uint64_t size);
  void Plan();
  void PlanShape(const StoredShape& shape, Column* column);
  bool Write(std::string& body);
  char* WriteLine(std::span<const Step> steps, char* to, const char* end) const;

  Head head_;
  std::string frame_;  // The frame, and kSlack bytes.
  std::string texts_;  // The texts, and kSlack bytes.
  std::size_t texts_size_ = 0;
  std::size_t texts_taken_ = 0;
  std::vector<StoredShape> shapes_;
  std::vector<Piece> glues_;
  std::vector<std::uint64_t> lines_;  // The shape of each line.
  std::size_t timed_lines_ = 0;
  std::vector<std::uint64_t> numbers_;  // All columns' values; of a word, its Piece of texts_.
  std::vector<Class> classes_;          // Those of columns with several classes.
  std::size_t numbers_used_ = 0;
  std::vector<Column> columns_;
  std::vector<Piece> words_;
  std::vector<std::uint64_t> scratch_;
  std::string literals_;
  std::vector<Step> steps_;
  std::vector<std::size_t> first_steps_;  // By shape, and one more.
};

}  // namespace relay::columns
