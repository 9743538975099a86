#include "relay/webhook/payload.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string_view>
#include <utility>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

// Alertmanager forgets an alert that has no end within minutes unless it is sent again.
constexpr std::chrono::hours kLongest{24 * 30};

std::string_view SeverityOf(const AlertEvent& event) {
  return event.alert.is_critical ? "critical" : "warning";
}

std::string_view KindOf(const AlertEvent& event) {
  return event.is_over ? "resolved" : "firing";
}

std::string SentenceOf(const AlertEvent& event) {
  if (!event.is_over) return event.alert.summary;
  return fmt::format("over after {}: {}", ShownAge(AgeAt(event.at, event.since)),
                     event.alert.summary);
}

std::map<std::string, std::string> FieldsOf(const AlertEvent& event) {
  return {{"event", std::string(KindOf(event))},
          {"alert", event.alert.name},
          {"key", event.relay + "/" + event.key},
          {"backend", event.alert.backend},
          {"severity", std::string(SeverityOf(event))},
          {"summary", SentenceOf(event)},
          {"fix", event.is_over ? "" : event.alert.fix},
          {"relay", event.relay},
          {"since", ToRfc3339(event.since)},
          {"time", ToRfc3339(event.at)}};
}

Json Generic(const AlertEvent& event) {
  Json json{{"version", 1}};
  for (const auto& [name, value] : FieldsOf(event)) json[name] = value;
  return json;
}

Json Slack(const AlertEvent& event) {
  const std::string_view mark = event.is_over ? ":white_check_mark:" : ":rotating_light:";
  std::string text = fmt::format("{} {}: {}", mark, event.relay, SentenceOf(event));
  if (!event.is_over && !event.alert.fix.empty()) text += "\nFix: " + event.alert.fix;
  return {{"text", std::move(text)}};
}

Json Alertmanager(const AlertEvent& event) {
  const WallTime ends = event.is_over ? event.at : event.at + kLongest;
  return Json::array(
      {{{"labels",
         {{"alertname", event.alert.name},
          {"instance", event.relay},
          {"backend", event.alert.backend},
          {"severity", SeverityOf(event)}}},
        {"annotations", {{"summary", event.alert.summary}, {"fix", event.alert.fix}}},
        {"startsAt", ToRfc3339(event.since)},
        {"endsAt", ToRfc3339(ends)}}});
}

Json PagerDuty(const AlertEvent& event, const std::string& token) {
  return {{"routing_key", token},
          {"event_action", event.is_over ? "resolve" : "trigger"},
          {"dedup_key", event.relay + "/" + event.key},
          {"payload",
           {{"summary", event.alert.summary},
            {"source", event.relay},
            {"severity", SeverityOf(event)},
            {"component", event.alert.backend},
            {"custom_details", {{"fix", event.alert.fix}}}}}};
}

// Returns a text as the inside of a JSON string.
std::string Escaped(const std::string& text) {
  const std::string quoted = DumpJson(Json(text));
  return quoted.substr(1, quoted.size() - 2);
}

std::string Filled(const std::string& text, const AlertEvent& event) {
  const std::map<std::string, std::string> fields = FieldsOf(event);
  std::string filled;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text[at] == '{' ? text.find('}', at) : std::string::npos;
    const auto field =
        end == std::string::npos ? fields.end() : fields.find(text.substr(at + 1, end - at - 1));
    if (field == fields.end()) {
      filled += text[at++];
      continue;
    }
    filled += Escaped(field->second);
    at = end + 1;
  }
  return filled;
}

}  // namespace

std::string PayloadOf(const WebhookConfig& config, const AlertEvent& event,
                      const std::string& token) {
  if (!config.body.empty()) return Filled(config.body, event);
  switch (config.form) {
    case WebhookForm::kGeneric: return DumpJson(Generic(event));
    case WebhookForm::kSlack: return DumpJson(Slack(event));
    case WebhookForm::kAlertmanager: return DumpJson(Alertmanager(event));
    case WebhookForm::kPagerDuty: return DumpJson(PagerDuty(event, token));
  }
  return "";
}

}  // namespace relay
