// Everything that clients write to: each configured listener with its handler.
//
// A listener is its address: one that has the same address in a new
// configuration goes on, with the new settings for what comes from then on.
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
  // All outlive it. `inherited`: sockets to use where they have a listener's address.
  Listeners(Log& log, Clock& clock, Counters& counters, const InheritedSockets& inherited)
      : log_(log),
        clock_(clock),
        counters_(counters),
        inherited_(inherited),
        waiter_(std::make_shared<DeliveryWaiter>(log, clock)) {}

  // Opens the listeners in their order. kUnavailable: an address is taken or is
  // not ours; those that were opened before serve until Stop.
  Status Start(const Config& config);

  // Reads what a reload needs: users' secrets. Errors as Users::Load; nothing
  // has changed then.
  static Status CheckFiles(const Config& config);

  // Goes over to another configuration: listeners that it does not have are
  // closed, those that it has and that were not there are opened, the others
  // are told. Returns what could not be done, in words; that part stays as it was.
  std::vector<std::string> Reload(const Config& config, std::chrono::milliseconds grace);

  // Lets nobody new in and waits until what is under way is answered, at most
  // for `grace`. The log may still answer until the listeners are destroyed.
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
  Status Tell(const Config& config, Http& http, const HttpListenerConfig& listener) const;
  Status Tell(const Config& config, Tcp& tcp, const TcpListenerConfig& listener) const;
  Status Tell(const Config& config, Udp& udp, const UdpListenerConfig& listener) const;

  // One reading of the configuration, and what came of it.
  struct Reloading {
    const Config& config;
    std::chrono::milliseconds grace;  // For those that close.
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
  std::shared_ptr<Admission> admission_;  // Of all listeners together.
  std::vector<Http> http_;
  std::vector<Http> closed_http_;  // Answers may still be on their way to them.
  std::vector<Tcp> tcp_;
  std::vector<Udp> udp_;
};

}  // namespace relay
