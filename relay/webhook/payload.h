// The body of a webhook's request: one of the known forms, or an operator's own text.
//
// THREADS. Pure functions.
#pragma once

#include <string>

#include "config/model/webhook.h"
#include "relay/webhook/alerts.h"

namespace relay {

// Returns the body for an event, in JSON. `token`: PagerDuty's routing key; unused by others.
// A custom text has its placeholders replaced, each as the inside of a JSON string.
std::string PayloadOf(const WebhookConfig& config, const AlertEvent& event,
                      const std::string& token);

}  // namespace relay
