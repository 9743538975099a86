// Writes frames. README.md has the format.
//
// THREADS. An object is used by one thread at a time; it keeps its memory for the next body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wal/columns/dictionary.h"
#include "wal/columns/division.h"
#include "wal/columns/number_array.h"

namespace relay::columns {

class Encoder {
 public:
  // Appends the frame of `body`; false: it would gain nothing, and `out` is unchanged.
  bool Append(std::string_view body, std::string& out);

  std::size_t MemoryUsed() const;

 private:
  bool IsWorthIt() const;
  void SortLines();
  void PutShapes();
  void PutTimes();
  void PutColumns();
  bool PutKnownConstant(const Shape& shape, std::size_t slot);
  void Gather(const std::size_t* firsts, std::size_t slot);
  void PutColumn();
  void PutConstant(const Number& value);
  void PutWords();
  bool PutNumbersInWords();
  void PutClasses();
  void PutClass(Class written);
  void PutDictionary();
  bool PutFrame(std::string_view body, std::string& out);

  std::string text_;   // The body, ended by a newline, and kSlack zeros.
  std::string texts_;  // The frame's texts.
  std::string rest_;   // The frame behind the texts.
  std::string compressed_;
  Division division_;
  Dictionary dictionary_;
  std::vector<std::size_t> by_shape_;  // Where the values of each line begin, sorted by shape.
  // The column in hand.
  std::vector<std::uint64_t> digits_;
  std::vector<Class> classes_;  // Only if there are several.
  Class class_ = 0;             // The first value's.
  bool one_class_ = false;
  bool constant_ = false;
  Extent extent_{0};
  std::vector<std::uint64_t> numbers_;
};

}  // namespace relay::columns
