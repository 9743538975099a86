#include "relay/lineprotocol/fast_path.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <limits>

#include "relay/lineprotocol/grammar.h"
#include "wal/base/byte_set.h"
#include "wal/base/invariant.h"
#include "wal/base/utf8.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Inlines everything: one function per part reads best, one per line runs fastest.
#define RELAY_INLINE [[gnu::always_inline]] inline

namespace relay {
namespace {

constexpr ByteSet kStructure(std::string_view(",= \"\\\t\n\0", 8));

// ------------------------------------------------------- the bytes of a value

// Bit masks of the classes of the last kMaskBytes bytes of a text, the first byte in
// the lowest bit.
constexpr std::size_t kMaskBytes = 32;

struct ValueMasks {
  std::uint32_t digits = 0;
  std::uint32_t dots = 0;
};

#if defined(__x86_64__)

RELAY_INLINE __m128i LoadHalf(const char* from) {
  __m128i bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

RELAY_INLINE std::uint32_t DigitMask(__m128i bytes) {
  // Shifts '0' to '9' to the ten least signed bytes.
  const __m128i shifted = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(128 - '0')));
  return static_cast<std::uint32_t>(
      _mm_movemask_epi8(_mm_cmpgt_epi8(_mm_set1_epi8(-128 + 10), shifted)));
}

RELAY_INLINE std::uint32_t DotMask(__m128i bytes) {
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.'))));
}

RELAY_INLINE ValueMasks MasksBefore(const char* end) {
  const __m128i low = LoadHalf(end - kMaskBytes);
  const __m128i high = LoadHalf(end - kMaskBytes / 2);
  return {DigitMask(low) | DigitMask(high) << 16U, DotMask(low) | DotMask(high) << 16U};
}

#else

ValueMasks MasksBefore(const char* end) {
  ValueMasks masks;
  for (std::size_t i = 0; i < kMaskBytes; ++i) {
    const char c = *(end - kMaskBytes + i);
    masks.digits |= static_cast<std::uint32_t>(c >= '0' && c <= '9') << i;
    masks.dots |= static_cast<std::uint32_t>(c == '.') << i;
  }
  return masks;
}

#endif

// A part of the text.
struct Span {
  const char* begin;
  std::size_t size;

  const char* end() const { return begin + size; }
  std::string_view text() const { return {begin, size}; }
};

// An integer of at most this many bytes, with its suffix, is in range.
constexpr std::size_t kIntegerBytesMax = 19;

// Returns whether `value` is an integer or a float whose size cannot be out of range. It does not
// branch on the bytes: they follow no pattern.
// REQUIRES: kMaskBytes bytes before its end may be read.
RELAY_INLINE bool IsPlainNumber(Span value) {
  constexpr std::uint32_t kOne = 1;
  if (value.size > kMaskBytes) return false;
  const std::uint32_t first = kOne << (kMaskBytes - value.size);
  const std::uint32_t last = kOne << (kMaskBytes - 1);
  const std::uint32_t within = ~(first - 1);

  const ValueMasks masks = MasksBefore(value.end());
  const std::uint32_t digits = masks.digits & within;
  const std::uint32_t dots = masks.dots & within;
  const std::uint32_t minus = *value.begin == '-' ? first : 0;
  const std::uint32_t suffix = *(value.end() - 1) == 'i' ? last : 0;

  const bool complete = (digits | dots | minus | suffix) == within;
  const bool one_dot = (dots & (dots - 1)) == 0;
  const bool no_long_integer = suffix == 0 || (dots == 0 && value.size <= kIntegerBytesMax);
  return static_cast<bool>(static_cast<unsigned>(complete) & static_cast<unsigned>(one_dot) &
                           static_cast<unsigned>(digits != 0) &
                           static_cast<unsigned>(no_long_integer));
}

[[gnu::noinline]] bool IsOtherValue(std::string_view text) {
  return WhyNotValue(text).empty();
}

// REQUIRES: as above; text is not empty and no longer than kMaskBytes.
RELAY_INLINE bool AreDigits(Span text) {
  const std::uint32_t others = ~MasksBefore(text.end()).digits;
  return others >> (kMaskBytes - text.size) == 0;
}

bool AreDigits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

RELAY_INLINE bool IsTime(Span name) {
  constexpr std::string_view kTime = "time";
  return name.text() == kTime;
}

// ----------------------------------------------------------------- the index

static_assert(kWindowBytes <= std::numeric_limits<std::uint16_t>::max());

std::uint16_t Position(std::size_t at) {
  return static_cast<std::uint16_t>(at);
}

#if defined(__x86_64__)

constexpr std::size_t kBlockBytes = 64;

// Returns the structural bytes among 32. All but two have a low nibble of their own.
__attribute__((target("avx2"))) std::uint32_t StructureMask(__m256i bytes) {
  const __m256i by_low_nibble =
      _mm256_setr_epi8(' ', -1, '"', -1, -1, -1, -1, -1, -1, '\t', '\n', -1, ',', '=', -1, -1,  //
                       ' ', -1, '"', -1, -1, -1, -1, -1, -1, '\t', '\n', -1, ',', '=', -1, -1);
  const __m256i most = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(by_low_nibble, bytes), bytes);
  const __m256i backslashes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
  const __m256i nuls = _mm256_cmpeq_epi8(bytes, _mm256_setzero_si256());
  return static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_or_si256(most, _mm256_or_si256(backslashes, nuls))));
}

