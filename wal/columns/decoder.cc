#include "wal/columns/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "wal/base/invariant.h"
#include "wal/columns/frame.h"
#include "wal/columns/number.h"
#include "wal/columns/number_array.h"
#include "wal/compression/zstd.h"

namespace relay::columns {
namespace {

// Bytes behind the body that may be written before the end is noticed.
constexpr std::size_t kOverrun = kNumberSizeMax + kSlack;

Error Damaged(const FrameReader& reader) {
  return {ErrorCode::kCorruption,
          fmt::format("the frame of columns {} at byte {}", reader.what(), reader.failed_at())};
}

}  // namespace

Result<std::string> Decoder::Decode(std::string_view frame, Bytes size_limit) {
  frame_.reserve(frame.size() + kSlack);
  frame_.assign(frame);
  frame_.append(kSlack, '\0');
  FrameReader reader(std::string_view(frame_).substr(0, frame.size()));
  RETURN_IF_ERROR(TakeHead(reader, size_limit));
  TakeShapes(reader);
  if (!reader.failed()) TakeLines(reader);
  if (!reader.failed()) TakeColumns(reader);
  if (!reader.finished()) reader.Fail("has bytes behind its end");
  if (texts_taken_ != texts_size_) reader.Fail("has not used all of its texts");
  if (reader.failed()) return Damaged(reader);
  Plan();
  std::string body;
  if (!Write(body)) {
    return Error(ErrorCode::kCorruption,
                 fmt::format("the frame of columns has lines of another size than the {} bytes "
                             "that it says",
                             head_.size));
  }
  return body;
}

std::size_t Decoder::MemoryUsed() const {
  return frame_.capacity() + texts_.capacity() + literals_.capacity() + classes_.capacity() +
         shapes_.capacity() * sizeof(StoredShape) + glues_.capacity() * sizeof(Piece) +
         (lines_.capacity() + numbers_.capacity() + scratch_.capacity()) * sizeof(std::uint64_t) +
         columns_.capacity() * sizeof(Column) + words_.capacity() * sizeof(Piece) +
         steps_.capacity() * sizeof(Step) + first_steps_.capacity() * sizeof(std::size_t);
}

Status Decoder::TakeHead(FrameReader& reader, Bytes size_limit) {
  if (frame_.size() - kSlack > size_limit.count()) reader.Fail("is larger than its body may be");
  if (reader.Byte() != kVersion) reader.Fail("has an unknown version");
  const std::uint64_t most = std::min<std::uint64_t>(size_limit.count(), Division::kTextMax);
  const std::uint64_t size = reader.Between(1, most, "has a body larger than what is allowed");
  const std::uint64_t flags = reader.Byte();
  if (flags > (kCompressedTexts | kNoLastNewline)) reader.Fail("has unknown flags");
  const std::uint64_t texts = reader.Between(0, size, "has texts larger than its body");
  head_ = {.size = static_cast<std::size_t>(size), .cut = (flags & kNoLastNewline) != 0};
  texts_taken_ = 0;
  texts_size_ = static_cast<std::size_t>(texts);
  const bool compressed = (flags & kCompressedTexts) != 0;
  const std::string_view stored = reader.Take(compressed ? reader.Varint() : texts);
  if (reader.failed()) return Damaged(reader);
  if (compressed) {
    Result<std::string> plain = Decompress(stored, Bytes(texts));
    if (!plain.ok()) return std::move(plain).error().Within("the texts of a frame of columns");
    texts_ = std::move(plain).value();
  } else {
    texts_.assign(stored);
  }
  texts_.append(kSlack, '\0');
  return Ok();
}

Piece Decoder::TakeText(FrameReader& reader, std::uint64_t size) {
  if (size > texts_size_ - texts_taken_) reader.Fail("needs more texts than it has");
  if (reader.failed()) return {};
  const Piece piece(texts_taken_, static_cast<std::size_t>(size));
  texts_taken_ += piece.size();
  return piece;
}

// Takes the shapes and, in front of them, the one that is not stored.
void Decoder::TakeShapes(FrameReader& reader) {
  glues_.assign(1, Piece());
  StoredShape whole;
  whole.slots = 1;
  shapes_.assign(1, whole);
  const std::uint64_t count = reader.Varint();
  while (!reader.failed() && shapes_.size() <= count) {
    const std::uint64_t slots_and_time = reader.Varint();
    StoredShape shape;
    shape.first_glue = glues_.size();
    shape.timed = (slots_and_time & 1U) != 0;
    shape.slots = static_cast<std::size_t>(slots_and_time / 2);
    if (shape.slots == 0) reader.Fail("has a shape without values");
    for (std::size_t slot = 0; slot < shape.slots && !reader.failed(); ++slot) {
      const std::uint64_t size = reader.Varint();
      if (size == 0 && slot > 0) reader.Fail("has values without anything between them");
      glues_.push_back(TakeText(reader, size));
      shape.glue_size += glues_.back().size();
    }
    shapes_.push_back(shape);
  }
}

// Takes the shapes of the lines, and refuses more lines than the body has room for: from then on
// the number of values is no larger than the size of the body.
void Decoder::TakeLines(FrameReader& reader) {
  const std::uint64_t count = reader.Between(1, head_.full(), "has more lines than bytes");
  lines_.assign(static_cast<std::size_t>(count), 0);
  if (reader.failed()) return;
  if (shapes_.size() > 1) TakeNumbers(reader, lines_);
  std::size_t needed = 0;
  timed_lines_ = 0;
  for (const std::uint64_t number : lines_) {
    if (number >= shapes_.size()) return reader.Fail("has a line of an unknown shape");
    StoredShape& shape = shapes_[number];
    ++shape.lines;
    timed_lines_ += static_cast<std::size_t>(shape.timed);
    needed += shape.glue_size + 1;
    if (needed > head_.full()) return reader.Fail("has more lines than the body has room for");
  }
}

// Takes the times and then the columns of each shape that has lines.
void Decoder::TakeColumns(FrameReader& reader) {
  std::size_t values = timed_lines_;
  for (const StoredShape& shape : shapes_) {
    values += shape.lines * (shape.slots - static_cast<std::size_t>(shape.timed));
  }
  numbers_.resize(values);
  classes_.resize(values);
  numbers_used_ = 0;
  columns_.clear();
  if (timed_lines_ > 0) columns_.push_back(TakeColumn(reader, timed_lines_));
  for (const StoredShape& shape : shapes_) {
    if (shape.lines == 0) continue;
    const std::size_t count = shape.slots - static_cast<std::size_t>(shape.timed);
    for (std::size_t slot = 0; slot < count && !reader.failed(); ++slot) {
      columns_.push_back(TakeColumn(reader, shape.lines));
    }
  }
}

Decoder::Column Decoder::TakeColumn(FrameReader& reader, std::size_t count) {
  Column column;
  column.next = numbers_used_;
  const std::uint64_t kind = reader.Byte();
  if (kind == kConstant) {
    column.constant = true;
    column.text = TakeText(reader, reader.Varint());
    return column;
  }
  numbers_used_ += count;
  const std::span<std::uint64_t> numbers = std::span(numbers_).subspan(column.next, count);
  if (kind == kWords) {
    column.written = kWord;
    TakeDictionary(reader, count);
    TakeNumbers(reader, numbers);
    LookUp(reader, numbers);
  } else if (kind == kOneClass) {
    column.written = static_cast<Class>(reader.Byte());
    if (!IsClass(column.written) || column.written == kWord) {
      reader.Fail("has numbers of an unknown class");
    }
    TakeNumbers(reader, numbers);
  } else if (kind == kNumbersInWords) {
    TakeNumbersInWords(reader, column, numbers);
  } else if (kind == kClasses) {
    column.one_class = false;
    TakeClasses(reader, column.next, count);
  } else {
    reader.Fail("has an unknown kind of column");
  }
  return column;
}

void Decoder::TakeNumbersInWords(FrameReader& reader, Column& column,
                                 std::span<std::uint64_t> numbers) {
  const std::uint64_t before = reader.Varint();
  const std::uint64_t behind = reader.Varint();
  column.before = TakeText(reader, before);
  column.behind = TakeText(reader, behind);
  column.written = static_cast<Class>(reader.Byte());
  if (!IsClassInWords(column.written)) reader.Fail("has numbers in words of an unknown class");
  TakeNumbers(reader, numbers);
}

void Decoder::TakeDictionary(FrameReader& reader, std::size_t count) {
  words_.clear();
  const std::uint64_t size = reader.Between(1, count, "has a dictionary of a wrong size");
  if (reader.failed()) return;
  scratch_.resize(static_cast<std::size_t>(size));
  TakeNumbers(reader, scratch_);
  for (const std::uint64_t word : scratch_) words_.push_back(TakeText(reader, word));
}

// Replaces the numbers of words by the words.
void Decoder::LookUp(FrameReader& reader, std::span<std::uint64_t> numbers) const {
  if (reader.failed()) return;
  for (std::uint64_t& number : numbers) {
    if (number >= words_.size()) return reader.Fail("has a word that is not in its dictionary");
    number = words_[number].bits();
  }
}

void Decoder::TakeClasses(FrameReader& reader, std::size_t first, std::size_t count) {
  std::array<bool, 256> seen{};
  const std::string_view list = reader.Take(reader.Between(2, seen.size(), "has too few classes"));
  for (const char each : list) {
    const auto written = static_cast<Class>(each);
    if (!IsClass(written) || seen[written]) reader.Fail("has an unknown class, or one twice");
    seen[written] = true;
  }
  words_.clear();
  if (seen[kWord]) TakeDictionary(reader, count);
  const std::span<std::uint64_t> numbers = std::span(numbers_).subspan(first, count);
  TakeNumbers(reader, numbers);
  if (reader.failed()) return;
  std::array<std::size_t, 256> counts{};
  for (const std::uint64_t number : numbers) {
    if (number >= list.size()) return reader.Fail("has a class that is not in its list");
    ++counts[number];
  }
  TakeByClass(reader, list, std::span(counts).first(list.size()));
  if (reader.failed()) return;
  std::array<std::size_t, 256> next{};
  for (std::size_t i = 1; i < list.size(); ++i) next[i] = next[i - 1] + counts[i - 1];
  for (std::size_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::size_t>(numbers[i]);
    classes_[first + i] = static_cast<Class>(list[place]);
    numbers[i] = scratch_[next[place]++];
  }
}

// Fills the scratch with the values class by class.
void Decoder::TakeByClass(FrameReader& reader, std::string_view list,
                          std::span<const std::size_t> counts) {
  std::size_t at = 0;
  for (const std::size_t count : counts) at += count;
  scratch_.resize(at);
  at = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (counts[i] == 0) return reader.Fail("has a class without values");
    const std::span<std::uint64_t> numbers = std::span(scratch_).subspan(at, counts[i]);
    TakeNumbers(reader, numbers);
    if (static_cast<Class>(list[i]) == kWord) LookUp(reader, numbers);
    at += counts[i];
  }
}

