#include "wal/columns/division.h"

#include <algorithm>

#include "wal/base/invariant.h"

namespace relay::columns {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101U;

// Returns bytes of which the lowest that is not zero stands where `c` first does in `bytes`.
template <char c>
std::uint64_t Matches(std::uint64_t bytes) {
  const std::uint64_t other = bytes ^ (kOnes * static_cast<unsigned char>(c));
  return (other - kOnes) & ~other & (kOnes << 7U);
}

// Returns the first place that has one of the bytes; `end` if there is none.
template <char... kStops>
const char* FindAny(const char* at, const char* end) {
  for (; at < end; at += 8) {
    const std::uint64_t bytes = Load8(at);
    const std::uint64_t found = (Matches<kStops>(bytes) | ...);
    if (found != 0) return std::min(at + std::countr_zero(found) / 8, end);
  }
  return end;
}

std::uint64_t Mixed(std::uint64_t hash, std::uint64_t bits) {
  hash = (hash ^ bits) * 0x9E3779B97F4A7C15U;
  return hash ^ (hash >> 29U);
}

// REQUIRES: kSlack bytes behind the text.
std::uint64_t HashOf(std::uint64_t hash, const char* text, std::size_t size) {
  hash = Mixed(hash, size);
  for (; size > 8; size -= 8, text += 8) hash = Mixed(hash, Load8(text));
  return size == 0 ? hash : Mixed(hash, Load8(text) << (64 - 8 * size));
}

// Returns a place in by_beginning_.
std::size_t BeginningOf(const char* line) {
  return Mixed(0, Load8(line)) >> 56U;
}

bool IsStop(char c) {
  return c == ',' || c == ' ' || c == '\n';
}

}  // namespace

void Division::Divide(const char* text, std::size_t size) {
  INVARIANT(size > 0 && size <= kTextMax && text[size - 1] == '\n');
  text_ = text;
  end_ = text + size;
  Shape whole;
  whole.slots = 1;
  shapes_.assign(1, whole);
  slots_.assign(1, Slot{});
  by_hash_.fill(0);
  by_context_.fill(0);
  by_beginning_.fill(0);
  context_ = 0;
  last_ = 0;
  lines_.clear();
  first_values_.clear();
  used_ = 0;
  const char* line = text;
  while (line < end_) line = DivideLine(line);
}

std::size_t Division::MemoryUsed() const {
  return shapes_.capacity() * sizeof(Shape) + slots_.capacity() * sizeof(Slot) +
         lines_.capacity() * (sizeof(std::uint64_t) + sizeof(std::size_t)) +
         values_.capacity() * sizeof(Number);
}

// Returns whether the text at `at` is that of `piece`, with at least a byte behind it.
inline bool Division::Here(const char* at, Piece piece) const {
  return piece.size() < static_cast<std::size_t>(end_ - at) &&
         SameText(at, text_ + piece.at(), piece.size());
}

inline void Division::MakeRoom(std::size_t count) {
  if (values_.size() < used_ + count) values_.resize(used_ + used_ / 2 + count + 64);
}

// Returns the end of the value, which lies before end_.
inline const char* Division::TakeValue(const char* at, Slot& slot, Number& value) const {
  const std::size_t size = slot.last.size();
  if (size != 0 && Here(at, slot.last) && at[size] == slot.stop) {
    value = slot.last_number;
    return at + size;
  }
  slot.varies = true;
  const char* end = ReadShortInteger(at, slot.stop, value);
  if (end != nullptr) {
    slot.last = Piece();
    return end;
  }
  if (IsDigit(*at) || *at == '-') {
    end = ReadNumber(at, value);
    if (end != nullptr && *end == slot.stop) {
      const bool is_long = static_cast<std::size_t>(end - at) >= Slot::kLongNumber;
      slot.last = is_long ? PieceOf(at, end) : Piece();
      slot.last_number = value;
      return end;
    }
  }
  end = WordEnd(at);
  const Piece word = PieceOf(at, end);
  value = {.digits = word.bits(), .written = kWord};
  slot.last = word;
  slot.last_number = value;
  return end;
}

// Returns where the next line begins.
const char* Division::DivideLine(const char* line) {
  std::size_t guess = by_context_[context_];
  Match match = Follow(shapes_[guess], line);
  if (match.end == nullptr && match.slots == 0) {
    guess = by_beginning_[BeginningOf(line)];
    match = Follow(shapes_[guess], line);
  }
  if (match.end == nullptr) return Split(line, shapes_[guess], match);
  Add(guess);
  return match.end;
}

// Adds a line whose values have been written behind those in use.
inline void Division::Add(std::size_t shape) {
  by_context_[context_] = static_cast<std::uint16_t>(shape);
  context_ = (last_ * 37 + shape) % by_context_.size();
  last_ = shape;
  ++shapes_[shape].lines;
  lines_.push_back(shape);
  first_values_.push_back(used_);
  used_ += shapes_[shape].slots;
}

// Reads a line as one of that shape, as far as it is one.
inline Division::Match Division::Follow(const Shape& shape, const char* line) {
  if (&shape == shapes_.data()) return {.at = line};
  MakeRoom(shape.slots);
  Number* value = values_.data() + used_;
  Slot* const first = slots_.data() + shape.first_slot;
  Slot* const last = first + shape.slots;
  const char* at = line;
  Slot* slot = first;
  for (; slot != last; ++slot, ++value) {
    if (!Here(at, slot->glue)) break;
    const char* const end = TakeValue(at + slot->glue.size(), *slot, *value);
    if (*end != slot->stop) break;
    if (slot + 1 == last && shape.timed && value->written == kWord) break;
    at = end;
  }
  return {.end = slot == last ? at + 1 : nullptr,
          .slots = static_cast<std::size_t>(slot - first),
          .at = at};
}

