// A client's connection: reads requests one after the other, hands them to the handler, writes the
// answers, and closes it when it is time. What a request is, Exchange knows.
//
// INVARIANT. A request that was handled is answered before the next one is read; after a refusal
// nothing more is read as a request.
//
// THREADS. Its loop's, except for Answer.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "relay/http/client_stream.h"
#include "relay/http/event_loop.h"
#include "relay/http/exchange.h"
#include "relay/http/server.h"

namespace relay::http_parts {

// The time by which the present phase must be over. The time of a body stands still while it waits
// for memory.
class PhaseTimer {
 public:
  void Begin(Clock::TimePoint now, Clock::Duration limit) { deadline_ = now + limit; }
  bool IsOver(Clock::TimePoint now) const { return now >= deadline_; }

  void SetBodyTime(Clock::Duration left) { body_left_ = left; }
  void HoldBodyTime(Clock::TimePoint now) {
    body_left_ = std::chrono::duration_cast<Clock::Duration>(deadline_ - now);
  }
  void ResumeBodyTime(Clock::TimePoint now) { Begin(now, body_left_); }

 private:
  Clock::TimePoint deadline_;
  Clock::Duration body_left_{0};
};

struct ConnectionSocket {
  tcp::socket socket;
  std::shared_ptr<TlsContext> tls;  // nullptr: plain.
};

class Connection : public std::enable_shared_from_this<Connection>, private ClientWatch {
 public:
  Connection(ConnectionSocket socket, std::string address, Loop& loop);

  void Start();
  void Send(const HttpResponse& response);  // Once for each request that was handled.
  void Sweep(Clock::TimePoint now);
  void BeginStop();
  void Close();

  const std::string& address() const { return address_; }

 private:
  enum class Phase : std::uint8_t {
    kHandshake,
    kIdle,  // No byte of the next request has arrived.
    kHead,
    kWaiting,  // For memory for its body; nothing is read meanwhile.
    kBody,
    kHandling,
    kWriting,
    kLingering,
    kClosed
  };

  void Enter(Phase phase, std::chrono::milliseconds limit);
  void AwaitRequest();
  void Advance();
  void Read();
  void OnRead(const error_code& error);
  void AwaitRoom();
  bool TryProceed();
  void SendContinue();
  void Handle();
  void Answer(HttpResponse response);  // Called from any thread.
  void Refuse(const HttpRefusal& refusal);
  void Serialize(const HttpResponse& response);
  void Wake();  // Called from any thread.
  void WriteOut();
  void SendMore();
  void WhenGone(std::function<void()> gone) override { gone_ = std::move(gone); }
  bool HasHungUp();
  void OnWritten(const error_code& error);
  void Linger();
  void Part();
  void OnLate();
  void Release();

  ClientStream stream_;
  const std::string address_;
  Loop& loop_;
  Exchange exchange_;
  boost::beast::flat_buffer buffer_;
  std::string out_;
  std::shared_ptr<BodyPipe> pipe_;  // The rest of the answer; nullptr: `out_` is all.
  std::function<void()> gone_;      // Empty: nobody needs to know.
  PhaseTimer timer_;
  std::size_t discarded_ = 0;
  Phase phase_ = Phase::kIdle;
  bool keep_alive_ = true;
};

}  // namespace relay::http_parts
