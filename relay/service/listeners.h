// Everything that clients write to: each configured listener with its handler.
//
// A listener is identified by its address: one with the same address in a new
// configuration continues, with the new settings for later requests.
//
// THREADS. Start, Reload and Stop by one thread. Log, clock and counters outlive
// it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "config/model/config.h"
#include "relay/base/counters.h"
#include "relay/http/server.h"
#include "relay/http/socket_activation.h"
#include "relay/ingest/write_handler.h"
#include "relay/routing/consistency_waiter.h"
#include "relay/stream/listener.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

class Listeners {
 public:
  // All outlive it. `inherited`: sockets to use for listeners with their addresses.
  Listeners(Log& log, Clock& clock, Counters& counters, const InheritedSockets& inherited)
      : log_(log),
        clock_(clock),
        counters_(counters),
        inherited_(inherited),
        waiter_(std::make_shared<DeliveryWaiter>(log, clock)) {}

  // Opens the listeners in order. kUnavailable: an address is in use or not local; those
  // opened before serve until Stop.
  Status Start(const Config& config);

  // Checks the files that a reload reads: users' secrets. Errors as Users::Load.
  static Status CheckFiles(const Config& config);

  // Switches to another configuration: closes listeners that it does not have, opens
  // new ones, reconfigures the others. Returns descriptions of what failed; that part
  // stays unchanged.
  std::vector<std::string> Reload(const Config& config, std::chrono::milliseconds grace);

  // Stops accepting and waits, at most for `grace`, until requests in progress are
  // answered. The log may still answer until the listeners are destroyed.
  void Stop(std::chrono::milliseconds grace);

 private:
  struct Http {
    HttpListenerConfig config;
    std::unique_ptr<WriteHandler> handler;
    std::unique_ptr<HttpServer> server;
  };
  struct Tcp {
    TcpListenerConfig config;
    std::unique_ptr<LineListener> lines;
  };
  struct Udp {
    UdpListenerConfig config;
    std::unique_ptr<LineListener> lines;
  };
  using Problems = std::vector<std::string>;

  Result<WriteHandlerOptions> HandlerOptions(const Config& config,
                                             const HttpListenerConfig& listener) const;
  Status Open(const Config& config, const HttpListenerConfig& listener);
  Status Open(const Config& config, const TcpListenerConfig& listener);
  Status Open(const Config& config, const UdpListenerConfig& listener);
  Status Reconfigure(const Config& config, Http& http, const HttpListenerConfig& listener) const;
  Status Reconfigure(const Config& config, Tcp& tcp, const TcpListenerConfig& listener) const;
  Status Reconfigure(const Config& config, Udp& udp, const UdpListenerConfig& listener) const;

  // A reload and its problems.
  struct Reloading {
    const Config& config;
    std::chrono::milliseconds grace;  // For listeners that close.
    Problems problems = {};
  };
  Problems ReloadAll(const Config& config, std::chrono::milliseconds grace);
  template <typename Listener, typename ListenerConfig>
  void ReloadKind(Reloading& reloading, const std::vector<ListenerConfig>& wanted,
                  std::vector<Listener>& running);
  void Close(Http http, std::chrono::milliseconds grace);
  template <typename Lines>
  static void Close(Lines lines, std::chrono::milliseconds grace) {
    lines.lines->Stop(grace);
  }

  Log& log_;
  const Clock& clock_;
  Counters& counters_;
  const InheritedSockets& inherited_;
  std::shared_ptr<DeliveryWaiter> waiter_;
  std::shared_ptr<Admission> admission_;  // Shared by all listeners.
  std::vector<Http> http_;
  std::vector<Http> closed_http_;  // Answers may still arrive for them.
  std::vector<Tcp> tcp_;
  std::vector<Udp> udp_;
};

}  // namespace relay
