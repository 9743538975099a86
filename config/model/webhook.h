// Where changes of state are told, and how.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/base/secret.h"

namespace relay {

// A URL to post to.
struct WebhookUrl {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string path;  // With its query; begins with a slash.

  friend bool operator==(const WebhookUrl&, const WebhookUrl&) = default;
};

inline constexpr std::string_view kWebhookUrlExpected =
    "http:// or https://, a host, and a path, as in https://hooks.example.org/services/relay";

// kInvalidInput: it is not one; the message does not repeat the text.
Result<WebhookUrl> ParseWebhookUrl(std::string_view text);

enum class WebhookForm : std::uint8_t { kGeneric, kSlack, kAlertmanager, kPagerDuty };

struct WebhookConfig {
  std::optional<WebhookUrl> url = {};         // nullopt: that of the file.
  std::optional<SecretSource> url_file = {};  // nullopt, and no URL: nothing is told.
  WebhookForm form = WebhookForm::kGeneric;
  std::string body = {};                  // JSON with placeholders instead of a form; empty: none.
  std::vector<std::string> headers = {};  // "Name: value".
  std::optional<SecretSource> token = {};
  std::chrono::milliseconds after{10'000};
  std::chrono::milliseconds min_interval{60'000};
  std::chrono::milliseconds timeout{10'000};
  std::uint64_t retries = 8;

  bool is_on() const { return url || url_file; }

  // Returns where to post to now. Errors as SecretSource::Read and ParseWebhookUrl.
  Result<WebhookUrl> ReadUrl() const;

  friend bool operator==(const WebhookConfig&, const WebhookConfig&) = default;
};

}  // namespace relay
