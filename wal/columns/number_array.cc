#include "wal/columns/number_array.h"

#include <algorithm>

#include "wal/base/invariant.h"
#include "wal/columns/bits.h"

namespace relay::columns {
namespace {

constexpr std::uint64_t kWidthMax = 64;
constexpr std::uint64_t kFromLeast = 65;
constexpr std::uint64_t kSteps = 66;
constexpr std::uint64_t kRuns = 67;

// Appends `numbers` less `base`.
void Pack(std::span<const std::uint64_t> numbers, std::uint64_t base, unsigned width,
          std::string& out) {
  const std::size_t before = out.size();
  const std::size_t size = PackedSize(numbers.size(), width);
  out.resize(before + size + kSlack);
  BitWriter writer(out.data() + before);
  for (const std::uint64_t number : numbers) writer.Put(number - base, width);
  writer.Finish();
  out.resize(before + size);
}

void PackSteps(std::span<const std::uint64_t> numbers, std::uint64_t base, unsigned width,
               std::string& out) {
  const std::size_t before = out.size();
  const std::size_t size = PackedSize(numbers.size() - 1, width);
  out.resize(before + size + kSlack);
  BitWriter writer(out.data() + before);
  std::uint64_t last = numbers.front();
  for (const std::uint64_t number : numbers.subspan(1)) {
    writer.Put(number - last - base, width);
    last = number;
  }
  writer.Finish();
  out.resize(before + size);
}

void PutRuns(std::span<const std::uint64_t> numbers, std::string& out) {
  PutByte(out, kRuns);
  PutVarint(out, numbers.front());
  std::size_t start = 0;
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] == numbers[start]) continue;
    PutVarint(out, i - start - 1);
    PutVarint(out, Zigzag(numbers[i] - numbers[start]));
    start = i;
  }
  PutVarint(out, numbers.size() - start - 1);
}

void TakePacked(FrameReader& reader, unsigned width, std::span<std::uint64_t> numbers) {
  const std::string_view bytes = reader.Take(PackedSize(numbers.size(), width));
  if (reader.failed() || width == 0) {
    std::fill(numbers.begin(), numbers.end(), 0);
    return;
  }
  BitReader bits(bytes.data());
  if (width <= 56) {
    for (std::uint64_t& number : numbers) number = bits.Take(width);
  } else {
    for (std::uint64_t& number : numbers) number = bits.TakeWide(width);
  }
}

unsigned TakeWidth(FrameReader& reader) {
  const std::uint64_t width = reader.Byte();
  if (width > kWidthMax) reader.Fail("has integers of more than 64 bits");
  return reader.failed() ? 0 : static_cast<unsigned>(width);
}

void TakeFromLeast(FrameReader& reader, std::span<std::uint64_t> numbers) {
  const std::uint64_t least = reader.Varint();
  TakePacked(reader, TakeWidth(reader), numbers);
  for (std::uint64_t& number : numbers) number += least;
}

void TakeSteps(FrameReader& reader, std::span<std::uint64_t> numbers) {
  numbers.front() = reader.Varint();
  const std::uint64_t least = Unzigzag(reader.Varint());
  const unsigned width = TakeWidth(reader);
  TakePacked(reader, width, numbers.subspan(1));
  for (std::size_t i = 1; i < numbers.size(); ++i) numbers[i] += numbers[i - 1] + least;
}

void TakeRuns(FrameReader& reader, std::span<std::uint64_t> numbers) {
  std::uint64_t number = reader.Varint();
  while (!reader.failed()) {
    const std::uint64_t run = reader.Between(0, numbers.size() - 1, "has a run that is too long");
    if (reader.failed()) break;
    std::fill_n(numbers.begin(), run + 1, number);
    numbers = numbers.subspan(static_cast<std::size_t>(run) + 1);
    if (numbers.empty()) return;
    number += Unzigzag(reader.Varint());
  }
  std::fill(numbers.begin(), numbers.end(), 0);
}

}  // namespace

void PutNumbers(std::span<const std::uint64_t> numbers, const Extent& extent, std::string& out) {
  INVARIANT(!numbers.empty());
  const bool stepless = numbers.size() == 1;
  const auto least_step = stepless ? 0 : static_cast<std::uint64_t>(extent.least_step);
  const auto most_step = stepless ? 0 : static_cast<std::uint64_t>(extent.most_step);
  const unsigned whole = BitsOf(extent.most);
  const unsigned above_least = BitsOf(extent.most - extent.least);
  const unsigned above_step = BitsOf(most_step - least_step);
  const std::size_t packed = PackedSize(numbers.size(), whole);
  const std::size_t from_least =
      PackedSize(numbers.size(), above_least) + VarintSize(extent.least) + 1;
  const std::size_t first = VarintSize(numbers.front());
  const std::size_t steps =
      PackedSize(numbers.size() - 1, above_step) + first + 1 + VarintSize(Zigzag(least_step));
  const std::size_t change =
      1 + std::max(VarintSize(Zigzag(least_step)), VarintSize(Zigzag(most_step)));
  const std::size_t runs = first + 1 + extent.changes * change;
  const std::size_t fewest = std::min({packed, from_least, steps, runs});
  if (fewest == packed) {
    PutByte(out, whole);
    Pack(numbers, 0, whole, out);
  } else if (fewest == from_least) {
    PutByte(out, kFromLeast);
    PutVarint(out, extent.least);
    PutByte(out, above_least);
    Pack(numbers, extent.least, above_least, out);
  } else if (fewest == steps) {
    PutByte(out, kSteps);
    PutVarint(out, numbers.front());
    PutVarint(out, Zigzag(least_step));
    PutByte(out, above_step);
    PackSteps(numbers, least_step, above_step, out);
  } else {
    PutRuns(numbers, out);
  }
}

void PutNumbers(std::span<const std::uint64_t> numbers, std::string& out) {
  INVARIANT(!numbers.empty());
  Extent extent(numbers.front());
  for (const std::uint64_t number : numbers.subspan(1)) extent.Add(number);
  PutNumbers(numbers, extent, out);
}

void TakeNumbers(FrameReader& reader, std::span<std::uint64_t> numbers) {
  INVARIANT(!numbers.empty());
  const std::uint64_t form = reader.Byte();
  if (form <= kWidthMax) return TakePacked(reader, static_cast<unsigned>(form), numbers);
  if (form == kFromLeast) return TakeFromLeast(reader, numbers);
  if (form == kSteps) return TakeSteps(reader, numbers);
  if (form == kRuns) return TakeRuns(reader, numbers);
  reader.Fail("has an array of an unknown form");
  std::fill(numbers.begin(), numbers.end(), 0);
}

}  // namespace relay::columns
