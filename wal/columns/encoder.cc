#include "wal/columns/encoder.h"

#include <algorithm>
#include <array>

#include "wal/columns/frame.h"
#include "wal/columns/number_array.h"
#include "wal/columns/wire.h"
#include "wal/columns/word_pattern.h"
#include "wal/compression/zstd.h"

namespace relay::columns {
namespace {

// A body of fewer lines has nothing in columns that zstd would not find.
constexpr std::size_t kLinesMin = 2;
// Up to so many shapes are normal; more of them need several lines each to be worth their columns.
constexpr std::size_t kShapesFew = 32;
constexpr std::size_t kLinesOfShape = 4;
// Less text, or a smaller share of the body, is not worth the time of compressing it.
constexpr std::size_t kCompressedFrom = 64;
constexpr std::size_t kCompressedShare = 16;

}  // namespace

bool Encoder::Append(std::string_view body, std::string& out) {
  if (body.empty() || body.size() >= Division::kTextMax) return false;
  const std::size_t size = body.size() + static_cast<std::size_t>(body.back() != '\n');
  text_.reserve(size + kSlack);  // In one step: it would double to append the rest.
  text_.assign(body);
  if (size != body.size()) text_ += '\n';
  text_.append(kSlack, '\0');
  division_.Divide(text_.data(), size);
  if (!IsWorthIt()) return false;
  texts_.clear();
  rest_.clear();
  PutShapes();
  SortLines();
  PutTimes();
  PutColumns();
  return PutFrame(body, out);
}

bool Encoder::IsWorthIt() const {
  const std::size_t lines = division_.lines().size();
  const std::size_t shapes = division_.shapes().size();
  return lines >= kLinesMin && (shapes <= kShapesFew || lines >= kLinesOfShape * shapes);
}

std::size_t Encoder::MemoryUsed() const {
  return text_.capacity() + texts_.capacity() + rest_.capacity() + compressed_.capacity() +
         division_.MemoryUsed() + dictionary_.MemoryUsed() +
         by_shape_.capacity() * sizeof(std::size_t) +
         (digits_.capacity() + numbers_.capacity()) * sizeof(std::uint64_t) + classes_.capacity();
}

void Encoder::PutShapes() {
  const std::span<const Shape> shapes = division_.shapes().subspan(1);
  PutVarint(rest_, shapes.size());
  for (const Shape& shape : shapes) {
    PutVarint(rest_, 2 * shape.slots + static_cast<std::size_t>(shape.timed));
    for (const Slot& slot : division_.SlotsOf(shape)) {
      PutVarint(rest_, slot.glue.size());
      texts_.append(text_, slot.glue.at(), slot.glue.size());
    }
  }
  PutVarint(rest_, division_.lines().size());
  if (!shapes.empty()) PutNumbers(division_.lines(), rest_);
}

void Encoder::SortLines() {
  std::vector<std::size_t> next;
  std::size_t before = 0;
  for (const Shape& shape : division_.shapes()) {
    next.push_back(before);
    before += shape.lines;
  }
  by_shape_.resize(before);
  const std::span<const std::uint64_t> lines = division_.lines();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    by_shape_[next[lines[i]]++] = division_.first_values()[i];
  }
}

void Encoder::PutTimes() {
  numbers_.clear();
  const std::span<const std::uint64_t> lines = division_.lines();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Shape& shape = division_.shapes()[lines[i]];
    if (shape.timed) numbers_.push_back(division_.first_values()[i] + shape.slots - 1);
  }
  if (numbers_.empty()) return;
  digits_.resize(numbers_.size());
  Gather(numbers_.data(), 0);
  PutColumn();
}

void Encoder::PutColumns() {
  const std::size_t* firsts = by_shape_.data();
  for (const Shape& shape : division_.shapes()) {
    if (shape.lines == 0) continue;
    digits_.resize(shape.lines);
    const std::size_t columns = shape.slots - static_cast<std::size_t>(shape.timed);
    for (std::size_t slot = 0; slot < columns; ++slot) {
      if (PutKnownConstant(shape, slot)) continue;
      Gather(firsts, slot);
      PutColumn();
    }
    firsts += shape.lines;
  }
}

// Puts a column that is known to be constant without a look at its values.
bool Encoder::PutKnownConstant(const Shape& shape, std::size_t slot) {
  const Slot& of_column = division_.SlotsOf(shape)[slot];
  if (!shape.follows || of_column.varies || of_column.last.size() == 0) return false;
  PutConstant(of_column.last_number);
  return true;
}

// Fills the column in hand with the values that stand `slot` behind the first ones of each line.
void Encoder::Gather(const std::size_t* firsts, std::size_t slot) {
  const Number* const values = division_.values().data() + slot;
  const Number& first = values[firsts[0]];
  unsigned classes = 0;
  Extent extent(first.digits);
  digits_[0] = first.digits;
  for (std::size_t i = 1; i < digits_.size(); ++i) {
    const Number& value = values[firsts[i]];
    digits_[i] = value.digits;
    extent.Add(value.digits);
    classes |= static_cast<unsigned>(value.written ^ first.written);
  }
  extent_ = extent;
  class_ = first.written;
  one_class_ = classes == 0;
  constant_ = one_class_ && extent.changes == 0;
  if (one_class_) return;
  classes_.resize(digits_.size());
  for (std::size_t i = 0; i < classes_.size(); ++i) classes_[i] = values[firsts[i]].written;
}

