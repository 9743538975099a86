// The order on real NATS servers.
#include "wal/order/jetstream_order.h"

#include <doctest/doctest.h>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/process/nats_servers.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test::integration_cluster_jetstream_order_test {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kWait{200};
const SystemClock kClock;

JetStreamOptions On(const NatsServers& servers, int replicas = 1) {
  return {.servers = servers.Urls(),
          .log = "main",
          .replicas = replicas,
          .size_max = 256_MiB,
          .user = "",
          .password = {},
          .credentials_file = "",
          .ca_file = "",
          .certificate_file = "",
          .key_file = ""};
}

// Reads until so many have come; what is missing then stays missing.
std::vector<OrderedMessage> ReadUntil(Order& order, std::size_t count, const Reached& after = {}) {
  std::vector<OrderedMessage> all;
  Eventually(kPatience, [&] {
    const Reached reached =
        all.empty() ? after : Reached{.place = all.back().place, .at = all.back().at};
    const auto next = order.Next(reached, kWait);
    if (next.ok()) all.insert(all.end(), next.value().begin(), next.value().end());
    return all.size() >= count;
  });
  return all;
}

struct OneServer {
  TempDir directory;
  NatsServers servers{directory.path(), 1};
};

TEST_CASE("jetstream: messages have one place each, for every reader, early or late") {
  OneServer nats;
  const auto writer = MakeJetStreamOrder(On(nats.servers), kClock).value();
  REQUIRE(Eventually(kPatience, [&] { return writer->Next({}, kWait).ok(); }));
  const std::string large(Order::kMessageMax, 'x');
  for (int i = 0; i < 100; ++i) REQUIRE(writer->Propose(fmt::format("message {}", i)).ok());
  REQUIRE(writer->Propose(large).ok());
  const auto early = ReadUntil(*writer, 101);
  REQUIRE_EQ(early.size(), 101);
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK_EQ(early[i].place, Place(i + 1));
    CHECK_EQ(early[i].bytes, fmt::format("message {}", i));
  }
  CHECK(early[100].bytes == large);
  const auto reader = MakeJetStreamOrder(On(nats.servers), kClock).value();
  const auto late = ReadUntil(*reader, 51, {Place(50), early[49].at});
  REQUIRE_EQ(late.size(), 51);
  CHECK_EQ(late[0].place, Place(51));
  CHECK_EQ(late[0].at, early[50].at);
  CHECK_EQ(reader->Range().value().last, Place(101));
}

TEST_CASE("jetstream: what was forgotten is not read, and a reader that needs it is told") {
  OneServer nats;
  const auto order = MakeJetStreamOrder(On(nats.servers), kClock).value();
  REQUIRE(Eventually(kPatience, [&] { return order->Next({}, kWait).ok(); }));
  for (int i = 0; i < 10; ++i) REQUIRE(order->Propose("message").ok());
  REQUIRE_EQ(ReadUntil(*order, 10).size(), 10);
  REQUIRE(order->Forget(Place(4)).ok());
  CHECK_EQ(order->Range().value().first, Place(5));
  const auto reader = MakeJetStreamOrder(On(nats.servers), kClock).value();
  CHECK_EQ(ReadUntil(*reader, 6, {Place(4), WallTime()}).size(), 6);
  const auto late = MakeJetStreamOrder(On(nats.servers), kClock).value();
  std::optional<ErrorCode> code;
  REQUIRE(Eventually(kPatience, [&] {
    const auto next = late->Next({Place(3), WallTime()}, kWait);
    if (!next.ok()) code = next.error().code();
    return code && *code != ErrorCode::kUnavailable;
  }));
  CHECK_EQ(*code, ErrorCode::kNotFound);
}

TEST_CASE("jetstream: another stream of this name is noticed by whoever has read the first one") {
  OneServer nats;
  const auto order = MakeJetStreamOrder(On(nats.servers), kClock).value();
  REQUIRE(Eventually(kPatience, [&] { return order->Next({}, kWait).ok(); }));
  for (int i = 0; i < 3; ++i) REQUIRE(order->Propose("message").ok());
  const auto read = ReadUntil(*order, 3);
  REQUIRE_EQ(read.size(), 3);
  nats.servers.Kill(0);
  nats.servers.DeleteData();
  nats.servers.Start(0);
  nats.servers.WaitUntilReady();
  // Another reader, which has nothing, makes a new one, and it becomes longer than the first.
  const auto newcomer = MakeJetStreamOrder(On(nats.servers), kClock).value();
  REQUIRE(Eventually(kPatience, [&] { return newcomer->Next({}, kWait).ok(); }));
  for (int i = 0; i < 9; ++i) REQUIRE(newcomer->Propose("another").ok());
  REQUIRE_EQ(ReadUntil(*newcomer, 9).size(), 9);
  std::optional<Error> error;
  REQUIRE(Eventually(kPatience, [&] {
    const auto next = order->Next({Place(3), read[2].at}, kWait);
    if (!next.ok()) error = next.error();
    return error && error->code() != ErrorCode::kUnavailable;
  }));
  CHECK_EQ(error->code(), ErrorCode::kConflict);
  CHECK(error->message().find("is another one than this log has read") != std::string::npos);
}

