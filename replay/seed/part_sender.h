// Sends parts of lines to a backend over several connections at once, in no particular order.
//
// Parts that the backend cannot accept now are sent again until it does; lines that it refuses for
// good are counted.
//
// ERRORS. kInvalidInput: it refuses a whole part, with its words: sending on would not help.
// kUnavailable: interrupted.
//
// THREADS. One pushes; Interrupt from any. `on_sent` and `on_wait` are called on threads of the
// sender, one at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "replay/seed/line_sink.h"
#include "replay/transport/transport.h"
#include "replay/transport/verdict.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"

namespace relay {

struct SentPart {
  PointCount points = 0;
  PointCount refused = 0;
  std::uint64_t values = 0;
  Bytes bytes{0};
  std::string refusal = {};  // The backend's words, if it refused some.
};

class PartSender {
 public:
  struct Options {
    std::function<void(const SentPart& sent)> on_sent;
    std::function<void(std::string why)> on_wait;  // Why it sends again; empty: it does not.
  };

  // REQUIRES: transports and clock outlive the sender.
  PartSender(const std::vector<std::unique_ptr<Transport>>& transports, Clock& clock,
             Options options);
  ~PartSender();
  PartSender(const PartSender&) = delete;
  PartSender& operator=(const PartSender&) = delete;

  // Waits while too much is under way. After a failure parts are dropped.
  void Push(const WriteParams& params, LinesPart part);

  // Waits until everything that was pushed is sent.
  Status Finish();

  void Interrupt();

 private:
  struct Item {
    WriteParams params;
    LinesPart part;
  };

  void Run(Transport& transport);
  // Waits for the next item; nullopt: there will be none.
  std::optional<Item> Next();
  Status Send(Transport& transport, const Item& item);
  void TellSent(const Item& item, PointCount refused, std::string refusal);
  Status WaitBefore(std::uint32_t tries, const Verdict& verdict, std::string why);
  void Fail(Error error);

  Clock& clock_;
  const Options options_;
  const std::size_t room_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> queue_;
  std::size_t under_way_ = 0;
  bool ends_ = false;
  Status failure_ = Ok();
  std::mutex call_mutex_;  // Held while a callback runs.
  std::vector<std::jthread> threads_;
};

}  // namespace relay