__attribute__((target("avx2"))) std::uint64_t StructureOfBlock(const char* block,
                                                               __m256i& all_bytes) {
  __m256i low;
  __m256i high;
  std::memcpy(&low, block, sizeof low);
  std::memcpy(&high, block + sizeof low, sizeof high);
  all_bytes = _mm256_or_si256(all_bytes, _mm256_or_si256(low, high));
  return StructureMask(low) | static_cast<std::uint64_t>(StructureMask(high)) << 32U;
}

// Writes at least kAtOnce positions, to avoid branching on their number.
RELAY_INLINE __attribute__((target("avx2,bmi,popcnt"))) void AppendPositions(
    std::uint64_t mask, std::size_t block, StructureIndex& index) {
  constexpr std::size_t kAtOnce = 8;
  std::uint16_t* out = index.positions.data() + index.count;
  index.count += static_cast<std::size_t>(std::popcount(mask));
  const std::uint16_t* end = index.positions.data() + index.count;
  do {
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      *out++ = Position(block + static_cast<std::size_t>(std::countr_zero(mask)));
      mask &= mask - 1;
    }
  } while (out < end);
}

// REQUIRES: window.size() >= kBlockBytes.
__attribute__((target("avx2,bmi,popcnt"))) void IndexStructureAvx2(std::string_view window,
                                                                   StructureIndex& index) {
  index.count = 0;
  __m256i all_bytes = _mm256_setzero_si256();  // Their bits together.
  std::size_t at = 0;
  for (; at + kBlockBytes <= window.size(); at += kBlockBytes) {
    AppendPositions(StructureOfBlock(window.data() + at, all_bytes), at, index);
  }
  const std::size_t rest = window.size() - at;
  if (rest != 0) {
    const std::uint64_t last =
        StructureOfBlock(window.data() + window.size() - kBlockBytes, all_bytes);
    AppendPositions(last >> (kBlockBytes - rest), at, index);
  }
  index.is_ascii = _mm256_movemask_epi8(all_bytes) == 0;
}

bool HasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("popcnt");
}

#endif

// ------------------------------------------------------------------ one line

// The keys of a line's tags, to find duplicates.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): as with StructureIndex.
class TagKeys {
 public:
  // Returns true if `key` is new; false also if there are too many keys to tell.
  bool Add(Span key) {
    if (count_ == kCountMax) return false;
    keys_[count_++] = key;
    if (key.text() <= highest_) return IsFirst(key);
    highest_ = key.text();  // Always so if the tags are sorted.
    return true;
  }

