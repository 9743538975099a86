// The TCP and UDP listeners over real sockets and a log in memory.
#include "relay/stream/listener.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/routers.h"
#include "tests/support/log_fixture.h"
#include "tests/support/process/socket.h"

namespace relay::test::relay_stream_listener_test {
namespace {

using std::chrono::milliseconds;

LineTarget Target() {
  LineTarget target{.params = {}, .codec = Codec::kNone, .router = RouterTo({kWest})};
  target.params.database = "d";
  return target;
}

// A clock that the test advances.
class SteppedClock final : public Clock {
 public:
  void Pass(milliseconds time) { passed_ += time.count(); }

  TimePoint Now() const override { return TimePoint() + milliseconds(passed_); }
  WallTime WallNow() const override { return WallTime(milliseconds(passed_)); }
  void WaitFor(Signal& /*signal*/, Duration /*duration*/, const std::stop_token&) override {}

 private:
  std::atomic<std::int64_t> passed_ = 0;
};

const SystemClock kRealTime;

struct Bench {
  explicit Bench(const Clock& with = kRealTime) : clock(with) {}

  LineSurroundings around() { return {log, clock, counters}; }

  void Tcp(TcpLinesOptions options = {}) {
    options.address = {.host = "127.0.0.1", .port = 0};
    listener = StartTcpLines(options, Target(), around()).value();
  }
  void Udp(UdpLinesOptions options = {}) {
    options.address = {.host = "127.0.0.1", .port = 0};
    listener = StartUdpLines(options, Target(), around()).value();
  }
  HostPort At() const { return {.port = listener->port()}; }
  const LineCounters& Own() const { return *counters.line_listeners().at(0); }

  std::string Stored() {
    std::string lines;
    for (const StoredRecord& stored : ReadAll(log, kWest)) lines += stored.record.value()->lines;
    return lines;
  }
  bool WaitStored(const std::string& lines) {
    return Eventually(kPatience, [&] { return Stored() == lines; });
  }
  template <typename Holds>
  bool Wait(Holds holds) {
    return Eventually(kPatience, holds);
  }

