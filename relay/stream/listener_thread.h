// The life cycle that TCP and UDP listeners share: an event loop on a thread of its own, the
// batcher that gets what is read, and the stop. For the sources of relay/stream only: it includes
// Asio.
//
// Derived classes wait for their sockets with Asio and read them without blocking. A socket that is
// readable while the batcher has no room is not read and not waited for until Resume.
//
// INVARIANT. The thread has ended before a derived class is destroyed: its destructor calls Stop.
//
// THREADS. The protected members belong to the listener's thread, or to the thread that calls Start
// until it has done so.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "relay/stream/batcher.h"
#include "relay/stream/listener.h"

namespace relay::stream_parts {

namespace asio = boost::asio;
using boost::system::error_code;

// A socket or an acceptor, and the event loop that it belongs to.
template <typename Socket>
struct BoundSocket {
  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);
  Socket socket{*context};
};

// kUnavailable: the address is in use or does not belong to this machine.
Error CannotListen(const ListenAddress& address, const error_code& error);

// Opens a non-blocking socket, calls `prepare(socket, error)` and binds it. Errors: CannotListen.
template <typename Socket, typename Prepare>
Result<BoundSocket<Socket>> Bind(const ListenAddress& address, const Prepare& prepare) try {
  error_code error;
  BoundSocket<Socket> bound;
  const typename Socket::endpoint_type endpoint(
      asio::ip::make_address(HostToBind(address.host), error), address.port);
  if (!error) bound.socket.open(endpoint.protocol(), error);
  const bool both = address.host.empty() && endpoint.address().is_v6();
  if (!error && both) bound.socket.set_option(asio::ip::v6_only(false), error);
  if (!error) bound.socket.non_blocking(true, error);
  if (!error) prepare(bound.socket, error);
  if (!error) bound.socket.bind(endpoint, error);
  if (error) return CannotListen(address, error);
  return bound;
} catch (const boost::system::system_error& failed) {  // No descriptors for an event loop.
  return CannotListen(address, failed.code());
}

class ListenerThread : public LineListener {
 public:
  ~ListenerThread() override;

  std::uint16_t port() const final { return options_.port; }
  void Retarget(LineTarget target) final { batcher_.Retarget(std::move(target)); }
  void Stop(std::chrono::milliseconds grace) final;

 protected:
  struct Options {
    std::string protocol;  // "tcp" or "udp": names its thread and, with the address, its counters.
    ListenAddress address;
    std::uint16_t port;
    std::chrono::milliseconds sweep;  // How often Sweep is called.
    LineBatcherOptions batcher;
  };

  ListenerThread(std::unique_ptr<asio::io_context> context, const ListenerDeps& deps,
                 LineTarget target, Options options);

  // Starts the thread. Called once, after the derived class has begun to wait for its socket.
  void Start();

  // Reads what was left unread for lack of room, as far as there is room now, and waits for those
  // sockets again. Returns whether anything was left. Called after each turn of the batcher.
  virtual bool Resume() = 0;

  // Does what is due from time to time.
  virtual void Sweep() = 0;

  // Reads what has arrived, as far as there is room, and closes the sockets.
  virtual void Drain() = 0;

  asio::io_context& context() { return *context_; }
  LineBatcher& batcher() { return batcher_; }
  LineCounters& counters() { return counters_; }
  Clock::TimePoint Now() const { return clock_.Now(); }
  bool stopping() const { return stopping_; }  // No wait is begun any more.

 private:
  void Run();
  void Turn();
  void AppendRest();
  void ScheduleSweep();

  const std::unique_ptr<asio::io_context> context_;
  const asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer sweep_timer_;
  const Options options_;
  const Clock& clock_;
  LineCounters& counters_;
  LineBatcher batcher_;
  std::chrono::milliseconds grace_{0};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace relay::stream_parts
