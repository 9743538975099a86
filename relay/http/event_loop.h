// A thread, its event loop and its connections: a few thousand clients share one.
//
// LIFETIME. After BeginStop it ends by itself once its last connection has; CloseAll closes those.
//
// THREADS. Everything on its own thread, except where a method says otherwise.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "relay/http/acceptor.h"
#include "relay/http/answer_text.h"
#include "relay/http/body_memory.h"
#include "relay/http/client_stream.h"
#include "relay/http/server.h"

namespace relay::http_parts {

class Connection;

// State shared by the loops of a server. THREADS. Any number at once.
struct Service {
  const HttpServerOptions& options;
  HttpHandler& handler;
  const Clock& clock;
  Admission& admission;
  std::atomic<std::size_t> connections = 0;
  std::function<void()> loop_ended;
};

// Answers on their way from the handlers' threads to the loop. THREADS. Any number at once.
class AnswerInbox {
 public:
  using Answer = std::pair<std::shared_ptr<Connection>, HttpResponse>;

  // Returns whether it was empty: the loop has to be woken, once for all answers of a group.
  bool Put(Answer answer);
  std::vector<Answer> TakeAll();

 private:
  std::mutex mutex_;
  std::vector<Answer> answers_;
};

// THREADS. Any may ask; one starts and joins it.
class LoopThread {
 public:
  void Start(std::function<void()> run);
  void Join();
  bool IsThis() const { return id_ == std::this_thread::get_id(); }

 private:
  std::atomic<std::thread::id> id_;
  std::thread thread_;
};

class Loop {
 public:
  Loop(Service& service, std::shared_ptr<TlsContext> tls);

  // Called by the thread that makes it, before and after it runs.
  Acceptor& acceptor() { return acceptor_; }
  void StartThread();
  void Join() { thread_.Join(); }

  // Called from any thread.
  void BeginStop();
  void CloseAll();
  void SetLimits(const HttpLimits& limits);
  void SetTls(std::shared_ptr<TlsContext> tls);
  void Deliver(std::shared_ptr<Connection> connection, HttpResponse response);
  bool OnThisThread() const { return thread_.IsThis(); }
  void Post(std::function<void()> work);

  // Called by its connections.
  void Remove(const std::shared_ptr<Connection>& connection);
  Service& service() { return service_; }
  const HttpLimits& limits() const { return limits_; }
  BodyQueue& waiting() { return waiting_; }
  AnswerStamps& stamps() { return stamps_; }
  Clock::TimePoint Now() const { return service_.clock.Now(); }
  bool stopping() const { return stopping_; }

 private:
  using Connections = std::unordered_set<std::shared_ptr<Connection>>;

  void Admit(tcp::socket socket, std::string address);
  void Sweep();
  void DrainInbox();
  void EndIfIdle();
  // A copy: closing a connection removes it.
  std::vector<std::shared_ptr<Connection>> AllConnections() const {
    return {connections_.begin(), connections_.end()};
  }

  Service& service_;
  HttpLimits limits_;
  std::shared_ptr<TlsContext> tls_;
  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{
      context_.get_executor()};
  Acceptor acceptor_;
  asio::steady_timer sweep_timer_{context_};
  BodyQueue waiting_;
  Connections connections_;
  AnswerStamps stamps_;
  AnswerInbox inbox_;
  bool stopping_ = false;
  LoopThread thread_;
};

}  // namespace relay::http_parts