// Makes of each shape the steps of writing one of its lines. What is the same in all lines of a
// shape becomes one text.
void Decoder::Plan() {
  literals_.clear();
  steps_.clear();
  first_steps_.clear();
  Column* column = columns_.data() + static_cast<std::size_t>(timed_lines_ > 0);
  for (const StoredShape& shape : shapes_) {
    first_steps_.push_back(steps_.size());
    if (shape.lines == 0) continue;
    PlanShape(shape, column);
    column += shape.slots - static_cast<std::size_t>(shape.timed);
  }
  first_steps_.push_back(steps_.size());
  literals_.append(kSlack, '\0');
}

// `column` is the first of the shape.
void Decoder::PlanShape(const StoredShape& shape, Column* column) {
  std::size_t literal = literals_.size();
  const auto append = [&](Piece text) { literals_.append(texts_, text.at(), text.size()); };
  const auto end_step = [&](Column* column_of_step) {
    steps_.push_back({.text = {literal, literals_.size() - literal}, .column = column_of_step});
    literal = literals_.size();
  };
  for (std::size_t slot = 0; slot < shape.slots; ++slot) {
    append(glues_[shape.first_glue + slot]);
    const bool is_time = shape.timed && slot + 1 == shape.slots;
    Column* const here = is_time ? columns_.data() : column++;
    if (here->constant) {
      append(here->text);
      continue;
    }
    append(here->before);
    end_step(here);
    append(here->behind);
  }
  literals_ += '\n';
  end_step(nullptr);
}

