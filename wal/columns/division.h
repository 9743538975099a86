// Divides lines into shapes (the text that lines have in common) and values. It knows enough of
// line protocol to find the values, and need not be right: glue and values joined are the line,
// whatever the line is.
//
// THREADS. An object is used by one thread at a time; it keeps its memory for the next body.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "wal/columns/number.h"

namespace relay::columns {

// A piece of the text that is divided, in one integer: equal pieces have equal texts, not always
// the other way round.
class Piece {
 public:
  constexpr Piece() = default;
  constexpr Piece(std::size_t at, std::size_t size)
      : bits_(std::uint64_t{at} << 32U | std::uint64_t{size}) {}
  constexpr explicit Piece(std::uint64_t bits) : bits_(bits) {}

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr std::size_t at() const { return static_cast<std::size_t>(bits_ >> 32U); }
  constexpr std::size_t size() const { return static_cast<std::size_t>(bits_ & 0xFFFFFFFFU); }

 private:
  std::uint64_t bits_ = 0;
};

// A place for a value in the lines of a shape.
struct Slot {
  // It is worth looking whether a number of so many bytes is the last one again.
  static constexpr std::size_t kLongNumber = 10;

  Piece glue;              // Stands before the value.
  std::uint64_t hash = 0;  // The shape's up to this glue.
  char stop = 0;           // The first byte behind the value.
  bool varies = false;     // Not all lines that were recognised had the value that is remembered.
  Piece last;              // The value that is remembered: the first one, or the last word or long
  Number last_number;      // number.
};

struct Shape {
  std::size_t first_slot = 0;
  std::size_t slots = 0;
  bool timed = false;  // The last value is the time, a number.
  std::size_t lines = 0;
  bool follows = true;  // All lines but the first were recognised by its slots.
};

class Division {
 public:
  static constexpr std::size_t kTextMax = 1U << 30U;

  // REQUIRES: the text ends with a newline, has at most kTextMax bytes, and has kSlack bytes of
  // zeros behind it; it stays as long as the results are used.
  void Divide(const char* text, std::size_t size);

  // Returns the shapes; the first is that of lines without glue.
  std::span<const Shape> shapes() const { return shapes_; }
  std::span<const Slot> SlotsOf(const Shape& shape) const {
    return std::span(slots_).subspan(shape.first_slot, shape.slots);
  }

  // Returns for each line the number of its shape.
  std::span<const std::uint64_t> lines() const { return lines_; }
  // Returns for each line where its values begin in values().
  std::span<const std::size_t> first_values() const { return first_values_; }
  // Returns the values, line by line; the digits of a word are the bits of its Piece.
  std::span<const Number> values() const { return std::span(values_).first(used_); }

  // Returns the bytes that this object holds.
  std::size_t MemoryUsed() const;

 private:
  static constexpr std::size_t kShapesMax = 1'024;
  static constexpr std::size_t kSlotsMax = 1'000;

  // How far a line is of a shape.
  struct Match {
    const char* end = nullptr;  // Null: it is of another shape.
    std::size_t slots = 0;      // How many glues and values are the same,
    const char* at = nullptr;   // and end here.
  };

  const char* DivideLine(const char* line);
  Match Follow(const Shape& shape, const char* line);
  const char* TakeValue(const char* at, Slot& slot, Number& value) const;
  const char* Split(const char* line, const Shape& like, const Match& match);
  const char* SplitEnd(const char* at, Shape& shape);
  const char* TakeNew(const char* at, const char* glue, Shape& shape);
  const char* Whole(const char* line);
  std::size_t Find(const Shape& shape);
  bool SameShape(const Shape& a, const Shape& b) const;
  bool Here(const char* at, Piece piece) const;
  const char* QuotesEnd(const char* at) const;
  const char* WordEnd(const char* at) const;
  const char* NameEnd(const char* at) const;
  void Add(std::size_t shape);
  void MakeRoom(std::size_t count);
  Piece PieceOf(const char* from, const char* to) const {
    return {static_cast<std::size_t>(from - text_), static_cast<std::size_t>(to - from)};
  }

  const char* text_ = nullptr;
  const char* end_ = nullptr;
  std::vector<Shape> shapes_;
  std::vector<Slot> slots_;
  std::array<std::uint16_t, 2 * kShapesMax> by_hash_{};  // Numbers of shapes; 0: free.
  // Guesses of the next shape: what came last time after the same two shapes, and what began with
  // the same eight bytes.
  std::array<std::uint16_t, 1'024> by_context_{};
  std::array<std::uint16_t, 256> by_beginning_{};
  std::size_t context_ = 0;  // The place in by_context_.
  std::size_t last_ = 0;     // The shape of the line before.
  std::vector<std::uint64_t> lines_;
  std::vector<std::size_t> first_values_;
  std::vector<Number> values_;
  std::size_t used_ = 0;
};

}  // namespace relay::columns
