#include "replay/delivery/window.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace relay::test::replay_delivery_window_test {
namespace {

// A record whose first line has a name that is not UTF-8, which no backend gets.
StoredRecord WithUnsendableLine(std::uint64_t sequence) {
  auto record = std::make_shared<Record>();
  record->params.database = "db";
  record->points = 2;
  record->lines = "m\xff v=1 1\nm v=2 2\n";
  StoredRecord stored{.entry = {}, .record = std::shared_ptr<const Record>(std::move(record))};
  stored.entry.position.sequence = Sequence(sequence);
  stored.entry.size.points = 2;
  return stored;
}

TEST_CASE("window: a line that cannot be sent is a dead letter of its record") {
  Window window;
  window.Add(WithUnsendableLine(1), WallTime());
  WindowEntry& one = window.At(Sequence(1));
  CHECK_FALSE(one.is_resolved());
  CHECK_EQ(one.record->lines, "m v=2 2\n");
  one.delivered = 1;
  one.batches_left = 0;
  const ResolvedPrefix prefix = window.Resolved().value();
  REQUIRE_EQ(prefix.letters.size(), 1);
  CHECK_EQ(prefix.letters[0].lines, "m\xff v=1 1\n");
  CHECK_EQ(prefix.delivered, 1);
}

TEST_CASE("window: a record on hold goes with all its lines, and comes back as it was read") {
  Window window;
  window.Add(WithUnsendableLine(1), WallTime());
  window.At(Sequence(1)).delivered = 1;
  window.Hold(Sequence(1));
  const ResolvedPrefix held = window.Resolved().value();
  CHECK_EQ(held.held.size(), 1);
  CHECK(held.letters.empty());  // It is found again when the held record is read.
  CHECK_EQ(held.delivered, 0);
  window.Unhold(Sequence(1));
  CHECK_FALSE(window.Resolved().has_value());
  window.At(Sequence(1)).batches_left = 0;
  CHECK_EQ(window.Resolved().value().letters.size(), 1);
}

}  // namespace
}  // namespace relay::test::replay_delivery_window_test
