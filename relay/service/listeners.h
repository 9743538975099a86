// Everything that clients write to: each configured listener with its handler.
//
// A listener is identified by its address: one with the same address in a new
// configuration continues, with the new settings for later requests.
//
// THREADS. Start, Reload and Stop by one thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/model/config.h"
#include "relay/base/counters.h"
#include "relay/http/server.h"
#include "relay/http/socket_activation.h"
#include "relay/ingest/write_handler.h"
#include "relay/queries/query_proxy.h"
#include "relay/routing/consistency_waiter.h"
#include "relay/routing/database_names.h"
#include "relay/stream/listener.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

class Listeners {
 public:
  // All outlive it.
  struct Parts {
    Log& log;
    Clock& clock;
    Counters& counters;
    ColumnsJudge& judge;
    DatabaseNames& databases;
    const InheritedSockets& inherited;  // Used for listeners with their addresses.
    std::string relay_id;               // See WriteHandlerOptions.
    // Returns the backends' lag, for queries; called on any thread until Stop returns.
    std::function<std::vector<BackendStatus>()> statuses;
  };

  explicit Listeners(const Parts& parts)
      : log_(parts.log),
        clock_(parts.clock),
        counters_(parts.counters),
        judge_(parts.judge),
        databases_(parts.databases),
        inherited_(parts.inherited),
        relay_id_(parts.relay_id),
        waiter_(std::make_shared<DeliveryWaiter>(parts.log, parts.clock)),
        queries_({.log = parts.log,
                  .clock = parts.clock,
                  .counters = parts.counters.queries(),
                  .statuses = parts.statuses}) {}

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
                                             const HttpListenerConfig& listener);
  Status Open(const Config& config, const HttpListenerConfig& listener);
  Status Open(const Config& config, const TcpListenerConfig& listener);
  Status Open(const Config& config, const UdpListenerConfig& listener);
  Status Reconfigure(const Config& config, Http& http, const HttpListenerConfig& listener);
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
  void StopServers(std::chrono::milliseconds grace);
  void Close(Http http, std::chrono::milliseconds grace);
  template <typename Lines>
  static void Close(Lines lines, std::chrono::milliseconds grace) {
    lines.lines->Stop(grace);
  }

  Log& log_;
  const Clock& clock_;
  Counters& counters_;
  ColumnsJudge& judge_;
  DatabaseNames& databases_;
  const InheritedSockets& inherited_;
  const std::string relay_id_;
  std::shared_ptr<DeliveryWaiter> waiter_;
  std::shared_ptr<Admission> admission_;  // Shared by all listeners.
  std::vector<Http> http_;
  std::vector<Http> closed_http_;  // Answers may still arrive for them.
  std::vector<Tcp> tcp_;
  std::vector<Udp> udp_;
  QueryProxy queries_;  // Ends before the servers whose clients it answers.
};

}  // namespace relay
