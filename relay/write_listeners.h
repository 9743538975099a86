// Everything that clients write to: each configured listener with its handler.
//
// THREADS. Start and Stop by one thread. Log, clock and counters outlive it.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "config/config.h"
#include "relay/counters.h"
#include "relay/delivery_waiter.h"
#include "relay/http.h"
#include "relay/line_listener.h"
#include "relay/write_handler.h"
#include "replay/clock.h"
#include "wal/log.h"

namespace relay {

class WriteListeners {
 public:
  WriteListeners(Log& log, Clock& clock, Counters& counters)
      : log_(log),
        clock_(clock),
        counters_(counters),
        waiter_(std::make_shared<DeliveryWaiter>(log, clock)) {}

  // Opens the listeners in their order. kUnavailable: an address is taken or is
  // not ours; those that were opened before serve until Stop.
  Status Start(const Config& config);

  // Lets nobody new in and waits until what is under way is answered, at most
  // for `grace`. The log may still answer until the listeners are destroyed.
  void Stop(std::chrono::milliseconds grace);

 private:
  Status StartHttp(const Config& config, const HttpListenerConfig& listener);
  Status StartLines(const Config& config);

  Log& log_;
  const Clock& clock_;
  Counters& counters_;
  std::shared_ptr<DeliveryWaiter> waiter_;
  std::shared_ptr<Admission> admission_;  // Of all listeners together.
  std::vector<std::unique_ptr<WriteHandler>> http_handlers_;
  std::vector<std::unique_ptr<HttpServer>> http_servers_;
  std::vector<std::unique_ptr<LineListener>> line_listeners_;
};

}  // namespace relay
