#include "relay/http/event_loop.h"

#include <boost/asio/post.hpp>
#include <pthread.h>

#include "relay/http/connection.h"

namespace relay::http_parts {
namespace {

// The interval of deadline checks: one timer per thread instead of one per read.
constexpr std::chrono::milliseconds kSweep{250};

}  // namespace

bool AnswerInbox::Put(Answer answer) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(std::move(answer));
  return answers_.size() == 1;
}

std::vector<AnswerInbox::Answer> AnswerInbox::TakeAll() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answers_, {});
}

void LoopThread::Start(std::function<void()> run) {
  thread_ = std::thread([this, run = std::move(run)] {
    id_ = std::this_thread::get_id();
    pthread_setname_np(pthread_self(), "http");
    run();
  });
}

void LoopThread::Join() {
  if (thread_.joinable()) thread_.join();
}

Loop::Loop(Service& service, std::shared_ptr<TlsContext> tls)
    : service_(service),
      limits_(service.options.limits),
      tls_(std::move(tls)),
      acceptor_(context_, service.admission, service.handler) {
  stamps_.SetTime(service_.clock.WallNow());
}

void Loop::StartThread() {
  acceptor_.Start([this](tcp::socket socket,
                         std::string address) { Admit(std::move(socket), std::move(address)); },
                  tls_ != nullptr);
  Sweep();
  thread_.Start([this] {
    context_.run();
    service_.loop_ended();
  });
}

void Loop::Admit(tcp::socket socket, std::string address) {
  ++service_.connections;
  auto connection = std::make_shared<Connection>(ConnectionSocket{std::move(socket), tls_},
                                                 std::move(address), *this);
  connections_.insert(connection);
  connection->Start();
}

void Loop::Remove(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) > 0) {
    --service_.connections;
    service_.admission.Disconnect(connection->address());
  }
  EndIfIdle();
}

void Loop::Sweep() {
  stamps_.SetTime(service_.clock.WallNow());
  const Clock::TimePoint now = Now();
  for (const auto& connection : AllConnections()) connection->Sweep(now);
  waiting_.Admit();
  // This sweep may have closed the last connection.
  if (stopping_ && connections_.empty()) return;
  sweep_timer_.expires_after(kSweep);
  sweep_timer_.async_wait([this](const error_code& cancelled) {
    const bool over = stopping_ && connections_.empty();
    if (!cancelled && !over) Sweep();
  });
}

// ---- From other threads

void Loop::Deliver(std::shared_ptr<Connection> connection, HttpResponse response) {
  if (inbox_.Put({std::move(connection), std::move(response)})) {
    asio::post(context_, [this] { DrainInbox(); });
  }
}

void Loop::Post(std::function<void()> work) {
  asio::post(context_, std::move(work));
}

void Loop::DrainInbox() {
  for (const auto& [connection, response] : inbox_.TakeAll()) connection->Send(response);
}

void Loop::SetLimits(const HttpLimits& limits) {
  asio::post(context_, [this, limits] { limits_ = limits; });
}

void Loop::SetTls(std::shared_ptr<TlsContext> tls) {
  asio::post(context_, [this, tls = std::move(tls)] { tls_ = tls; });
}

void Loop::BeginStop() {
  asio::post(context_, [this] {
    stopping_ = true;
    acceptor_.Stop();
    for (const auto& connection : AllConnections()) connection->BeginStop();
    EndIfIdle();
  });
}

void Loop::CloseAll() {
  asio::post(context_, [this] {
    for (const auto& connection : AllConnections()) connection->Close();
  });
}

void Loop::EndIfIdle() {
  if (!stopping_ || !connections_.empty()) return;
  sweep_timer_.cancel();
  work_.reset();
}

}  // namespace relay::http_parts
