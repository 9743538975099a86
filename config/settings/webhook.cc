#include "config/settings/webhook.h"

#include <fmt/format.h>

#include <utility>

#include "config/schema/endpoint.h"
#include "config/schema/value_format.h"

namespace relay {
namespace {

std::string ToString(const WebhookUrl& url) {
  const std::string host =
      url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  return fmt::format("{}://{}:{}{}", url.tls ? "https" : "http", host, url.port, url.path);
}

ValueFormat<std::optional<WebhookUrl>> UrlToPostTo() {
  const auto parse = [](std::string_view text) -> Result<std::optional<WebhookUrl>> {
    ASSIGN_OR_RETURN(WebhookUrl url, ParseWebhookUrl(text));
    return std::optional(std::move(url));
  };
  return {std::string(kWebhookUrlExpected), parse,
          [](const std::optional<WebhookUrl>& url) { return url ? ToString(*url) : ""; }};
}

ValueFormat<std::string> HeaderLine() {
  constexpr std::string_view kExpected = "a name, a colon and a value, as in 'X-Team: storage'";
  const auto parse = [kExpected](std::string_view text) -> Result<std::string> {
    const std::size_t colon = text.find(':');
    const bool has_name = colon != std::string_view::npos && colon > 0;
    const bool is_line = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' '; });
    if (!has_name || !is_line || text.find(' ') < colon) return Expected(kExpected);
    return std::string(text);
  };
  return {std::string(kExpected), parse, [](const std::string& text) { return text; }};
}

}  // namespace

void DeclareWebhook(Section& section, WebhookConfig& webhook) {
  section.Value({.key = "url",
                 .description = "Where changes are posted. Default: nowhere.",
                 .example = "https://hooks.example.org/services/relay"},
                webhook.url, UrlToPostTo());
  section.Value({.key = "url_file",
                 .description = "A file with the URL instead, for one that is a secret; it is read "
                                "for every request.",
                 .example = "/etc/influxdb-relay/webhook.url"},
                webhook.url_file, SecretInFile());
  section.Value({"template",
                 "The form of the body: generic (all fields, as JSON), slack (also Mattermost), "
                 "alertmanager (url: http://HOST:9093/api/v2/alerts), pagerduty (url: "
                 "https://events.pagerduty.com/v2/enqueue; token_file holds the routing key)."},
                webhook.form,
                OneOf<WebhookForm>({{"generic", WebhookForm::kGeneric},
                                    {"slack", WebhookForm::kSlack},
                                    {"alertmanager", WebhookForm::kAlertmanager},
                                    {"pagerduty", WebhookForm::kPagerDuty}}));
  section.Value(
      {.key = "body",
       .description =
           "A body of your own instead: JSON in which {event} (firing, resolved), {alert}, "
           "{backend}, {severity}, {summary}, {fix}, {relay}, {since}, {time} and {key} are "
           "replaced.",
       .example = R"({"message": "{relay}: {summary}"})"},
      webhook.body, AnyText());
  section.Values({.key = "headers",
                  .description = "More headers of the request.",
                  .example = "['X-Team: storage']"},
                 webhook.headers, HeaderLine());
  section.Value({.key = "token_file",
                 .description = "A token, sent as Authorization: Bearer; for pagerduty the routing "
                                "key.",
                 .example = "/etc/influxdb-relay/webhook.token"},
                webhook.token, SecretInFile());
  section.Value({"after", "How long a state must last to be told, and be over to be told so."},
                webhook.after, TimeBetween(std::chrono::seconds(0), std::chrono::hours(24)));
  section.Value({"min_interval", "About the same state, something is told at most this often."},
                webhook.min_interval, TimeBetween(std::chrono::seconds(0), std::chrono::hours(24)));
  section.Value({"timeout", "The limit for one attempt."}, webhook.timeout,
                TimeBetween(std::chrono::milliseconds(100), std::chrono::minutes(5)));
  section.Value({"retries", "Attempts after the first, with growing pauses of up to a minute."},
                webhook.retries, CountBetween(0, 1'000));
  const SourceLocation url_file = section.Find("url_file");
  if (url_file.given && webhook.url) section.AddError(url_file, "expected only without url");
  if (webhook.form == WebhookForm::kPagerDuty && webhook.is_on() && !webhook.token) {
    section.AddError(section.Find("token_file"), "expected the file of PagerDuty's routing key");
  }
}

}  // namespace relay
