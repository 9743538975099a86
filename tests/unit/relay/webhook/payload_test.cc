#include "relay/webhook/payload.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace relay::test::unit_relay_webhook_payload_test {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

AlertEvent Failing() {
  return {.key = "backend_failing/b",
          .alert = {"backend_failing", "b", true, "b says \"no\"\n", "start b"},
          .since = WallTime(1'000s),
          .at = WallTime(1'060s),
          .relay = "relay-1"};
}

AlertEvent Over() {
  AlertEvent event = Failing();
  event.is_over = true;
  return event;
}

Json Made(WebhookConfig config, const AlertEvent& event) {
  return Json::parse(PayloadOf(config, event, "key-of-ours"));
}

TEST_CASE("payload: the generic form has every field") {
  const Json json = Made({}, Failing());
  CHECK_EQ(json.at("event"), "firing");
  CHECK_EQ(json.at("alert"), "backend_failing");
  CHECK_EQ(json.at("backend"), "b");
  CHECK_EQ(json.at("severity"), "critical");
  CHECK_EQ(json.at("summary"), "b says \"no\"\n");
  CHECK_EQ(json.at("fix"), "start b");
  CHECK_EQ(json.at("key"), "relay-1/backend_failing/b");
  CHECK_EQ(json.at("since"), "1970-01-01T00:16:40Z");
  CHECK_EQ(Made({}, Over()).at("event"), "resolved");
}

TEST_CASE("payload: Slack gets a text with what to do") {
  const WebhookConfig config{.form = WebhookForm::kSlack};
  const std::string text = Made(config, Failing()).at("text");
  CHECK_EQ(text, ":rotating_light: relay-1: b says \"no\"\n\nFix: start b");
  const std::string over = Made(config, Over()).at("text");
  CHECK_EQ(over, ":white_check_mark: relay-1: over after 1m00s: b says \"no\"\n");
}

TEST_CASE("payload: Alertmanager gets labels that stay, and an end once it is over") {
  const WebhookConfig config{.form = WebhookForm::kAlertmanager};
  const Json firing = Made(config, Failing()).at(0);
  const Json over = Made(config, Over()).at(0);
  CHECK_EQ(firing.at("labels"), over.at("labels"));
  CHECK_EQ(firing.at("labels").at("alertname"), "backend_failing");
  CHECK_EQ(firing.at("startsAt"), "1970-01-01T00:16:40Z");
  CHECK_EQ(over.at("endsAt"), "1970-01-01T00:17:40Z");
}

TEST_CASE("payload: PagerDuty gets the routing key and one key for both ends") {
  const WebhookConfig config{.form = WebhookForm::kPagerDuty};
  const Json firing = Made(config, Failing());
  const Json over = Made(config, Over());
  CHECK_EQ(firing.at("routing_key"), "key-of-ours");
  CHECK_EQ(firing.at("event_action"), "trigger");
  CHECK_EQ(over.at("event_action"), "resolve");
  CHECK_EQ(firing.at("dedup_key"), over.at("dedup_key"));
}

TEST_CASE("payload: a text of one's own keeps its braces, and values stay inside their strings") {
  const WebhookConfig config{.body = R"({"m": "{relay}: {summary}", "n": {"{unknown}": 1}})"};
  const Json json = Made(config, Failing());
  CHECK_EQ(json.at("m"), "relay-1: b says \"no\"\n");
  CHECK_EQ(json.at("n").at("{unknown}"), 1);
}

}  // namespace
}  // namespace relay::test::unit_relay_webhook_payload_test
