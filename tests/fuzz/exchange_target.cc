#include <memory>
#include <string>

#include "relay/http/server.h"
#include "relay/ingest/write_handler.h"
#include "tests/fuzz/targets.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/fakes/routers.h"
#include "tests/support/process/socket.h"
#include "wal/base/clock.h"

namespace relay::fuzz {
namespace {

const BackendId& Backend() {
  static const BackendId backend = BackendId::Parse("a").value();
  return backend;
}

// A front door with a log in memory, renewed after a while because the log grows.
struct IngestFixture {
  test::MemoryLog log{{Backend()}};
  SystemClock clock;
  Counters counters;
  WriteHandler handler{{.router = test::RouterTo({Backend()})}, log, clock, counters};
  std::unique_ptr<HttpServer> server =
      HttpServer::Start({.host = "127.0.0.1", .headers = InfluxHeaders(), .request_ids = true},
                        handler, clock)
          .value();
  int uses = 0;
};

IngestFixture& TheDoor() {
  constexpr int kUses = 1'000;
  static std::unique_ptr<IngestFixture> door;
  if (!door || ++door->uses > kUses) door = std::make_unique<IngestFixture>();
  return *door;
}

}  // namespace

void FuzzExchange(std::string_view input) {
  IngestFixture& door = TheDoor();
  test::RawConnection connection({.host = "127.0.0.1", .port = door.server->port()});
  connection.Send(input);
  connection.CloseSending();
  const test::Received received = connection.ReadUntilClose();
  INVARIANT(received.closed);  // In time, whatever was sent.
  INVARIANT(received.bytes.empty() || received.bytes.starts_with("HTTP/1."));
}

}  // namespace relay::fuzz
