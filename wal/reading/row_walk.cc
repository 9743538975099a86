#include "wal/reading/row_walk.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "wal/base/big_endian.h"

namespace relay {
namespace {

constexpr std::uint64_t kNumberMax = std::numeric_limits<std::uint64_t>::max();

}  // namespace

NumberWalk::NumberWalk(const Store& store, Family family, std::string prefix, std::uint64_t from)
    : store_(store), family_(family), prefix_(std::move(prefix)), at_(store.NewCursor(family)) {
  Seek(from);
}

std::string NumberWalk::KeyOf(std::uint64_t number) const {
  std::string key = prefix_;
  PutBigEndian(key, number);
  return key;
}

void NumberWalk::Seek(std::uint64_t from) {
  ended_ = false;
  at_->Seek(KeyOf(from));
  ReadNumber(from);
}

void NumberWalk::Next() {
  const std::uint64_t from = number_ + 1;
  ended_ = from == 0;
  if (ended_) return;
  at_->Next();
  ReadNumber(from);
}

std::optional<NumberWalk::Unreadable> NumberWalk::TakeUnreadable() {
  return std::exchange(unreadable_, std::nullopt);
}

// Reads the number at the cursor; all rows before `from` were already seen.
void NumberWalk::ReadNumber(std::uint64_t from) {
  const std::size_t size = prefix_.size() + sizeof(std::uint64_t);
  while (true) {
    if (!at_->Valid() && !at_->Health().ok()) Cross(from);
    ended_ = !at_->Valid() || !at_->Key().starts_with(prefix_);
    if (ended_ || at_->Key().size() == size) break;
    at_->Next();  // Skips a key of unexpected length.
  }
  if (ended_) return;
  BigEndianReader reader(at_->Key().substr(prefix_.size()));
  number_ = reader.Take<std::uint64_t>();
}

// A RocksDB iterator that met a damaged block may report it again for the next one: each try uses a
// new iterator.
bool NumberWalk::IsReadable(std::uint64_t number) {
  at_ = store_.NewCursor(family_);
  at_->Seek(KeyOf(number));
  return at_->Valid() || at_->Health().ok();
}

// Looks ahead in doubling steps, then bisects for the first readable number: damage is a block or a
// file whose end is unknown.
void NumberWalk::Cross(std::uint64_t from) {
  Unreadable crossed{.first = from, .last = from, .error = std::move(at_->Health()).error()};
  std::uint64_t damaged = from;
  std::uint64_t step = 1;
  while (damaged != kNumberMax && !IsReadable(damaged + step)) {
    damaged += step;
    step = std::min(step * 2, kNumberMax - damaged);
  }
  std::uint64_t readable = damaged == kNumberMax ? damaged : damaged + step;
  while (readable - damaged > 1) {
    const std::uint64_t middle = damaged + (readable - damaged) / 2;
    (IsReadable(middle) ? readable : damaged) = middle;
  }
  IsReadable(readable);
  crossed.last = damaged;
  unreadable_ = std::move(crossed);
}

}  // namespace relay
