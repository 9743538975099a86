// Delivers one backend's records: the threads that do what a Delivery says.
//
// Each transport carries one request at a time; one more thread than there are
// transports reads and decodes what is sent next while requests are under way.
//
// THREADS. Run by one thread, which starts the others and ends after them; or
// Step, for tests, instead of it. Wake and Snapshot from any. Log, transports
// and clock outlive a worker; workers share only the log.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "replay/delivery/delivery.h"
#include "replay/transport/transport.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

class Worker {
 public:
  using Options = DeliveryOptions;  // `at_once_max` is as many as there are transports.

  // How a step ended, and how long to wait before the next one.
  struct StepResult {
    WorkerState state = WorkerState::kCaughtUp;
    Clock::Duration wait{0};
  };

  // REQUIRES: at least one transport.
  Worker(Options options, Log& log, std::vector<Transport*> transports, Clock& clock);

  // Reads what there is and sends at most one request. Does not wait but for
  // the transport's answer.
  StepResult Step();

  // Delivers until `stop` is requested.
  void Run(const std::stop_token& stop);

  // The log has more to read. Cheap where the worker does not wait for that.
  void Wake();

  WorkerStatus Snapshot() const { return delivery_.Snapshot(); }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void Work(const std::stop_token& stop);
  void WaitForTurn(Lock& lock, const Delivery::Wait& wait, const std::stop_token& stop);
  void WakeAnother();
  void Do(Lock& lock, const Delivery::Job& job, std::string& joined);
  template <typename Ask>
  Result<Reply> AskBackend(Lock& lock, const Ask& ask);

  Log& log_;
  const BackendId backend_;
  Clock& clock_;

  std::mutex mutex_;  // Guards what follows but the signal.
  Delivery delivery_;
  std::vector<Transport*> free_;
  const std::vector<Transport*> transports_;

  // Of the threads without work one, the watch, waits for the time or the log;
  // the others wait for it to leave its post.
  bool has_watch_ = false;
  Clock::TimePoint watched_until_;
  std::condition_variable_any watch_left_;
  std::atomic<bool> waits_for_more_ = false;
  Signal signal_;
};

}  // namespace relay
