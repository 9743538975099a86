// Settings of the webhook.
//
// ERRORS. The section collects errors.
#pragma once

#include "config/model/webhook.h"
#include "config/schema/section.h"

namespace relay {

void DeclareWebhook(Section& section, WebhookConfig& webhook);

}  // namespace relay
