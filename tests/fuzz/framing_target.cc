#include <memory>
#include <string>

#include "relay/lineprotocol/scanner.h"
#include "relay/stream/batcher.h"
#include "tests/fuzz/targets.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/routers.h"
#include "wal/base/clock.h"

namespace relay::fuzz {
namespace {

struct Listener {
  BackendId backend = BackendId::Parse("a").value();
  test::MemoryLog log{{backend}};
  test::FakeClock clock;
  Counters counters;
  LineCounters of_listener{"tcp", "127.0.0.1:1"};
  LineBatcher batcher{
      {},
      {.params = {.database = "d"}, .codec = Codec::kNone, .router = test::RouterTo({backend})},
      {log, clock, counters},
      of_listener,
      [] {}};
};

}  // namespace

// A 0xFF byte ends a packet; bytes before the first one are a stream.
void FuzzFraming(std::string_view input) {
  Listener listener;
  PointCount expected = 0;
  bool stream = true;
  while (!input.empty()) {
    const std::size_t end = std::min(input.find('\xff'), input.size());
    std::string piece(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
    if (stream) {
      piece += '\n';
      listener.batcher.AddLines(std::move(piece));
    } else {
      expected += ScanLines(piece, Precision::kNanosecond, listener.clock.WallNow()).points;
      listener.batcher.AddBody(std::move(piece));
    }
    stream = false;
  }
  listener.batcher.StopLingering();
  for (int turns = 0; !listener.batcher.empty(); ++turns) {
    INVARIANT(turns < 1'000);
    listener.batcher.Turn();
  }
  const PointCount stored = listener.log.StatsOf(listener.backend).value().accepted.points;
  INVARIANT(stored >= expected);  // The stream's lines are stored too.
}

}  // namespace relay::fuzz