 private:
  static constexpr std::size_t kCountMax = 32;

  [[gnu::noinline]] bool IsFirst(Span key) const {
    const auto* last = keys_.data() + count_ - 1;
    return std::none_of(keys_.data(), last, [&](Span other) { return other.text() == key.text(); });
  }

  std::string_view highest_;
  std::size_t count_ = 0;
  std::array<Span, kCountMax> keys_;
};

// Walks over one line from one structural byte to the next; the last one is the line's
// newline. The walk cannot pass it: it stops at any unexpected byte, and expects a
// newline only at the end.
class Walk {
 public:
  // `text`: nothing before it is read. `next`: the line's first position.
  Walk(const char* text, const char* window, const StructureIndex& index, std::size_t next)
      : text_(text),
        window_(window),
        next_(index.positions.data() + next),
        is_ascii_(index.is_ascii) {}

  const std::uint16_t* next() const { return next_; }
  std::size_t at() const { return at_; }
  char Here() const { return window_[at_]; }

  // Takes the measurement and the tags, up to the space behind them.
  bool TakeKey(std::size_t start);

  // Takes the fields, up to the space or the newline behind them.
  bool TakeFields();

  // Takes the time, up to the newline.
  bool TakeTime(TimeBound bound);

 private:
  void Step() { at_ = *next_++; }
  void StepBare();
  bool TakeTag();
  bool TakeField();
  bool TakeString();
  bool IsValue(Span value) const;
  bool IsName(Span name) const;

  Span From(std::size_t start) const { return {window_ + start, at_ - start}; }
  bool MayReadMasks() const {
    return static_cast<std::size_t>(window_ + at_ - text_) >= kMaskBytes;
  }

  const char* text_;
  const char* window_;
  const std::uint16_t* next_;
  std::size_t at_ = 0;
  const bool is_ascii_;  // The whole window.
  TagKeys tags_;
};

// Steps to the next structural byte that is not escaped; or to a backslash, which is
// never expected.
RELAY_INLINE void Walk::StepBare() {
  Step();
  while (Here() == '\\') {
    if (*next_ == at_ + 1) {
      const char escaped = window_[at_ + 1];
      if (escaped != ',' && escaped != '=' && escaped != ' ') return;
      ++next_;
    }
    Step();
  }
}

RELAY_INLINE bool Walk::TakeKey(std::size_t start) {
  StepBare();
  if (at_ == start || window_[start] == '#' || !IsName(From(start))) return false;
  while (Here() == ',') {
    if (!TakeTag()) return false;
  }
  return Here() == ' ';
}

RELAY_INLINE bool Walk::TakeTag() {
  const std::size_t start = at_ + 1;
  StepBare();
  const Span key = From(start);
  if (Here() != '=' || key.size == 0 || IsTime(key) || !tags_.Add(key)) return false;

  const std::size_t value = at_ + 1;
  StepBare();
  return at_ != value;
}

RELAY_INLINE bool Walk::TakeFields() {
  do {
    if (!TakeField()) return false;
  } while (Here() == ',');
  return Here() == ' ' || Here() == '\n';
}

RELAY_INLINE bool Walk::TakeField() {
  const std::size_t key = at_ + 1;
  StepBare();
  if (Here() != '=' || at_ == key || IsTime(From(key)) || !IsName(From(key))) return false;

  const std::size_t value = at_ + 1;
  Step();
  if (Here() == '"') return at_ == value && TakeString();
  return at_ != value && IsValue(From(value));
}

