// The TCP and UDP listeners over real sockets and a log in memory.
#include "relay/stream/listener.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

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

// A clock that the test moves.
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

struct Fixture {
  explicit Fixture(const Clock& with = kRealTime) : clock(with) {}

  ListenerDeps deps() { return {log, clock, counters}; }

  void Tcp(TcpListenerOptions options = {}) {
    options.address = {.host = "127.0.0.1", .port = 0};
    listener = StartTcpListener(options, Target(), deps()).value();
  }
  void Udp(UdpListenerOptions options = {}) {
    options.address = {.host = "127.0.0.1", .port = 0};
    listener = StartUdpListener(options, Target(), deps()).value();
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

TEST_CASE("tcp lines: lines are stored however the stream is cut into pieces") {
  Fixture fixture;
  fixture.Tcp();
  RawConnection client(fixture.At());
  CHECK(client.Send("m v=1 1\nm v"));
  CHECK(fixture.WaitStored("m v=1 1\n"));
  CHECK(client.Send("=2 2\r\nm v=3 3\n"));
  CHECK(fixture.WaitStored("m v=1 1\nm v=2 2\nm v=3 3\n"));
  CHECK_EQ(fixture.Own().open_connections(), 1);
}

TEST_CASE("tcp lines: an orderly end of the connection ends the last line") {
  Fixture fixture;
  fixture.Tcp();
  {
    RawConnection client(fixture.At());
    CHECK(client.Send("m v=1 1\nm v=2 2"));
  }
  CHECK(fixture.WaitStored("m v=1 1\nm v=2 2\n"));
  {
    RawConnection client(fixture.At());
    CHECK(client.Send("m v="));
  }
  CHECK(fixture.Wait([&] { return fixture.Own().refused_lines() == 1; }));
  CHECK(fixture.Wait([&] { return fixture.Own().open_connections() == 0; }));
}

TEST_CASE("tcp lines: a partial line before a reset is refused") {
  Fixture fixture;
  fixture.Tcp();
  RawConnection client(fixture.At());
  CHECK(client.Send("m v=1 1\nm v=2 2"));
  CHECK(fixture.WaitStored("m v=1 1\n"));
  client.Reset();
  CHECK(fixture.Wait([&] { return fixture.Own().refused_lines() == 1; }));
  CHECK_EQ(fixture.Stored(), "m v=1 1\n");
}

TEST_CASE("tcp lines: a bad line does not affect the lines around it") {
  Fixture fixture;
  fixture.Tcp();
  RawConnection client(fixture.At());
  CHECK(client.Send("m v=1 1\nm s=\"never closed 2\nm v=3 3\n"));
  CHECK(fixture.WaitStored("m v=1 1\nm v=3 3\n"));
  CHECK_EQ(fixture.Own().refused_lines(), 1);
}

TEST_CASE("tcp lines: a line may be as long as the limit, and a longer one is skipped") {
  constexpr std::size_t kLimit = 64U << 10U;
  const auto line_of = [](std::size_t size) {
    const std::string start = "m s=\"";
    const std::string end = "\" 1";
    return start + std::string(size - start.size() - end.size(), 'x') + end;
  };
  Fixture fixture;
  fixture.Tcp({.batcher = {.line_max = 64_KiB}});
  RawConnection client(fixture.At());
  CHECK(client.Send(line_of(kLimit) + "\n" + line_of(kLimit + 1) + "\n"));
  CHECK(client.Send(std::string(1U << 20U, 'y') + "\nm v=3 3\n"));
  CHECK(fixture.WaitStored(line_of(kLimit) + "\nm v=3 3\n"));
  CHECK_EQ(fixture.Own().refused_lines(), 2);
}

TEST_CASE("tcp lines: long lines of all clients together are bounded, short ones are not") {
  Fixture fixture;
  fixture.Tcp({.long_lines = 1_MiB});
  const std::string half = "m s=\"" + std::string(600'000, 'x');
  RawConnection first(fixture.At());
  RawConnection second(fixture.At());
  RawConnection third(fixture.At());
  CHECK(first.Send(half));
  CHECK(third.Send("m v=3"));
  CHECK(fixture.Wait([&] { return fixture.Own().open_connections() == 3; }));
  CHECK(second.Send(half));
  CHECK(fixture.Wait([&] { return fixture.Own().refused_lines() == 1; }));
  CHECK(third.Send(" 3\n"));
  CHECK(fixture.WaitStored("m v=3 3\n"));
  // One of the two was refused; room is made as soon as the other one ends.
  CHECK(first.Send("\nm v=1 1\n"));
  CHECK(second.Send("\nm v=2 2\n"));
  CHECK(fixture.Wait([&] { return fixture.Own().refused_lines() == 2; }));
  CHECK(first.Send(half + "\" 4\n"));
  CHECK(second.Send("m v=5 5\n"));
  CHECK(fixture.Wait([&] { return fixture.Own().accepted_points() == 5; }));
  CHECK_EQ(fixture.Own().refused_lines(), 2);
}

TEST_CASE(
    "tcp lines: while the log is not accepting writes clients wait, then all continues by itself") {
  Fixture fixture;
  fixture.Tcp({.batcher = {.waiting = 1_MiB, .retry = milliseconds(5)}});
  fixture.log.Fail(true);
  // More than the listener and the kernel's buffers take.
  const std::string line = fmt::format("m s=\"{}\" 1\n", std::string(1'000, 'x'));
  std::string lines;
  while (lines.size() < (24U << 20U)) lines += line;
  std::atomic<bool> sent = false;
  std::jthread sender([&] {
    RawConnection client(fixture.At());
    CHECK(client.Send(lines));
    sent = true;
  });
  CHECK(fixture.Wait([&] { return fixture.Own().open_connections() == 1; }));
  CHECK_FALSE(Eventually(milliseconds(200), [&] { return sent.load(); }));
  fixture.log.Fail(false);
  CHECK(fixture.Wait([&] { return fixture.Own().accepted_bytes() == lines.size(); }));
  CHECK_EQ(fixture.Own().refused_lines(), 0);
}

TEST_CASE("tcp lines: beyond the limit clients are turned away, until another leaves") {
  Fixture fixture;
  fixture.Tcp({.connections_max = 1});
  auto first = std::make_unique<RawConnection>(fixture.At());
  CHECK(fixture.Wait([&] { return fixture.Own().open_connections() == 1; }));
  RawConnection second(fixture.At());
  CHECK(second.ReadUntilClose().closed);
  CHECK_EQ(fixture.Own().turned_away(), 1);
  first.reset();
  CHECK(fixture.Wait([&] { return fixture.Own().open_connections() == 0; }));
  RawConnection third(fixture.At());
  CHECK(third.Send("m v=3 3\n"));
  CHECK(fixture.WaitStored("m v=3 3\n"));
}

TEST_CASE("tcp lines: a silent client is disconnected, one that talks is not") {
  SteppedClock clock;
  Fixture fixture(clock);
  fixture.Tcp({.idle = milliseconds(300), .batcher = {.linger = milliseconds(0)}});
  RawConnection silent(fixture.At());
  CHECK(silent.Send("m v=1"));
  RawConnection talking(fixture.At());
  REQUIRE(fixture.Wait([&] { return fixture.Own().open_connections() == 2; }));
  CHECK(talking.Send("m v=1 1\n"));
  REQUIRE(fixture.WaitStored("m v=1 1\n"));

  clock.Pass(milliseconds(299));
  CHECK(talking.Send("m v=2 2\n"));
  CHECK(fixture.WaitStored("m v=1 1\nm v=2 2\n"));
  CHECK_EQ(fixture.Own().open_connections(), 2);
  clock.Pass(milliseconds(1));
  CHECK(silent.ReadUntilClose().closed);
  CHECK_EQ(fixture.Own().refused_lines(), 1);
  CHECK(talking.Send("m v=3 3\n"));
  CHECK(fixture.WaitStored("m v=1 1\nm v=2 2\nm v=3 3\n"));
}

TEST_CASE("tcp lines: a client that had to wait for room is not idle") {
  SteppedClock clock;
  Fixture fixture(clock);
  fixture.Tcp({.idle = milliseconds(300),
               .batcher = {.linger = milliseconds(0), .waiting = 1_B, .retry = milliseconds(5)}});
  fixture.log.Fail(true);
  RawConnection silent(fixture.At());
  RawConnection waiting(fixture.At());
  REQUIRE(fixture.Wait([&] { return fixture.Own().open_connections() == 2; }));
  CHECK(silent.Send("bad\nm v=1 1\n"));  // Once the bad line is counted there is no room.
  REQUIRE(fixture.Wait([&] { return fixture.Own().refused_lines() == 1; }));
  CHECK(waiting.Send("m v=2 2\n"));
  clock.Pass(milliseconds(1'000));
  CHECK_FALSE(Eventually(milliseconds(100), [&] { return fixture.Own().open_connections() < 2; }));

  fixture.log.Fail(false);
  clock.Pass(milliseconds(5));
  CHECK(fixture.WaitStored("m v=1 1\nm v=2 2\n"));
  CHECK(silent.ReadUntilClose().closed);
  CHECK_EQ(fixture.Own().open_connections(), 1);
  CHECK(waiting.Send("m v=3 3\n"));
  CHECK(fixture.WaitStored("m v=1 1\nm v=2 2\nm v=3 3\n"));
}

// Takes the descriptors of this process until there are none left.
TEST_CASE("tcp lines: without descriptors accepting pauses for a second, reading goes on") {
  SteppedClock clock;
  Fixture fixture(clock);
  fixture.Tcp({.idle = milliseconds(2'000), .batcher = {.linger = milliseconds(0)}});
  RawConnection present(fixture.At());
  REQUIRE(fixture.Wait([&] { return fixture.Own().open_connections() == 1; }));
  Fd waiting(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(waiting.get()) + 1;
  REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<Fd> taken;
  for (Fd fd(dup(waiting.get())); fd.open(); fd = Fd(dup(waiting.get()))) {
    taken.push_back(std::move(fd));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(fixture.At().port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE_EQ(connect(waiting.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  CHECK(present.Send("m v=1 1\n"));
  CHECK(fixture.WaitStored("m v=1 1\n"));
  REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  taken.clear();

  clock.Pass(milliseconds(999));
  CHECK_FALSE(Eventually(milliseconds(450), [&] { return fixture.Own().open_connections() > 1; }));
  clock.Pass(milliseconds(1));
  CHECK(fixture.Wait([&] { return fixture.Own().open_connections() == 2; }));
}

TEST_CASE("tcp lines: clients that connected just before the stop are read") {
  Fixture fixture;
  fixture.Tcp();
  constexpr int kClients = 50;
  std::vector<RawConnection> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(fixture.At());
    CHECK(clients.back().Send(fmt::format("m v={} {}\n", i, i)));
  }
  fixture.listener->Stop(kPatience);
  CHECK_EQ(fixture.log.StatsOf(kWest).value().owed.points, kClients);
}

TEST_CASE("tcp lines: lines that were sent before the stop are stored before it returns") {
  Fixture fixture;
  fixture.Tcp({.batcher = {.linger = std::chrono::hours(1)}});
  RawConnection client(fixture.At());
  CHECK(client.Send("m v=1 1\nm v=2 2\nm v=3"));
  CHECK(fixture.Wait([&] { return fixture.Own().open_connections() == 1; }));
  fixture.listener->Stop(kPatience);
  CHECK_EQ(fixture.Stored(), "m v=1 1\nm v=2 2\n");
  CHECK_EQ(fixture.Own().refused_lines(), 1);  // The half line.
}

TEST_CASE(
    "line listeners: a stop ends in time if the log is not accepting writes, and counts the loss") {
  Fixture fixture;
  fixture.Udp();
  fixture.log.Fail(true);
  SendPacket(fixture.At(), "m v=1 1\n");
  CHECK(fixture.Wait([&] { return fixture.Own().packets() == 1; }));
  fixture.listener->Stop(milliseconds(50));
  CHECK_EQ(fixture.Own().abandoned_points(), 1);
}

TEST_CASE("line listeners: without a host they are reached by IPv4 and IPv6") {
  Fixture tcp;
  const ListenAddress any{.host = "", .port = 0};
  tcp.listener = StartTcpListener({.address = any, .batcher = {}}, Target(), tcp.deps()).value();
  RawConnection four(tcp.At());
  CHECK(four.Send("m v=4 1\n"));
  CHECK(tcp.WaitStored("m v=4 1\n"));
  Fixture udp;
  udp.listener = StartUdpListener({.address = any, .batcher = {}}, Target(), udp.deps()).value();
  SendPacket(udp.At(), "m v=4 1\n");
  CHECK(udp.WaitStored("m v=4 1\n"));
  if (HostToBind("") != "::") return;
  RawConnection six({.host = "::1", .port = tcp.listener->port()});
  CHECK(six.Send("m v=6 2\n"));
  CHECK(tcp.WaitStored("m v=4 1\nm v=6 2\n"));
  SendPacket({.host = "::1", .port = udp.listener->port()}, "m v=6 2\n");
  CHECK(udp.WaitStored("m v=4 1\nm v=6 2\n"));
}

TEST_CASE("line listeners: an address in use is refused with a message") {
  Fixture fixture;
  fixture.Tcp();
  const ListenAddress taken{.host = "127.0.0.1", .port = fixture.listener->port()};
  const auto second = StartTcpListener({.address = taken, .batcher = {}}, Target(), fixture.deps());
  REQUIRE_FALSE(second.ok());
  CHECK_EQ(second.error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(second.error().message(),
           fmt::format("tcp: cannot listen on {}: Address already in use", ToString(taken)));

  Fixture udp;
  udp.Udp();
  const ListenAddress same{.host = "127.0.0.1", .port = udp.listener->port()};
  CHECK_FALSE(StartUdpListener({.address = same, .batcher = {}}, Target(), udp.deps()).ok());
}

TEST_CASE("udp lines: packets are joined and stored, bad lines counted") {
  Fixture fixture;
  fixture.Udp();
  SendPacket(fixture.At(), "m v=1 1\nm v=2 2");
  SendPacket(fixture.At(), "bad");
  SendPacket(fixture.At(), "m s=\"a\nb\" 3\n");
  SendPacket(fixture.At(), "");
  CHECK(fixture.Wait([&] { return fixture.Own().packets() == 4; }));
  CHECK(fixture.WaitStored("m v=1 1\nm v=2 2\nm s=\"a\nb\" 3\n"));
  CHECK_EQ(fixture.Own().refused_lines(), 1);
}

TEST_CASE("udp lines: packets that the socket has no room for are counted, all others stored") {
  Fixture fixture;
  fixture.Udp({.read_buffer = 16_KiB, .batcher = {.waiting = 1_B, .retry = milliseconds(5)}});
  fixture.log.Fail(true);
  SendPacket(fixture.At(), "m v=0 0\n");  // From here on there is no room.
  REQUIRE(fixture.Wait([&] { return fixture.Own().packets() == 1; }));
  constexpr std::uint64_t kPackets = 200;
  for (std::uint64_t i = 1; i < kPackets; ++i) {
    SendPacket(fixture.At(), fmt::format("m v={} {}\n", i, i) + std::string(1'000, '\n'));
  }
  CHECK(fixture.Wait([&] { return fixture.Own().lost_packets() > 0; }));
  fixture.log.Fail(false);
  CHECK(fixture.Wait(
      [&] { return fixture.Own().accepted_points() + fixture.Own().lost_packets() == kPackets; }));
  CHECK_EQ(fixture.Own().packets(), fixture.Own().accepted_points());
}

TEST_CASE("udp lines: packets that arrived before the stop are stored before it returns") {
  Fixture fixture;
  fixture.Udp({.batcher = {.linger = std::chrono::hours(1)}});
  for (int i = 0; i < 100; ++i) SendPacket(fixture.At(), fmt::format("m v={} {}\n", i, i));
  fixture.listener->Stop(kPatience);
  CHECK_EQ(fixture.log.StatsOf(kWest).value().owed.points, 100);
}

TEST_CASE("line listeners: a new target applies from then on") {
  Fixture fixture;
  fixture.Udp();
  LineTarget other = Target();
  other.params.database = "e";
  fixture.listener->Retarget(other);
  SendPacket(fixture.At(), "m v=1 1\n");
  CHECK(fixture.WaitStored("m v=1 1\n"));
  CHECK_EQ(ReadAll(fixture.log, kWest)[0].record.value()->params.database, "e");
}

}  // namespace
}  // namespace relay::test::relay_stream_listener_test
