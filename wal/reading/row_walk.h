// Walks the rows of a family whose keys are one prefix followed by a number, in order, each at most
// once. Unreadable rows do not end the walk: it continues at the next readable number and reports
// the range between.
//
// THREADS. One. The store outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wal/store/store.h"

namespace relay {

class NumberWalk {
 public:
  // Numbers that the store cannot read; how many of them have rows is unknown.
  struct Unreadable {
    std::uint64_t first = 0;
    std::uint64_t last = 0;  // Inclusive; if no row follows, the highest number.
    Error error;
  };

  // Starts at the first row whose number is at least `from`.
  NumberWalk(const Store& store, Family family, std::string prefix, std::uint64_t from);

  bool AtEnd() const { return ended_; }
  std::uint64_t Number() const { return number_; }         // REQUIRES: !AtEnd().
  std::string_view Key() const { return at_->Key(); }      // REQUIRES: !AtEnd().
  std::string_view Value() const { return at_->Value(); }  // REQUIRES: !AtEnd().
  void Next();                                             // REQUIRES: !AtEnd().
  void Seek(std::uint64_t from);

  // Returns the unreadable range on the way here, once.
  std::optional<Unreadable> TakeUnreadable();

 private:
  std::string KeyOf(std::uint64_t number) const;
  void ReadNumber(std::uint64_t from);
  bool IsReadable(std::uint64_t number);
  void Cross(std::uint64_t from);

  const Store& store_;
  const Family family_;
  const std::string prefix_;
  std::unique_ptr<StoreCursor> at_;
  std::uint64_t number_ = 0;
  std::optional<Unreadable> unreadable_;
  bool ended_ = false;
};

}  // namespace relay