void Encoder::PutColumn() {
  if (constant_) return PutConstant({.digits = digits_.front(), .written = class_});
  if (!one_class_) return PutClasses();
  if (class_ == kWord) return PutWords();
  PutByte(rest_, kOneClass);
  PutByte(rest_, class_);
  PutNumbers(digits_, extent_, rest_);
}

void Encoder::PutConstant(const Number& value) {
  const std::size_t before = texts_.size();
  if (value.written == kWord) {
    const Piece word(value.digits);
    texts_.append(text_, word.at(), word.size());
  } else {
    std::array<char, kNumberSizeMax + kSlack> number{};
    const char* const end = WriteNumber(number.data(), value);
    texts_.append(number.data(), static_cast<std::size_t>(end - number.data()));
  }
  PutByte(rest_, kConstant);
  PutVarint(rest_, texts_.size() - before);
}

void Encoder::PutWords() {
  if (PutNumbersInWords()) return;
  dictionary_.Begin(text_.data(), digits_.size());
  std::uint64_t last = digits_.front();
  std::uint64_t number = dictionary_.NumberOf(Piece(last));
  numbers_.clear();
  for (const std::uint64_t word : digits_) {
    if (word != last) number = dictionary_.NumberOf(Piece(word));
    last = word;
    numbers_.push_back(number);
  }
  if (dictionary_.words().size() == 1) return PutConstant({.digits = last, .written = kWord});
  PutByte(rest_, kWords);
  PutDictionary();
  PutNumbers(numbers_, rest_);
}

// Puts words that differ only in a number, if they are such words.
bool Encoder::PutNumbersInWords() {
  const WordPattern pattern = WordPattern::Find(text_.data(), digits_);
  if (!pattern.found) return false;
  numbers_.resize(digits_.size());
  const Class written = pattern.Read(text_.data(), digits_, numbers_);
  if (written == kWord) return false;
  PutByte(rest_, kNumbersInWords);
  PutVarint(rest_, pattern.before);
  PutVarint(rest_, pattern.behind);
  const Piece first(digits_.front());
  texts_.append(text_, first.at(), pattern.before);
  texts_.append(text_, first.at() + first.size() - pattern.behind, pattern.behind);
  PutByte(rest_, written);
  PutNumbers(numbers_, rest_);
  return true;
}

void Encoder::PutDictionary() {
  const std::span<const Piece> words = dictionary_.words();
  PutVarint(rest_, words.size());
  std::vector<std::uint64_t> sizes;
  sizes.reserve(words.size());
  for (const Piece word : words) {
    sizes.push_back(word.size());
    texts_.append(text_, word.at(), word.size());
  }
  PutNumbers(sizes, rest_);
}

void Encoder::PutClasses() {
  std::array<std::uint64_t, 256> places{};  // The place of a class in the list, from 1.
  std::string list;
  numbers_.clear();
  for (const Class written : classes_) {
    if (places[written] == 0) {
      PutByte(list, written);
      places[written] = list.size();
    }
    numbers_.push_back(places[written] - 1);
  }
  PutByte(rest_, kClasses);
  PutVarint(rest_, list.size());
  rest_ += list;
  if (places[kWord] != 0) {
    dictionary_.Begin(text_.data(), digits_.size());
    for (std::size_t i = 0; i < digits_.size(); ++i) {
      if (classes_[i] == kWord) digits_[i] = dictionary_.NumberOf(Piece(digits_[i]));
    }
    PutDictionary();
  }
  PutNumbers(numbers_, rest_);
  for (const char written : list) PutClass(static_cast<Class>(written));
}

void Encoder::PutClass(Class written) {
  numbers_.clear();
  for (std::size_t i = 0; i < digits_.size(); ++i) {
    if (classes_[i] == written) numbers_.push_back(digits_[i]);
  }
  PutNumbers(numbers_, rest_);
}

bool Encoder::PutFrame(std::string_view body, std::string& out) {
  compressed_.clear();
  const bool compressed =
      texts_.size() >= std::max(kCompressedFrom, body.size() / kCompressedShare) &&
      AppendCompressed(texts_, compressed_);
  const std::string& stored = compressed ? compressed_ : texts_;
  const bool cut = body.back() != '\n';
  std::string head;
  PutByte(head, kVersion);
  PutVarint(head, body.size());
  PutByte(head, (compressed ? kCompressedTexts : 0) | (cut ? kNoLastNewline : 0));
  PutVarint(head, texts_.size());
  if (compressed) PutVarint(head, compressed_.size());
  if (head.size() + stored.size() + rest_.size() >= body.size()) return false;
  out.reserve(out.size() + head.size() + stored.size() + rest_.size());
  out.append(head).append(stored).append(rest_);
  return true;
}

}  // namespace relay::columns
