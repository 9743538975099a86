#include "relay/stream/listener_thread.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <optional>

namespace relay::stream_parts {

Error CannotListen(const ListenAddress& address, const error_code& error) {
  return {ErrorCode::kUnavailable,
          fmt::format("cannot listen on {}: {}", ToString(address), error.message())};
}

ListenerThread::ListenerThread(std::unique_ptr<asio::io_context> context, const ListenerDeps& deps,
                               LineTarget target, Options options)
    : context_(std::move(context)),
      work_(context_->get_executor()),
      sweep_timer_(*context_),
      options_(std::move(options)),
      clock_(deps.clock),
      counters_(deps.counters.AddLineListener(options_.protocol, ToString(options_.address))),
      // The handler does nothing: every handler is followed by a turn.
      batcher_(options_.batcher, std::move(target), deps, counters_,
               [this] { asio::post(*context_, [] {}); }) {}

ListenerThread::~ListenerThread() {
  INVARIANT(!thread_.joinable());
}

void ListenerThread::Start() {
  ScheduleSweep();
  thread_ = std::thread([this] { Run(); });
}

void ListenerThread::Stop(std::chrono::milliseconds grace) {
  if (!thread_.joinable()) return;
  asio::post(*context_, [this, grace] {
    grace_ = grace;
    stopping_ = true;
  });
  thread_.join();
}

void ListenerThread::Run() {
  pthread_setname_np(pthread_self(), (options_.protocol + " lines").c_str());
  while (!stopping_) Turn();
  sweep_timer_.cancel();
  context_->poll();  // Ends: no handler waits for its socket again.
  Drain();
  AppendRest();
}

// Runs one handler, or none if the batcher has something to do first.
void ListenerThread::Turn() {
  const std::optional<Clock::Duration> due = batcher_.Turn();
  if (batcher_.HasRoom() && Resume()) return;  // The lines it added change what is due.
  if (due) {
    context_->run_one_for(*due);
  } else {
    context_->run_one();
  }
}

void ListenerThread::AppendRest() {
  const Clock::TimePoint end = clock_.Now() + grace_;
  batcher_.StopLingering();
  for (;;) {
    const std::optional<Clock::Duration> due = batcher_.Turn();
    const Clock::TimePoint now = clock_.Now();
    if (batcher_.empty() || now >= end) break;
    const auto left = std::chrono::ceil<Clock::Duration>(end - now);
    context_->run_one_for(std::min(due.value_or(left), left));
  }
  batcher_.Abandon();
}

void ListenerThread::ScheduleSweep() {
  sweep_timer_.expires_after(options_.sweep);
  sweep_timer_.async_wait([this](const error_code& cancelled) {
    if (cancelled || stopping_) return;
    Sweep();
    ScheduleSweep();
  });
}

}  // namespace relay::stream_parts