  MemoryLog log{{kWest}};
  const Clock& clock;
  Counters counters;
  std::unique_ptr<LineListener> listener;
};

TEST_CASE("tcp lines: what a client sends is stored, however it is cut") {
  Bench bench;
  bench.Tcp();
  RawConnection client(bench.At());
  CHECK(client.Send("m v=1 1\nm v"));
  CHECK(bench.WaitStored("m v=1 1\n"));
  CHECK(client.Send("=2 2\r\nm v=3 3\n"));
  CHECK(bench.WaitStored("m v=1 1\nm v=2 2\nm v=3 3\n"));
  CHECK_EQ(bench.Own().open_connections(), 1);
}

TEST_CASE("tcp lines: a line that an orderly end cuts off is a line, if it is valid") {
  Bench bench;
  bench.Tcp();
  {
    RawConnection client(bench.At());
    CHECK(client.Send("m v=1 1\nm v=2 2"));
  }
  CHECK(bench.WaitStored("m v=1 1\nm v=2 2\n"));
  {
    RawConnection client(bench.At());
    CHECK(client.Send("m v="));
  }
  CHECK(bench.Wait([&] { return bench.Own().refused_lines() == 1; }));
  CHECK(bench.Wait([&] { return bench.Own().open_connections() == 0; }));
}

TEST_CASE("tcp lines: a line that a reset cuts off is refused") {
  Bench bench;
  bench.Tcp();
  RawConnection client(bench.At());
  CHECK(client.Send("m v=1 1\nm v=2 2"));
  CHECK(bench.WaitStored("m v=1 1\n"));
  client.Reset();
  CHECK(bench.Wait([&] { return bench.Own().refused_lines() == 1; }));
  CHECK_EQ(bench.Stored(), "m v=1 1\n");
}

TEST_CASE("tcp lines: a bad line costs nothing but itself") {
  Bench bench;
  bench.Tcp();
  RawConnection client(bench.At());
  CHECK(client.Send("m v=1 1\nm s=\"never closed 2\nm v=3 3\n"));
  CHECK(bench.WaitStored("m v=1 1\nm v=3 3\n"));
  CHECK_EQ(bench.Own().refused_lines(), 1);
}

TEST_CASE("tcp lines: a line may be as long as the limit, and a longer one is skipped") {
  constexpr std::size_t kLimit = 64U << 10U;
  const auto line_of = [](std::size_t size) {
    const std::string start = "m s=\"";
    const std::string end = "\" 1";
    return start + std::string(size - start.size() - end.size(), 'x') + end;
  };
  Bench bench;
  bench.Tcp();
  RawConnection client(bench.At());
  CHECK(client.Send(line_of(kLimit) + "\n" + line_of(kLimit + 1) + "\n"));
  CHECK(client.Send(std::string(1U << 20U, 'y') + "\nm v=3 3\n"));
  CHECK(bench.WaitStored(line_of(kLimit) + "\nm v=3 3\n"));
  CHECK_EQ(bench.Own().refused_lines(), 2);
}

TEST_CASE("tcp lines: while the log takes nothing clients wait, then all goes on by itself") {
  Bench bench;
  bench.Tcp({.batcher = {.waiting = 1_MiB, .retry = milliseconds(5)}});
  bench.log.Fail(true);
  // Exceeds what the listener and the kernel's buffers take.
  const std::string line = fmt::format("m s=\"{}\" 1\n", std::string(1'000, 'x'));
  std::string lines;
  while (lines.size() < (24U << 20U)) lines += line;
  std::atomic<bool> sent = false;
  std::jthread sender([&] {
    RawConnection client(bench.At());
    CHECK(client.Send(lines));
    sent = true;
  });
  CHECK(bench.Wait([&] { return bench.Own().open_connections() == 1; }));
  CHECK_FALSE(Eventually(milliseconds(200), [&] { return sent.load(); }));
  bench.log.Fail(false);
  CHECK(bench.Wait([&] { return bench.Own().accepted_bytes() == lines.size(); }));
  CHECK_EQ(bench.Own().refused_lines(), 0);
}

TEST_CASE("tcp lines: beyond the limit clients are turned away, until another leaves") {
  Bench bench;
  bench.Tcp({.connections_max = 1});
  auto first = std::make_unique<RawConnection>(bench.At());
  CHECK(bench.Wait([&] { return bench.Own().open_connections() == 1; }));
  RawConnection second(bench.At());
  CHECK(second.ReadUntilClose().closed);
  CHECK_EQ(bench.Own().turned_away(), 1);
  first.reset();
  CHECK(bench.Wait([&] { return bench.Own().open_connections() == 0; }));
  RawConnection third(bench.At());
  CHECK(third.Send("m v=3 3\n"));
  CHECK(bench.WaitStored("m v=3 3\n"));
}

TEST_CASE("tcp lines: a silent client is disconnected, one that talks is not") {
  SteppedClock clock;
  Bench bench(clock);
  bench.Tcp({.idle = milliseconds(300), .batcher = {.linger = milliseconds(0)}});
  RawConnection silent(bench.At());
  CHECK(silent.Send("m v=1"));
  RawConnection talking(bench.At());
  REQUIRE(bench.Wait([&] { return bench.Own().open_connections() == 2; }));
  CHECK(talking.Send("m v=1 1\n"));
  REQUIRE(bench.WaitStored("m v=1 1\n"));

  clock.Pass(milliseconds(299));
  CHECK(talking.Send("m v=2 2\n"));
  CHECK(bench.WaitStored("m v=1 1\nm v=2 2\n"));
  CHECK_EQ(bench.Own().open_connections(), 2);
  clock.Pass(milliseconds(1));
  CHECK(silent.ReadUntilClose().closed);
  CHECK_EQ(bench.Own().refused_lines(), 1);
  CHECK(talking.Send("m v=3 3\n"));
  CHECK(bench.WaitStored("m v=1 1\nm v=2 2\nm v=3 3\n"));
}

TEST_CASE("tcp lines: what was sent before the stop is stored before it returns") {
  Bench bench;
  bench.Tcp({.batcher = {.linger = std::chrono::hours(1)}});
  RawConnection client(bench.At());
  CHECK(client.Send("m v=1 1\nm v=2 2\nm v=3"));
  CHECK(bench.Wait([&] { return bench.Own().open_connections() == 1; }));
  bench.listener->Stop(kPatience);
  CHECK_EQ(bench.Stored(), "m v=1 1\nm v=2 2\n");
  CHECK_EQ(bench.Own().refused_lines(), 1);  // The half line.
}

TEST_CASE(
    "line listeners: a stop ends in time where the log takes nothing, and says what is lost") {
  Bench bench;
  bench.Udp();
  bench.log.Fail(true);
  SendPacket(bench.At(), "m v=1 1\n");
  CHECK(bench.Wait([&] { return bench.Own().packets() == 1; }));
  bench.listener->Stop(milliseconds(50));
  CHECK_EQ(bench.Own().abandoned_points(), 1);
}

TEST_CASE("line listeners: an address in use is reported") {
  Bench bench;
  bench.Tcp();
  const ListenAddress taken{.host = "127.0.0.1", .port = bench.listener->port()};
  const auto second = StartTcpLines({.address = taken, .batcher = {}}, Target(), bench.around());
  REQUIRE_FALSE(second.ok());
  CHECK_EQ(second.error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(second.error().message(),
           fmt::format("tcp: cannot listen on {}: Address already in use", ToString(taken)));

  Bench udp;
  udp.Udp();
  const ListenAddress same{.host = "127.0.0.1", .port = udp.listener->port()};
  CHECK_FALSE(StartUdpLines({.address = same, .batcher = {}}, Target(), udp.around()).ok());
}

TEST_CASE("udp lines: packets are joined and stored, bad lines counted") {
  Bench bench;
  bench.Udp();
  SendPacket(bench.At(), "m v=1 1\nm v=2 2");
  SendPacket(bench.At(), "bad");
  SendPacket(bench.At(), "m s=\"a\nb\" 3\n");
  SendPacket(bench.At(), "");
  CHECK(bench.Wait([&] { return bench.Own().packets() == 4; }));
  CHECK(bench.WaitStored("m v=1 1\nm v=2 2\nm s=\"a\nb\" 3\n"));
  CHECK_EQ(bench.Own().refused_lines(), 1);
}

TEST_CASE("udp lines: what the socket has no room for is counted, all else is stored") {
  Bench bench;
  bench.Udp({.read_buffer = 16_KiB, .batcher = {.waiting = 1_B, .retry = milliseconds(5)}});
  bench.log.Fail(true);
  SendPacket(bench.At(), "m v=0 0\n");  // The batcher has no room from here on.
  REQUIRE(bench.Wait([&] { return bench.Own().packets() == 1; }));
  constexpr std::uint64_t kPackets = 200;
  for (std::uint64_t i = 1; i < kPackets; ++i) {
    SendPacket(bench.At(), fmt::format("m v={} {}\n", i, i) + std::string(1'000, '\n'));
  }
  CHECK(bench.Wait([&] { return bench.Own().lost_packets() > 0; }));
  bench.log.Fail(false);
  CHECK(bench.Wait(
      [&] { return bench.Own().accepted_points() + bench.Own().lost_packets() == kPackets; }));
  CHECK_EQ(bench.Own().packets(), bench.Own().accepted_points());
}

TEST_CASE("udp lines: what has arrived before the stop is stored before it returns") {
  Bench bench;
  bench.Udp({.batcher = {.linger = std::chrono::hours(1)}});
  for (int i = 0; i < 100; ++i) SendPacket(bench.At(), fmt::format("m v={} {}\n", i, i));
  bench.listener->Stop(kPatience);
  CHECK_EQ(bench.log.StatsOf(kWest).value().owed.points, 100);
}

TEST_CASE("line listeners: a new target holds from then on") {
  Bench bench;
  bench.Udp();
  LineTarget other = Target();
  other.params.database = "e";
  bench.listener->Retarget(other);
  SendPacket(bench.At(), "m v=1 1\n");
  CHECK(bench.WaitStored("m v=1 1\n"));
  CHECK_EQ(ReadAll(bench.log, kWest)[0].record.value()->params.database, "e");
}

}  // namespace
}  // namespace relay::test::relay_stream_listener_test
