#include "replay/delivery/worker.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "replay/transport/remote_write.h"

namespace relay {
namespace {

DeliveryOptions With(DeliveryOptions options, std::size_t transports) {
  options.at_once_max = transports;
  return options;
}

bool MayHaveOpaque(const SendBatch& batch) {
  return std::any_of(batch.parts.begin(), batch.parts.end(), [](const SendBatch::Part& part) {
    const Record& record = *part.record;
    return record.memo.Answer(LinesQuestion::kMayHaveOpaqueSamples,
                              [&] { return MayHaveOpaqueSamples(record.lines); });
  });
}

void NameThread(const BackendId& backend) {
  constexpr std::size_t kNameMax = 15;  // The kernel's, for top and perf.
  const std::string name = "to " + backend.text();
  pthread_setname_np(pthread_self(), name.substr(0, kNameMax).c_str());
}

}  // namespace

Worker::Worker(Options options, Log& log, std::vector<Transport*> transports, Clock& clock)
    : log_(log),
      backend_(options.backend),
      clock_(clock),
      delivery_(With(std::move(options), transports.size()), log, clock),
      free_(transports),
      transports_(std::move(transports)) {}

void Worker::Run(const std::stop_token& stop) {
  const std::stop_callback cancel(stop, [this] {
    for (Transport* transport : transports_) transport->Cancel();
  });
  std::vector<std::jthread> threads;
  threads.reserve(transports_.size());
  for (std::size_t i = 0; i < transports_.size(); ++i) {
    threads.emplace_back([this, &stop] {
      NameThread(backend_);
      Work(stop);
    });
  }
  NameThread(backend_);
  Work(stop);
}

void Worker::Wake() {
  if (waits_for_more_) signal_.Raise();
}

// Takes no lock: the caller may hold one that the log's thread waits for.
void Worker::TryNow() {
  tries_now_ = true;
  signal_.Raise();
}

Delivery::Job Worker::NextJob() {
  if (tries_now_.exchange(false)) delivery_.TryNow();
  return delivery_.Next();
}

void Worker::Work(const std::stop_token& stop) {
  Lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Delivery::Job job = NextJob();
    if (const auto* wait = std::get_if<Delivery::Wait>(&job)) {
      WaitForTurn(lock, *wait, stop);
      continue;
    }
    // A request may take long: another thread does the other work meanwhile. A read does not, and
    // nothing can be sent until it is done.
    if (!std::holds_alternative<Delivery::Read>(job)) WakeAnother();
    Do(lock, job);
  }
}

void Worker::WaitForTurn(Lock& lock, const Delivery::Wait& wait, const std::stop_token& stop) {
  const Clock::TimePoint until = clock_.Now() + wait.duration;
  if (has_watch_) {
    // The watch waits for something else: it must look again.
    if (until < watched_until_ || wait.for_more != waits_for_more_) signal_.Raise();
    watch_left_.wait(lock, stop, [this] { return !has_watch_; });
    return;
  }
  // Sees what came after the log was looked at and before this flag was set.
  if (wait.for_more && !waits_for_more_.exchange(true)) return;
  waits_for_more_ = wait.for_more;
  watched_until_ = until;
  has_watch_ = true;
  lock.unlock();
  clock_.WaitFor(signal_, wait.duration, stop);
  lock.lock();
  has_watch_ = false;
  waits_for_more_ = false;
}

void Worker::WakeAnother() {
  if (has_watch_) {
    signal_.Raise();
  } else {
    watch_left_.notify_one();
  }
}

// Does a job. One thread at a time uses the delivery; requests and reads run without it.
void Worker::Do(Lock& lock, const Delivery::Job& job) {
  if (const auto* send = std::get_if<Delivery::Send>(&job)) {
    const Result<Reply> answer = AskBackend(lock, [&](Transport& transport) {
      const std::vector<std::string_view> pieces = PiecesOf(*send->batch);
      return transport.Send({.params = send->batch->params(),
                             .lines = LinesInPieces(pieces),
                             .may_have_opaque_samples = MayHaveOpaque(*send->batch)});
    });
    delivery_.Sent(send->id, answer);
  } else if (const auto* create = std::get_if<Delivery::Create>(&job)) {
    const Result<Reply> answer = AskBackend(
        lock, [&](Transport& transport) { return transport.CreateDatabase(create->params); });
    delivery_.Created(create->id, answer);
  } else if (const auto* read = std::get_if<Delivery::Read>(&job)) {
    lock.unlock();
    Result<std::vector<StoredRecord>> records =
        read->held ? log_.ReadHeld(backend_, *read->held, read->after, read->limit)
                   : log_.Read(backend_, read->after, read->limit);
    lock.lock();
    delivery_.HasRead(read->id, std::move(records));
  }
}

template <typename Ask>
Result<Reply> Worker::AskBackend(Lock& lock, const Ask& ask) {
  INVARIANT(!free_.empty());
  Transport* const transport = free_.back();
  free_.pop_back();
  lock.unlock();
  Result<Reply> answer = ask(*transport);
  lock.lock();
  free_.push_back(transport);
  return answer;
}

Worker::StepResult Worker::Step() {
  Lock lock(mutex_);
  while (true) {
    const Delivery::Job job = NextJob();
    if (const auto* wait = std::get_if<Delivery::Wait>(&job)) return {wait->state, wait->duration};
    Do(lock, job);
    if (!std::holds_alternative<Delivery::Read>(job)) {
      return {delivery_.Snapshot().state, Clock::Duration::zero()};
    }
  }
}

}  // namespace relay