// Returns the end of the quotes that begin at `at`; null: none do, or they are never closed.
const char* Division::QuotesEnd(const char* at) const {
  if (*at++ != '"') return nullptr;
  while (at < end_) {
    at = FindAny<'"', '\\'>(at, end_);
    if (at == end_) break;
    if (*at == '"') return at + 1;
    at += 2;
  }
  return nullptr;
}

// Returns where a word ends: before a comma or a space that is neither escaped nor in quotes, or
// before a newline that is not in quotes; at the latest before the last newline. A word without
// quotes never passes a newline: if it did, a body could be made whose lines are all read to the
// end.
const char* Division::WordEnd(const char* at) const {
  const char* const last = end_ - 1;
  const char* const quotes_end = QuotesEnd(at);
  if (quotes_end != nullptr) at = quotes_end;
  while (at < last) {
    at = FindAny<',', ' ', '\n', '\\'>(at, last);
    if (at == last || *at != '\\') return at;
    at += at[1] == '\n' ? 1 : 2;
  }
  return last;
}

// Returns the end of the text up to the next equals sign; null: the line has none.
const char* Division::NameEnd(const char* at) const {
  while (at < end_) {
    at = FindAny<'=', '\n', '\\'>(at, end_);
    if (at == end_ || *at == '\n') return nullptr;
    if (*at == '=') return at + 1;
    at += at[1] == '\n' ? 1 : 2;
  }
  return nullptr;
}

// Reads a line that is of another shape than `like`, but begins as the match says.
const char* Division::Split(const char* line, const Shape& like, const Match& match) {
  const std::size_t alike = like.first_slot;
  Shape shape;
  shape.first_slot = slots_.size();
  shape.slots = match.slots;
  for (std::size_t i = 0; i < match.slots; ++i) {
    slots_.push_back(Slot(slots_[alike + i]));
    slots_.back().varies = false;  // It remembers this line's value, or none.
  }
  const char* at = match.at;
  const char* next = nullptr;
  while (next == nullptr && shape.slots < kSlotsMax) {
    const char* const name_end = NameEnd(at);
    if (name_end == nullptr) {
      at = SplitEnd(at, shape);
      break;
    }
    at = TakeNew(name_end, at, shape);
    if (*at == '\n') next = at + 1;
  }
  if (next == nullptr && shape.slots > 0 && *at == '\n') next = at + 1;
  const std::size_t number = next == nullptr ? 0 : Find(shape);
  if (number == 0) {
    slots_.resize(shape.first_slot);
    return Whole(line);
  }
  by_beginning_[BeginningOf(line)] = static_cast<std::uint16_t>(number);
  Add(number);
  return next;
}

// Reads what is behind the last field: a space and the time. Returns its end.
const char* Division::SplitEnd(const char* at, Shape& shape) {
  if (shape.slots == 0 || *at != ' ') return at;
  at = TakeNew(at + 1, at, shape);
  shape.timed = *at == '\n' && values_[used_ + shape.slots - 1].written != kWord;
  return at;
}

// Adds a slot to the shape and reads its value at `at`. Returns the value's end.
const char* Division::TakeNew(const char* at, const char* glue, Shape& shape) {
  MakeRoom(shape.slots + 1);
  Number& value = values_[used_ + shape.slots];
  Slot slot;
  slot.glue = PieceOf(glue, at);
  const char* end = IsDigit(*at) || *at == '-' ? ReadNumber(at, value) : nullptr;
  if (end == nullptr || !IsStop(*end)) {
    end = WordEnd(at);
    value = {.digits = PieceOf(at, end).bits(), .written = kWord};
  }
  slot.last = PieceOf(at, end);
  slot.last_number = value;
  slot.stop = *end;
  const std::uint64_t before = shape.slots == 0 ? 0 : slots_.back().hash;
  slot.hash = HashOf(before, glue, slot.glue.size());
  slots_.push_back(slot);
  ++shape.slots;
  return end;
}

// Adds the line as one value without glue.
const char* Division::Whole(const char* line) {
  const char* const end = FindAny<'\n'>(line, end_ - 1);
  MakeRoom(1);
  values_[used_] = {.digits = PieceOf(line, end).bits(), .written = kWord};
  Add(0);
  return end + 1;
}

// Returns the number of the shape, whose slots are the last ones; a new shape is added. 0: there
// are too many shapes.
std::size_t Division::Find(const Shape& shape) {
  std::size_t at = (slots_.back().hash + static_cast<std::size_t>(shape.timed)) % by_hash_.size();
  while (by_hash_[at] != 0) {
    const std::size_t number = by_hash_[at];
    if (SameShape(shapes_[number], shape)) {
      shapes_[number].follows = false;
      slots_.resize(shape.first_slot);
      return number;
    }
    at = (at + 1) % by_hash_.size();
  }
  if (shapes_.size() == kShapesMax) return 0;
  by_hash_[at] = static_cast<std::uint16_t>(shapes_.size());
  shapes_.push_back(shape);
  return shapes_.size() - 1;
}

bool Division::SameShape(const Shape& a, const Shape& b) const {
  if (a.slots != b.slots || a.timed != b.timed) return false;
  for (std::size_t i = a.slots; i-- > 0;) {
    const Slot& slot = slots_[a.first_slot + i];
    if (slot.hash != slots_[b.first_slot + i].hash) return false;
    const Piece glue = slot.glue;
    const Piece other = slots_[b.first_slot + i].glue;
    if (glue.bits() == other.bits()) continue;
    if (glue.size() != other.size()) return false;
    if (!SameText(text_ + glue.at(), text_ + other.at(), glue.size())) return false;
  }
  return true;
}

}  // namespace relay::columns
