// Where changes of state are told, and how.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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

enum class WebhookForm : std::uint8_t { kGeneric, kSlack, kAlertmanager, kPagerDuty };

struct WebhookConfig {
  std::optional<WebhookUrl> url = {};  // nullopt: nothing is told.
  WebhookForm form = WebhookForm::kGeneric;
  std::string body = {};                  // JSON with placeholders instead of a form; empty: none.
  std::vector<std::string> headers = {};  // "Name: value".
  std::optional<SecretSource> token = {};
  std::chrono::milliseconds after{10'000};
  std::chrono::milliseconds min_interval{60'000};
  std::chrono::milliseconds timeout{10'000};
  std::uint64_t retries = 8;

  friend bool operator==(const WebhookConfig&, const WebhookConfig&) = default;
};

}  // namespace relay
