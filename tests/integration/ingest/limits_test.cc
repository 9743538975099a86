// Every limit that a client of the relay can run into, one below it, at it and
// one beyond: the answer, whether the connection stays open, and the metrics.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <libdeflate.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_limits_test {
namespace {

struct Limited {
  explicit Limited(std::vector<std::string> http, const std::string& top = "")
      : relay(directory.path(),
              {.backends = {{"a", backend.Url()}}, .http = std::move(http), .top = top}) {}

  std::uint64_t Reached(const std::string& limit) const {
    const std::string metrics = Get(relay.admin(), "/metrics").body;
    const std::string name =
        fmt::format("\ninfluxdb_relay_http_limit_reached_total{{limit=\"{}\"}} ", limit);
    const std::size_t at = metrics.find(name);
    REQUIRE_NE(at, std::string::npos);
    return std::stoull(metrics.substr(at + name.size()));
  }
  PointCount Stored() const { return StatusOf(relay, "a").figures.accepted.points; }

  FakeBackend backend;
  TempDir directory;
  RelayProcess relay;
};

// Returns the status of an answer, and the fate of the connection: "204 kept".
std::string Exchange(const Limited& limited, const std::string& request) {
  RawConnection connection(limited.relay.endpoint());
  connection.Send(request);
  const std::string status = connection.ReadUntil("\r\n\r\n").bytes.substr(9, 3);
  connection.Send("GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const bool goes_on = connection.ReadUntilClose().bytes.find("HTTP/1.1 204") != std::string::npos;
  return status + (goes_on ? " kept" : " closed");
}

std::string Write(const std::string& body, const std::string& headers = "",
                  const std::string& parameters = "") {
  return fmt::format("POST /write?db=d{} HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n{}",
                     parameters, headers, body.size(), body);
}

// Returns a write whose head has that many bytes.
std::string WithHeadOf(std::size_t bytes) {
  const std::string body = "m v=1 1\n";
  const std::size_t else_bytes = Write(body, "X-Pad: \r\n").size() - body.size();
  return Write(body, "X-Pad: " + std::string(bytes - else_bytes, 'x') + "\r\n");
}

std::string WithHeaders(std::size_t count) {
  std::string headers;
  for (std::size_t i = 2; i < count; ++i) headers += fmt::format("X-{}: y\r\n", i);
  return Write("m v=1 1\n", headers);
}

std::string WithTargetOf(std::size_t bytes) {
  const std::size_t else_bytes = std::string("/write?db=d&x=").size();
  return Write("m v=1 1\n", "", "&x=" + std::string(bytes - else_bytes, 'x'));
}

std::string LineOf(std::size_t bytes) {
  const std::string start = "m s=\"";
  const std::string end = "\" 1";
  return start + std::string(bytes - start.size() - end.size(), 'x') + end;
}

// Returns valid lines of that many bytes in all.
std::string LinesOf(std::size_t bytes) {
  std::string lines = "m v=1 1\n";
  while (lines.size() < bytes) lines += '\n';
  return lines;
}

std::string Gzip(const std::string& text) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(1);
  std::string zipped(libdeflate_gzip_compress_bound(compressor, text.size()), '\0');
  zipped.resize(
      libdeflate_gzip_compress(compressor, text.data(), text.size(), zipped.data(), zipped.size()));
  libdeflate_free_compressor(compressor);
  return zipped;
}

std::string WriteGzip(const std::string& plain) {
  return Write(Gzip(plain), "Content-Encoding: gzip\r\n");
}

TEST_CASE("limits: a head of 16 KiB, 64 headers, a target of 8 KiB") {
  const Limited limited({});
  for (const std::size_t below : {1U, 0U}) {
    CHECK_EQ(Exchange(limited, WithHeadOf(16'384 - below)), "204 kept");
    CHECK_EQ(Exchange(limited, WithHeaders(64 - below)), "204 kept");
    CHECK_EQ(Exchange(limited, WithTargetOf(8'192 - below)), "204 kept");
  }
  CHECK_EQ(Exchange(limited, WithHeadOf(16'385)), "431 closed");
  CHECK_EQ(Exchange(limited, WithHeaders(65)), "431 closed");
  CHECK_EQ(Exchange(limited, WithTargetOf(8'193)), "414 closed");
  CHECK_EQ(limited.Reached("head"), 1);
  CHECK_EQ(limited.Reached("headers"), 1);
  CHECK_EQ(limited.Reached("target"), 1);
  CHECK_EQ(limited.Stored(), 6);
}

TEST_CASE("limits: a body as received, and inflated") {
  constexpr std::size_t kMax = 65'536;
  const Limited limited({"max_body: 64KiB"});
  for (const std::size_t below : {1U, 0U}) {
    CHECK_EQ(Exchange(limited, Write(LinesOf(kMax - below))), "204 kept");
    CHECK_EQ(Exchange(limited, WriteGzip(LinesOf(kMax - below))), "204 kept");
  }
  CHECK_EQ(Exchange(limited, Write(LinesOf(kMax + 1))), "413 closed");
  CHECK_EQ(Exchange(limited, WriteGzip(LinesOf(kMax + 1))), "413 kept");  // Read whole.
  CHECK_EQ(limited.Reached("body"), 1);
  CHECK_EQ(limited.Reached("inflated_body"), 1);
  CHECK_EQ(limited.Stored(), 4);
}

TEST_CASE("limits: a gzip bomb is refused by its ratio, long before the limit of a body") {
  const Limited limited({});
  const std::string bomb = Gzip(LinesOf(24U << 20U));
  REQUIRE_LT(bomb.size(), 240'000);
  CHECK_EQ(Exchange(limited, Write(bomb, "Content-Encoding: gzip\r\n")), "413 kept");
  CHECK_EQ(limited.Reached("inflated_body"), 1);
  CHECK_EQ(limited.Stored(), 0);
}

TEST_CASE("limits: a line of 1 MiB, or of the configured size") {
  struct Row {
    std::vector<std::string> settings;
    std::size_t max;
  };
  for (const Row& row : {Row{{}, 1'048'576}, Row{{"max_line: 64KiB"}, 65'536}}) {
    const Limited limited(row.settings);
    CHECK_EQ(Exchange(limited, Write(LineOf(row.max - 1))), "204 kept");
    CHECK_EQ(Exchange(limited, Write(LineOf(row.max))), "204 kept");
    CHECK_EQ(Exchange(limited, Write(LineOf(row.max + 1) + "\nm v=1 1\n")), "400 kept");
    CHECK_EQ(limited.Reached("line"), 1);
    CHECK_EQ(limited.Stored(), 3);
  }
}

TEST_CASE("limits: the time for a head, for a body, and between two requests") {
  const Limited limited({"head_time: 300ms", "body_time: 300ms", "idle_time: 300ms"});
  RawConnection head(limited.relay.endpoint());
  RawConnection body(limited.relay.endpoint());
  RawConnection idle(limited.relay.endpoint());
  head.Send("POST /write?db=d HT");
  body.Send("POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nm v=1 1\n");
  CHECK(head.ReadUntilClose().bytes.starts_with("HTTP/1.1 408"));
  CHECK(body.ReadUntilClose().bytes.starts_with("HTTP/1.1 408"));
  const Received nothing = idle.ReadUntilClose();
  CHECK(nothing.closed);
  CHECK_EQ(nothing.bytes, "");
  CHECK_EQ(limited.Reached("head_time"), 1);
  CHECK_EQ(limited.Reached("body_time"), 1);
  CHECK_EQ(limited.Reached("idle_time"), 1);
  CHECK_EQ(limited.Stored(), 0);  // Half a body stores nothing.
}

void CheckConnections(const Limited& limited, const std::string& limit) {
  std::vector<std::unique_ptr<RawConnection>> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(std::make_unique<RawConnection>(limited.relay.endpoint()));
    open.back()->Send("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(open.back()->ReadUntil("\r\n\r\n").bytes.starts_with("HTTP/1.1 204"));
  }
  const Received refused = RawConnection(limited.relay.endpoint()).ReadUntilClose();
  CHECK(refused.closed);
  CHECK(refused.bytes.starts_with("HTTP/1.1 503"));
  CHECK_NE(refused.bytes.find("\r\nRetry-After: "), std::string::npos);
  CHECK_EQ(limited.Reached(limit), 1);
  open.pop_back();
  CHECK(Eventually(kPatience, [&] { return limited.relay.Write("d", "m v=1 1\n").status == 204; }));
}

TEST_CASE("limits: connections in all, and of one address") {
  CheckConnections(Limited({}, "limits: {connections: 3}\n"), "connections");
  CheckConnections(Limited({}, "limits: {connections_per_address: 3}\n"), "connections_of_address");
}

TEST_CASE("limits: bytes in flight, which are waited for and then refused") {
  const Limited limited({"max_body: 1KiB"}, "limits: {in_flight: 2KiB}\n");
  RawConnection half(limited.relay.endpoint());
  half.Send("POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\n\r\nbegun");
  RawConnection other_half(limited.relay.endpoint());
  other_half.Send("POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 1023\r\n\r\nbegun");
  // One byte is left.
  CHECK(Eventually(kPatience, [&] { return Exchange(limited, Write("\n")) == "204 kept"; }));
  CHECK(Eventually(kPatience, [&] { return Exchange(limited, Write("\n\n")) == "503 closed"; }));
  CHECK_EQ(limited.Reached("in_flight"), 1);
  half.Send(std::string(1024 - 5, '\n'));  // "begun" is no line; what matters is the room.
  CHECK(half.ReadUntil("\r\n\r\n").bytes.starts_with("HTTP/1.1 400"));
  CHECK_EQ(Exchange(limited, Write("m v=1 1\n")), "204 kept");
}

}  // namespace
}  // namespace relay::test::integration_ingest_limits_test
