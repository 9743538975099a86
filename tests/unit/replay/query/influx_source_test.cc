#include "replay/query/influx_source.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "tests/support/fakes/fake_backend.h"

namespace relay::test::unit_replay_query_influx_source_test {
namespace {

FakeAnswer Msgpack(std::string body) {
  return {.status = 200,
          .headers = {{"content-type", "application/x-msgpack"}},
          .body = std::move(body)};
}

// An answer with two databases.
FakeAnswer TwoDatabases() {
  using std::string_literals::operator""s;
  return Msgpack(
      "\x81\xa7results\x91\x82\xacstatement_id\x00\xa6series\x91\x83\xa4name\xa9"s
      "databases\xa7"
      "columns\x91\xa4name\xa6values\x92\x91\xa2my\x91\xa9_internal"s);
}

std::unique_ptr<Source> SourceAt(FakeBackend& backend, std::vector<LaneRename> renames = {}) {
  backend.TakeSideQuestions();
  HttpTransportOptions options;
  options.peer = {.host = "127.0.0.1", .port = backend.endpoint().port};
  options.target.api = Api::kV2;
  options.target.path_prefix = "/influx";
  options.target.renames = std::move(renames);
  options.credentials.token = SecretSource::FromText("secret");
  return MakeInfluxSource("b", std::move(options));
}

TEST_CASE("influx source: it asks with the backend's path and credentials, and maps its names") {
  FakeBackend backend([](const FakeRequest&) { return TwoDatabases(); });
  const auto source =
      SourceAt(backend, {{.from = {.database = "metrics"}, .to = {.database = "my"}}});
  const auto databases = source->Databases();
  REQUIRE(databases.ok());
  CHECK(databases.value() == std::vector<std::string>{"my", "metrics"});
  const FakeRequest request = backend.Requests().at(0);
  CHECK_EQ(request.Path(), "/influx/query");
  CHECK_EQ(request.Header("authorization"), "Token secret");
  CHECK_EQ(request.body, "q=SHOW%20DATABASES");
  CHECK_FALSE(source->Policies("metrics").ok());  // The answer is of another form.
  CHECK_NE(backend.Requests().at(1).body.find("ON%20%22my%22"), std::string::npos);
}

TEST_CASE("influx source: an answer without MessagePack, a refusal and a broken one are errors") {
  FakeBackend backend([](const FakeRequest& request) {
    switch (request.number) {
      case 1: return Answering(200, "{\"results\":[]}");
      case 2: return Answering(403, "not allowed");
      case 3: return ResettingAfter(150, TwoDatabases());
      default: return AnsweringBytes("nonsense\r\n\r\n");
    }
  });
  const auto source = SourceAt(backend);
  CHECK_EQ(source->Databases().error().message(),
           "it answers in 'application/json', not in MessagePack: InfluxDB 1.4 and later does");
  CHECK_EQ(source->Databases().error().message(), "answered 403: not allowed");
  CHECK_EQ(source->Databases().error().code(), ErrorCode::kUnavailable);
  CHECK_EQ(source->Databases().error().code(), ErrorCode::kUnavailable);
}

TEST_CASE("influx source: a connection that the server closed is opened again") {
  FakeBackend backend([](const FakeRequest&) {
    FakeAnswer answer = TwoDatabases();
    answer.then = FakeAnswer::Then::kClose;
    return answer;
  });
  const auto source = SourceAt(backend);
  for (int i = 0; i < 3; ++i) CHECK(source->Databases().ok());
}

TEST_CASE("influx source: a call that waits is cancelled, and so are later ones") {
  FakeBackend backend([](const FakeRequest&) { return NeverAnswering(); });
  const auto source = SourceAt(backend);
  const std::jthread other([&] {
    backend.WaitForRequests(1);
    source->Cancel();
  });
  CHECK_EQ(source->Databases().error().message(), "cancelled");
  CHECK_EQ(source->Databases().error().message(), "cancelled");
}

}  // namespace
}  // namespace relay::test::unit_replay_query_influx_source_test
