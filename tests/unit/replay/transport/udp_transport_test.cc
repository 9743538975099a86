#include "replay/transport/udp_transport.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/socket.h"

namespace relay::test::replay_transport_udp_transport_test {
namespace {

const WriteParams kParams{.database = "d"};  // Nanoseconds.

// Reads packets from a loopback port.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* place = reinterpret_cast<sockaddr*>(&address);
    REQUIRE_EQ(bind(socket_.get(), place, size), 0);
    REQUIRE_EQ(getsockname(socket_.get(), place, &size), 0);
    port_ = ntohs(address.sin_port);
  }

  std::uint16_t port() const { return port_; }
  void Close() { socket_.Close(); }

  std::vector<std::string> Packets(std::size_t count) const {
    std::vector<std::string> packets;
    std::array<char, 65536> buffer{};
    pollfd one{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    while (packets.size() < count && poll(&one, 1, static_cast<int>(kPatience.count())) > 0) {
      const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
      packets.emplace_back(buffer.data(), static_cast<std::size_t>(size));
    }
    return packets;
  }

  bool Empty() const {
    pollfd one{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return poll(&one, 1, 0) == 0;
  }

 private:
  Fd socket_;
  std::uint16_t port_ = 0;
};

UdpTransportOptions To(const Listener& listener, Bytes mtu = 1024_B) {
  return {.host = "127.0.0.1", .port = listener.port(), .mtu = mtu};
}

int StatusOf(const Result<Reply>& reply) {
  REQUIRE(reply.ok());
  return reply.value().http_status;
}

TEST_CASE("udp: a batch is cut at line ends into packets of at most the mtu") {
  const Listener listener;
  const auto transport = MakeUdpTransport(To(listener, 20_B));
  CHECK_EQ(StatusOf(transport->Send({kParams, "m v=1 1\nm v=2 2\nm v=3 3\nm v=4444444 44444\n"})),
           204);
  CHECK_EQ(listener.Packets(3),
           std::vector<std::string>{"m v=1 1\nm v=2 2\n", "m v=3 3\n", "m v=4444444 44444\n"});
  CHECK(listener.Empty());
}

TEST_CASE("udp: a newline within quotes is part of its line") {
  const Listener listener;
  const auto transport = MakeUdpTransport(To(listener, 16_B));
  CHECK_EQ(StatusOf(transport->Send({kParams, "m s=\"a\nb\" 1\nm v=2 2\n"})), 204);
  CHECK_EQ(listener.Packets(2), std::vector<std::string>{"m s=\"a\nb\" 1\n", "m v=2 2\n"});
}

TEST_CASE("udp: a line of the mtu goes, one byte more is refused before anything is sent") {
  const Listener listener;
  CHECK_EQ(StatusOf(MakeUdpTransport(To(listener, 8_B))->Send({kParams, "m v=1 1\n"})), 204);
  CHECK_EQ(listener.Packets(1), std::vector<std::string>{"m v=1 1\n"});
  const Result<Reply> refused =
      MakeUdpTransport(To(listener, 8_B))->Send({kParams, "m v=1 1\nm v=1 11\n"});
  CHECK_EQ(StatusOf(refused), 422);
  CHECK_EQ(refused.value().body, "not sent: line 2: its 9 bytes do not fit in a packet of 8");
  CHECK(listener.Empty());
}

TEST_CASE("udp: timestamps go in the listener's unit, those it cannot hold do not go") {
  const Listener listener;
  UdpTransportOptions options = To(listener);
  options.precision = Precision::kSecond;
  const auto transport = MakeUdpTransport(options);
  CHECK_EQ(StatusOf(transport->Send({kParams, "m v=1 2000000000\n"})), 204);
  CHECK_EQ(StatusOf(transport->Send({{.precision = Precision::kHour}, "m v=1 2\n"})), 204);
  CHECK_EQ(StatusOf(transport->Send({kParams, "m v=1 2000000001\n"})), 422);
  CHECK_EQ(listener.Packets(2), std::vector<std::string>{"m v=1 2\n", "m v=1 7200\n"});
}

TEST_CASE("udp: where nobody listens on this machine, lines are not taken for delivered") {
  Listener listener;
  const auto transport = MakeUdpTransport(To(listener));
  CHECK_EQ(StatusOf(transport->Send({kParams, "m v=1 1\n"})), 204);
  listener.Close();
  const Result<Reply> gone = transport->Send({kParams, "m v=2 2\n"});
  REQUIRE(!gone.ok());
  CHECK_EQ(gone.error().code(), ErrorCode::kUnavailable);
  CHECK(gone.error().message().ends_with("nobody listens there"));
}

TEST_CASE("udp: a host is found by its name; one that does not exist is reported") {
  const Listener listener;
  UdpTransportOptions options = To(listener);
  options.host = "no-such-host.invalid";
  const Result<Reply> unknown = MakeUdpTransport(options)->Send({kParams, "m v=1 1\n"});
  REQUIRE(!unknown.ok());
  CHECK_NE(unknown.error().message().find("no-such-host.invalid"), std::string::npos);
}

TEST_CASE("udp: cancelled, it sends nothing more") {
  const Listener listener;
  const auto transport = MakeUdpTransport(To(listener));
  transport->Cancel();
  CHECK(!transport->Send({kParams, "m v=1 1\n"}).ok());
  CHECK(listener.Empty());
}

}  // namespace
}  // namespace relay::test::replay_transport_udp_transport_test