TEST_CASE("jetstream: a stream of this name with other settings is refused and left as it is") {
  OneServer nats;
  JetStreamOptions other = On(nats.servers);
  const auto first = MakeJetStreamOrder(other, kClock).value();
  REQUIRE(Eventually(kPatience, [&] { return first->Next({}, kWait).ok(); }));
  other.replicas = 3;
  const auto second = MakeJetStreamOrder(other, kClock).value();
  std::optional<Error> error;
  REQUIRE(Eventually(kPatience, [&] {
    const auto range = second->Range();
    if (!range.ok()) error = range.error();
    return error && error->code() != ErrorCode::kUnavailable;
  }));
  CHECK_EQ(error->code(), ErrorCode::kInvalidInput);
  CHECK(error->message().find("the stream RELAY_main has another number of replicas") !=
        std::string::npos);
  CHECK(first->Propose("still there").ok());
}

TEST_CASE("jetstream: servers that take only small messages are named, with what to raise") {
  const TempDir directory;
  const NatsServers servers(directory.path(), 1, "max_payload: 64KB");
  const auto order = MakeJetStreamOrder(On(servers), kClock).value();
  std::optional<Error> error;
  REQUIRE(Eventually(kPatience, [&] {
    const auto range = order->Range();
    if (!range.ok()) error = range.error();
    return error && error->code() != ErrorCode::kUnavailable;
  }));
  CHECK_EQ(error->code(), ErrorCode::kInvalidInput);
  CHECK_EQ(error->message(),
           "the servers of NATS take messages of at most 65536 bytes (max_payload): expected at "
           "least 786432; raise it on each of them");
}

TEST_CASE("jetstream: without a server it says so, and goes on once there is one") {
  OneServer nats;
  nats.servers.Kill(0);
  const auto order = MakeJetStreamOrder(On(nats.servers), kClock).value();
  const Status refused = order->Propose("lost");
  REQUIRE(!refused.ok());
  CHECK_EQ(refused.error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(order->Next({}, 10ms).error().code(), ErrorCode::kUnavailable);
  nats.servers.Start(0);
  REQUIRE(Eventually(kPatience, [&] { return order->Next({}, kWait).ok(); }));
  REQUIRE(Eventually(kPatience, [&] { return order->Propose("found").ok(); }));
  CHECK_EQ(ReadUntil(*order, 1).at(0).bytes, "found");
}

TEST_CASE("jetstream: a wrong password is named") {
  const TempDir directory;
  NatsServers servers(directory.path(), 1, "authorization { user: relay, password: right }");
  JetStreamOptions options = On(servers);
  options.user = "relay";
  options.password = Secret("wrong");
  const auto refused = MakeJetStreamOrder(options, kClock).value();
  std::string message;
  CHECK(Eventually(kPatience, [&] {
    const Status proposed = refused->Propose("x");
    message = proposed.ok() ? "" : proposed.error().message();
    return message.find("refuses the user, password") != std::string::npos;
  }));
  CAPTURE(message);
  options.password = Secret("right");
  const auto order = MakeJetStreamOrder(options, kClock).value();
  CHECK(Eventually(kPatience, [&] { return order->Next({}, kWait).ok(); }));
}

// A log on an order of its own connection.
struct Relay {
  Relay(const NatsServers& servers, std::string name)
      : order(MakeJetStreamOrder(On(servers, static_cast<int>(servers.size())), kClock).value()),
        log(DurableLog::Open({.directory = directory.path(),
                              .limits = {.free_min = 0_B},
                              .stalled_after = kPatience,
                              .shared = SharedLogOptions{.order = order.get(),
                                                         .clock = &clock,
                                                         .relay = std::move(name),
                                                         .address = "",
                                                         .copies = 2}},
                             {kWest, kEast})
                .value()) {}

  SystemClock clock;
  TempDir directory;
  std::unique_ptr<Order> order;
  std::unique_ptr<DurableLog> log;
};

std::vector<std::string> LinesIn(const Log& log) {
  std::vector<std::string> lines;
  for (const StoredRecord& record : ReadAll(log, kWest))
    lines.push_back(record.record.value()->lines);
  return lines;
}

TEST_CASE(
    "jetstream: two logs keep every acknowledged record while each server is killed in turn") {
  const TempDir directory;
  NatsServers servers(directory.path(), 3);
  Relay a(servers, "a");
  Relay b(servers, "b");
  std::uint64_t number = 0;
  const auto append_some = [&] {
    for (int i = 0; i < 20; ++i) {
      REQUIRE(AppendAndWait(*(i % 2 == 0 ? a : b).log, NumberedRecord(++number)).ok());
    }
  };
  append_some();
  for (std::size_t server = 0; server < servers.size(); ++server) {
    servers.Kill(server);
    append_some();
    servers.Start(server);
    servers.WaitUntilReady();
  }
  append_some();
  REQUIRE(Eventually(kPatience, [&] {
    return LinesIn(*a.log).size() == number && LinesIn(*b.log).size() == number;
  }));
  CHECK(LinesIn(*a.log) == LinesIn(*b.log));
}

}  // namespace
}  // namespace relay::test::integration_cluster_jetstream_order_test