// Steps from the quote that opens a string to the byte after its closing quote.
RELAY_INLINE bool Walk::TakeString() {
  do {
    Step();
    if (Here() == '\n' || Here() == '\0') return false;
    if (Here() == '\\' && *next_ == at_ + 1) {
      if (window_[at_ + 1] == '\n' || window_[at_ + 1] == '\0') return false;
      ++next_;
    }
  } while (Here() != '"');
  const std::size_t behind = at_ + 1;
  Step();
  return at_ == behind;
}

RELAY_INLINE bool Walk::IsName(Span name) const {
  return is_ascii_ || IsUtf8(name.text());
}

RELAY_INLINE bool Walk::IsValue(Span value) const {
  return (MayReadMasks() && IsPlainNumber(value)) || IsOtherValue(value.text());
}

RELAY_INLINE bool Walk::TakeTime(TimeBound bound) {
  const std::size_t start = at_ + 1;
  Step();
  const Span time = From(start);
  const bool in_range = time.size < bound.bytes_max ||
                        (time.size == bound.bytes_max && *time.begin < bound.first_below);
  if (Here() != '\n' || time.size == 0 || !in_range) return false;
  return MayReadMasks() ? AreDigits(time) : AreDigits(time.text());
}

constexpr TimeBound BoundOf(std::chrono::nanoseconds unit) {
  TimeBound bound{1, '0'};
  std::int64_t units_max = std::numeric_limits<std::int64_t>::max() / unit.count();
  for (; units_max >= 10; units_max /= 10) ++bound.bytes_max;
  bound.first_below = static_cast<char>('0' + units_max);
  return bound;
}

// In the order of Precision.
constexpr std::array<TimeBound, 6> kTimeBounds = {
    BoundOf(std::chrono::nanoseconds(1)),  BoundOf(std::chrono::microseconds(1)),
    BoundOf(std::chrono::milliseconds(1)), BoundOf(std::chrono::seconds(1)),
    BoundOf(std::chrono::minutes(1)),      BoundOf(std::chrono::hours(1)),
};

}  // namespace

void IndexStructurePortably(std::string_view window, StructureIndex& index) {
  INVARIANT(window.size() <= kWindowBytes);
  index.count = 0;
  index.is_ascii = IsAscii(window);
  for (std::size_t at = 0; at < window.size(); ++at) {
    index.positions[index.count] = Position(at);
    index.count += kStructure.Has(window[at]) ? 1U : 0U;
  }
}

void IndexStructure(std::string_view window, StructureIndex& index) {
  INVARIANT(window.size() <= kWindowBytes);
#if defined(__x86_64__)
  if (window.size() >= kBlockBytes && HasAvx2()) return IndexStructureAvx2(window, index);
#endif
  IndexStructurePortably(window, index);
}

FastLines::FastLines(std::string_view text, Precision precision)
    : text_(text), bound_(kTimeBounds[static_cast<std::size_t>(precision)]) {}

FastLines::Line FastLines::Next(std::size_t at) {
  if (at >= window_end_) OpenWindow(at);
  if (at >= window_end_) return {};  // Longer than a window.
  while (window_ + index_.positions[next_] < at) ++next_;

  Walk walk(text_.data(), text_.data() + window_, index_, next_);
  if (!walk.TakeKey(at - window_) || !walk.TakeFields()) return {};
  const bool timed = walk.Here() == ' ';
  if (timed && !walk.TakeTime(bound_)) return {};
  next_ = static_cast<std::size_t>(walk.next() - index_.positions.data());
  return {timed ? Kind::kTimed : Kind::kUntimed, window_ + walk.at()};
}

// Indexes only whole lines, so that no walk can leave the index.
void FastLines::OpenWindow(std::size_t at) {
  const std::string_view window = text_.substr(at, kWindowBytes);
  IndexStructure(window, index_);
  while (index_.count != 0 && window[index_.positions[index_.count - 1]] != '\n') --index_.count;
  window_ = at;
  window_end_ = index_.count == 0 ? at : at + index_.positions[index_.count - 1] + 1U;
  next_ = 0;
}

}  // namespace relay
