#include "relay/write_handler.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <optional>

#include "tests/support/fake_clock.h"
#include "tests/support/log_bench.h"
#include "tests/support/memory_log.h"
#include "tests/support/routers.h"

namespace relay::test {
namespace {

// The front door over a log in memory.
struct Door {
  HttpResponse Ask(std::string_view method, std::string_view path, std::string_view query,
                   std::string body = "") {
    std::optional<HttpResponse> answer;
    handler.Handle({.method = method, .path = path, .query = query, .headers = {}, .body = body},
                   [&answer](HttpResponse response) { answer = std::move(response); });
    REQUIRE(answer.has_value());
    return *answer;
  }
  HttpResponse Write(std::string body, std::string_view query = "db=d") {
    return Ask("POST", "/write", query, std::move(body));
  }
  std::vector<std::string> Stored() {
    std::vector<std::string> lines;
    for (const StoredRecord& stored : ReadAll(log, kWest)) {
      lines.push_back(stored.record.value()->lines);
    }
    return lines;
  }

  MemoryLog log{{kWest}};
  FakeClock clock;
  Counters counters;
  WriteHandler handler{{.router = RouterTo({kWest})}, log, clock, counters};
};

std::string ErrorOf(const HttpResponse& response) {
  return nlohmann::json::parse(response.body).at("error");
}

TEST_CASE("front door: a write that is stored is answered 204") {
  Door door;
  const HttpResponse answer = door.Write("m v=1 5\n");
  CHECK_EQ(answer.status, 204);
  CHECK(answer.body.empty());
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 5\n"});
  CHECK_EQ(door.counters.accepted_points(), 1);
}

TEST_CASE("front door: a point without a time gets the relay's, in the request's precision") {
  Door door;
  door.clock.Advance(std::chrono::milliseconds(1'234'567));
  CHECK_EQ(door.Write("m v=1\n", "db=d&precision=s").status, 204);
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1234\n"});
}

TEST_CASE("front door: an empty body stores nothing and is answered 204") {
  Door door;
  CHECK_EQ(door.Write("").status, 204);
  CHECK_EQ(door.Write("# a comment\n\n").status, 204);
  CHECK(door.Stored().empty());
}

TEST_CASE("front door: of a body with bad lines the good ones are stored and the bad ones named") {
  Door door;
  const HttpResponse answer = door.Write("m v=1 1\nm v= 2\nm v=3 3\nm 4\n");
  CHECK_EQ(answer.status, 400);
  CHECK_EQ(ErrorOf(answer),
           "partial write: unable to parse 'm v= 2': missing field value\n"
           "unable to parse 'm 4': invalid field format dropped=0");
  CHECK_EQ(nlohmann::json::parse(answer.body).at("lines"), nlohmann::json({2, 4}));
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1\nm v=3 3\n"});
}

// A backend that takes only measurement m of databases that begin with d.
WriteHandlerOptions Picky(Unrouted unrouted) {
  Config config = ConfigOf({kWest});
  config.backends[0].only = {.databases = {"d*"}, .measurements = {"m"}};
  config.unrouted = unrouted;
  return {.router = std::make_shared<const Router>(config, std::vector<BackendId>{})};
}

TEST_CASE("front door: points that no backend takes are refused, the others stored") {
  Door door;
  door.handler.Reconfigure(Picky(Unrouted::kRefuse));
  const HttpResponse partly = door.Write("m v=1 1\nn v=2 2\nbad\nn v=3 3\n");
  CHECK_EQ(partly.status, 400);
  CHECK_EQ(ErrorOf(partly),
           "partial write: unable to parse 'bad': missing fields\n"
           "no backend takes measurement \"n\" of database \"d\" dropped=2");
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1\n"});

  const HttpResponse none = door.Write("m v=1 1\n", "db=other");
  CHECK_EQ(none.status, 404);
  CHECK_EQ(ErrorOf(none), "no backend takes database \"other\"");
  CHECK_EQ(door.counters.unrouted_points(), 3);
  CHECK_EQ(door.counters.accepted_points(), 1);
}

TEST_CASE("front door: points that no backend takes are counted, where that is configured") {
  Door door;
  door.handler.Reconfigure(Picky(Unrouted::kCount));
  CHECK_EQ(door.Write("m v=1 1\nn v=2 2\n").status, 204);
  CHECK_EQ(door.Write("m v=1 1\n", "db=other").status, 204);
  CHECK_EQ(door.Stored(), std::vector<std::string>{"m v=1 1\n"});
  CHECK_EQ(door.counters.unrouted_points(), 2);
}

TEST_CASE("front door: a write that is split is stored for each backend, and answered once") {
  MemoryLog log{{kWest, kEast}};
  FakeClock clock;
  Counters counters;
  Config config = ConfigOf({kWest, kEast});
  config.backends[0].only.measurements = {"m"};
  WriteHandler handler{{.router = std::make_shared<const Router>(config, std::vector<BackendId>{})},
                       log,
                       clock,
                       counters};
  std::vector<int> answers;
  handler.Handle({.method = "POST",
                  .path = "/write",
                  .query = "db=d",
                  .headers = {},
                  .body = "m v=1 1\nn v=2 2\n"},
                 [&](const HttpResponse& response) { answers.push_back(response.status); });
  CHECK_EQ(answers, std::vector<int>{204});
  CHECK_EQ(log.FiguresOf(kWest).value().owed.points, 1);
  CHECK_EQ(log.FiguresOf(kEast).value().owed.points, 2);
  CHECK_EQ(counters.accepted_points(), 2);
}

TEST_CASE("front door: a body with only bad lines stores nothing") {
  Door door;
  const HttpResponse answer = door.Write("nonsense\n");
  CHECK_EQ(answer.status, 400);
  CHECK_EQ(ErrorOf(answer), "unable to parse 'nonsense': missing fields");
  CHECK(door.Stored().empty());
}

TEST_CASE("front door: while the log takes nothing, the answer is 503 with Retry-After") {
  Door door;
  door.log.Fail(true);
  const HttpResponse answer = door.Write("m v=1 5\n");
  CHECK_EQ(answer.status, 503);
  const auto retry = std::find_if(answer.headers.begin(), answer.headers.end(),
                                  [](const auto& header) { return header.first == "Retry-After"; });
  CHECK(retry != answer.headers.end());
  CHECK_EQ(door.counters.accepted_points(), 0);
}

TEST_CASE("front door: an error fits into a header: one line, at most 1024 bytes") {
  Door door;
  std::string body;
  for (int i = 0; i < 100; ++i) body += "bad line with \x01 and \xff in it\n";
  const HttpResponse answer = door.Write(body);
  CHECK_EQ(answer.status, 400);
  const std::string& header = answer.headers.at(0).second;
  CHECK_LE(header.size(), 1024);
  CHECK_EQ(header.find('\n'), std::string::npos);
  CHECK(ErrorOf(answer).ends_with("and 84 more lines"));
}

TEST_CASE("front door: other methods and paths are refused as what they are") {
  Door door;
  CHECK_EQ(door.Ask("GET", "/write", "db=d").status, 405);
  CHECK_EQ(door.Ask("OPTIONS", "/write", "").status, 204);
  CHECK_EQ(door.Ask("POST", "/ping", "").status, 405);
  CHECK_EQ(door.Ask("GET", "/", "").status, 404);
  CHECK_EQ(door.counters.answered(Endpoint::kOther, 404), 1);
}

TEST_CASE("front door: ping says 204, and the version to who asks") {
  Door door;
  CHECK_EQ(door.Ask("GET", "/ping", "").status, 204);
  CHECK_EQ(door.Ask("HEAD", "/ping", "verbose=false").status, 204);
  const HttpResponse verbose = door.Ask("GET", "/ping", "verbose=true");
  CHECK_EQ(verbose.status, 200);
  CHECK(nlohmann::json::parse(verbose.body).contains("version"));
}

}  // namespace
}  // namespace relay::test