// Writes all lines. False: they are not as long as the body should be.
bool Decoder::Write(std::string& body) {
  body.resize(head_.full() + kOverrun);
  char* to = body.data();
  const char* const end = to + head_.full();
  for (const std::uint64_t shape : lines_) {
    const std::size_t first = first_steps_[shape];
    to = WriteLine(std::span(steps_).subspan(first, first_steps_[shape + 1] - first), to, end);
    if (to == nullptr) return false;
  }
  if (to != end) return false;
  body.resize(head_.size);
  return true;
}

// Returns the end of the line; null: it would be behind `end`. No more than kOverrun bytes are
// written there.
char* Decoder::WriteLine(std::span<const Step> steps, char* to, const char* end) const {
  const auto has_room = [&](Piece text) {
    return static_cast<std::ptrdiff_t>(text.size()) <= end - to;
  };
  for (const Step& step : steps) {
    if (!has_room(step.text)) return nullptr;
    CopyText(to, literals_.data() + step.text.at(), step.text.size());
    to += step.text.size();
    if (step.column == nullptr) return to;
    const std::size_t at = step.column->next++;
    const Class written = step.column->one_class ? step.column->written : classes_[at];
    if (written != kWord) {
      to = WriteNumber(to, {.digits = numbers_[at], .written = written});
      continue;
    }
    const Piece word(numbers_[at]);
    if (!has_room(word)) return nullptr;
    CopyText(to, texts_.data() + word.at(), word.size());
    to += word.size();
  }
  return to;
}

}  // namespace relay::columns
