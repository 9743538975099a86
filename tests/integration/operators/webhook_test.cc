// The webhook against a receiver that fails at first.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/places.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_webhook_test {
namespace {

using Json = nlohmann::json;

std::string Settings(const FakeBackend& receiver, const std::string& more = "") {
  return fmt::format(
      "webhook:\n  url: {}/hooks/relay?team=1\n  after: 0s\n  min_interval: 0s\n"
      "  headers: ['X-Team: storage']\n{}",
      receiver.Url(), more);
}

// Returns whether /metrics comes to have a sample with that value.
bool HasSample(const RelayProcess& relay, const std::string& sample) {
  return Eventually(kPatience, [&] {
    return Get(relay.admin(), "/metrics").body.find("influxdb_relay_" + sample + "\n") !=
           std::string::npos;
  });
}

TEST_CASE("webhook: a backend that fails and is well again is told, though the receiver fails") {
  TempDir directory;
  FakeBackend backend;
  FakeBackend receiver(
      [](const FakeRequest& request) { return Answering(request.number <= 2 ? 500 : 200, "{}"); });
  WriteFile(directory.path() + "/token", "secret-of-ours\n");
  backend.Refuse();
  RelayProcess relay(
      directory.path(),
      {.backends = {{"west", backend.Url()}},
       .top = Settings(receiver, fmt::format("  token_file: {}/token\n", directory.path()))});
  CHECK_EQ(relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(receiver.WaitForRequests(3));
  const std::vector<FakeRequest> firing = receiver.Requests();
  CHECK_EQ(firing[0].body, firing[2].body);
  CHECK_EQ(firing[2].target, "/hooks/relay?team=1");
  CHECK_EQ(firing[2].Header("content-type"), "application/json");
  CHECK_EQ(firing[2].Header("x-team"), "storage");
  CHECK_EQ(firing[2].Header("authorization"), "Bearer secret-of-ours");
  const Json told = Json::parse(firing[2].body);
  CHECK_EQ(told.at("event"), "firing");
  CHECK_EQ(told.at("alert"), "backend_failing");
  CHECK_EQ(told.at("backend"), "west");
  CHECK_NE(told.at("summary").get<std::string>().find("connection refused"), std::string::npos);
  CHECK(HasSample(relay, "webhook_sent_total 1"));
  CHECK(HasSample(relay, "webhook_retries_total 2"));

  backend.Listen();
  REQUIRE(receiver.WaitForRequests(4));
  const Json over = Json::parse(receiver.Requests()[3].body);
  CHECK_EQ(over.at("event"), "resolved");
  CHECK_EQ(over.at("key"), told.at("key"));
  CHECK(HasSample(relay, "webhook_sent_total 2"));
  CHECK(HasSample(relay, "webhook_failed_total 0"));
}

TEST_CASE("webhook: a URL in a file is read for every request, and never told") {
  TempDir directory;
  FakeBackend backend;
  FakeBackend receiver;
  const std::string file = directory.path() + "/url";
  WriteFile(file, "ftp://secret.example.org/\n");
  backend.Refuse();
  RelayProcess relay(
      directory.path(),
      {.backends = {{"west", backend.Url()}},
       .top = fmt::format("webhook:\n  url_file: {}\n  after: 0s\n  min_interval: 0s\n", file)});
  CHECK_EQ(relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(Eventually(kPatience, [&relay] {
    return Get(relay.admin(), "/metrics").body.find("relay_webhook_retries_total 0\n") ==
           std::string::npos;
  }));
  WriteFile(file, receiver.Url() + "/secret-path\n");
  REQUIRE(receiver.WaitForRequests(1));
  CHECK_EQ(receiver.Requests()[0].target, "/secret-path");
  CHECK_EQ(relay.Output().find("secret"), std::string::npos);
}

TEST_CASE("webhook: a receiver that never answers holds nothing up, nor the relay's stop") {
  TempDir directory;
  FakeBackend backend;
  FakeBackend receiver([](const FakeRequest&) { return NeverAnswering(); });
  backend.Refuse();
  RelayProcess relay(directory.path(), {.backends = {{"west", backend.Url()}},
                                        .top = Settings(receiver, "  timeout: 5min\n")});
  CHECK_EQ(relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(receiver.WaitForRequests(1));
  backend.Listen();
  CHECK(relay.WaitDrained());
  const RelayProcess::Stopped stopped = relay.Stop();
  CHECK_EQ(stopped.exit_code, 0);
  CHECK_LT(stopped.took, milliseconds{10'000});
}

TEST_CASE("webhook: a request that the receiver calls wrong is not repeated") {
  TempDir directory;
  FakeBackend backend;
  FakeBackend receiver([](const FakeRequest&) { return Answering(400, "no such team"); });
  backend.Refuse();
  RelayProcess relay(directory.path(),
                     {.backends = {{"west", backend.Url()}}, .top = Settings(receiver)});
  CHECK_EQ(relay.Write("metrics", "cpu v=1 1").status, 204);
  CHECK(HasSample(relay, "webhook_failed_total 1"));
  CHECK(HasSample(relay, "webhook_retries_total 0"));
  CHECK_EQ(receiver.RequestCount(), 1);
  CHECK_NE(relay.Output().find("no such team"), std::string::npos);
}

}  // namespace
}  // namespace relay::test::integration_operators_webhook_test
