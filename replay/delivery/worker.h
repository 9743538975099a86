// Delivers one backend's records: the threads that do the jobs of a Delivery.
//
// Each transport carries one request at a time; one more thread than transports reads and decodes
// the next records while requests are under way.
//
// THREADS. Run by one thread, which starts the others and ends after them; tests call Step instead.
// Wake, TryNow and Snapshot from any. Log, transports and clock outlive a worker; workers share
// only the log.
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
  using Options = DeliveryOptions;  // `at_once_max` is the number of transports.

  // The outcome of a step, and the wait before the next one.
  struct StepResult {
    WorkerState state = WorkerState::kCaughtUp;
    Clock::Duration wait{0};
  };

  // REQUIRES: at least one transport.
  Worker(Options options, Log& log, std::vector<Transport*> transports, Clock& clock);

  // Reads what is due and sends at most one request. Waits only for the transport's answer.
  StepResult Step();

  // Delivers until `stop` is requested.
  void Run(const std::stop_token& stop);

  // Reports that the log has more to read. Cheap unless the worker waits for that.
  void Wake();

  // Asks the backend again now, and for each held lane, instead of after their back-off.
  void TryNow();

  WorkerStatus Snapshot() const { return delivery_.Snapshot(); }

 private:
  using Lock = std::unique_lock<std::mutex>;

  Delivery::Job NextJob();
  void Work(const std::stop_token& stop);
  void WaitForTurn(Lock& lock, const Delivery::Wait& wait, const std::stop_token& stop);
  void WakeAnother();
  void Do(Lock& lock, const Delivery::Job& job);
  template <typename Ask>
  Result<Reply> AskBackend(Lock& lock, const Ask& ask);

  Log& log_;
  const BackendId backend_;
  Clock& clock_;

  std::mutex mutex_;  // Guards everything below but the signal and what is atomic.
  Delivery delivery_;
  std::vector<Transport*> free_;
  const std::vector<Transport*> transports_;

  // One of the threads without work, the watch, waits for the time or the log; the others wait for
  // it to leave its post.
  bool has_watch_ = false;
  Clock::TimePoint watched_until_;
  std::condition_variable_any watch_left_;
  std::atomic<bool> waits_for_more_ = false;
  std::atomic<bool> tries_now_ = false;  // TryNow was called, and nobody has looked since.
  Signal signal_;
};

}  // namespace relay
