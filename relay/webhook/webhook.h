// Tells an operator's receiver of changes of state by HTTP POST.
//
// It holds nothing up: it looks at the status once a second on a thread of its own and sends on
// another. At most kQueueMax changes wait; beyond that the oldest is lost, and counted. An attempt
// that is answered by a status other than 2xx, or not at all, is repeated with growing pauses; an
// answer that says that the request is wrong (4xx but 408 and 429) is not.
//
// THREADS. Has two of its own, from construction to destruction; Set by one at a time. Counters and
// clock outlive it.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

#include "config/model/webhook.h"
#include "relay/base/counters.h"
#include "relay/webhook/alerts.h"
#include "replay/net/deadline.h"
#include "wal/base/backoff.h"
#include "wal/base/clock.h"

namespace relay {

class Webhook {
 public:
  static constexpr std::size_t kQueueMax = 256;

  Webhook(WebhookConfig config, std::function<RelayStatus()> status, Counters& counters,
          Clock& clock);
  ~Webhook();
  Webhook(const Webhook&) = delete;
  Webhook& operator=(const Webhook&) = delete;

  // Applies to what is told from now on.
  void Set(WebhookConfig config);

 private:
  void Look(AlertWatch& watch);
  void Watch(const std::stop_token& stop);
  void Send(const std::stop_token& stop);
  void Deliver(const AlertEvent& event, const std::stop_token& stop);
  void Put(AlertEvent event);
  std::optional<AlertEvent> Take();
  WebhookConfig config() const;

  const std::function<RelayStatus()> status_;
  Counters& counters_;
  Clock& clock_;
  const Backoff backoff_{.first = std::chrono::milliseconds(500), .max = std::chrono::minutes(1)};
  std::minstd_rand random_;   // Used by the sending thread.
  mutable std::mutex mutex_;  // Guards the next two.
  WebhookConfig config_;
  std::deque<AlertEvent> queue_;  // Oldest first.
  Signal queued_;
  std::jthread sender_;
  std::jthread watcher_;
};

}  // namespace relay
