#include "replay/seed/part_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/base/backoff.h"

namespace relay {
namespace {

std::string WordsOf(const Verdict& verdict, const Result<Reply>& reply) {
  constexpr std::size_t kBodyMax = 200;
  if (!reply.ok()) return reply.error().message();
  return fmt::format("{}: HTTP {} {}", verdict.text->reason, reply.value().http_status,
                     reply.value().body.substr(0, kBodyMax));
}

}  // namespace

PartSender::PartSender(const std::vector<std::unique_ptr<Transport>>& transports, Clock& clock,
                       Options options)
    : clock_(clock), options_(std::move(options)), room_(transports.size()) {
  for (const auto& transport : transports) {
    threads_.emplace_back([this, &one = *transport] { Run(one); });
  }
}

PartSender::~PartSender() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
}

void PartSender::Push(const WriteParams& params, LinesPart part) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.size() < room_ || !failure_.ok(); });
  if (!failure_.ok()) return;
  queue_.push_back({params, std::move(part)});
  changed_.notify_all();
}

Status PartSender::Finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return under_way_ == 0 && (queue_.empty() || !failure_.ok()); });
  return failure_;
}

void PartSender::Interrupt() {
  Fail({ErrorCode::kUnavailable, "interrupted"});
}

// Keeps the first failure.
void PartSender::Fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = std::move(error);
  changed_.notify_all();
}

std::optional<PartSender::Item> PartSender::Next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ends_ || (!queue_.empty() && failure_.ok()); });
  if (ends_) return std::nullopt;
  Item item = std::move(queue_.front());
  queue_.pop_front();
  ++under_way_;
  changed_.notify_all();
  return item;
}

void PartSender::Run(Transport& transport) {
  while (const std::optional<Item> item = Next()) {
    Status sent = Send(transport, *item);
    if (!sent.ok()) Fail(std::move(sent).error());
    const std::lock_guard lock(mutex_);
    --under_way_;
    changed_.notify_all();
  }
}

Status PartSender::Send(Transport& transport, const Item& item) {
  for (std::uint32_t tries = 1;; ++tries) {
    const Result<Reply> reply = transport.Send({.params = item.params, .lines = item.part.lines});
    const Verdict verdict = Judge(reply, clock_.WallNow());
    if (verdict.action == Action::kDelivered) {
      TellSent(item, 0, "");
      return Ok();
    }
    if (verdict.action == Action::kPartial && verdict.dropped) {
      TellSent(item, *verdict.dropped, WordsOf(verdict, reply));
      return Ok();
    }
    if (verdict.action != Action::kRetry) {
      return Error(ErrorCode::kInvalidInput, WordsOf(verdict, reply));
    }
    RETURN_IF_ERROR(WaitBefore(tries, verdict, WordsOf(verdict, reply)));
  }
}

void PartSender::TellSent(const Item& item, PointCount refused, std::string refusal) {
  const std::lock_guard lock(call_mutex_);
  options_.on_wait("");
  options_.on_sent({.points = item.part.points,
                    .refused = std::min(refused, item.part.points),
                    .values = item.part.values,
                    .bytes = Bytes(item.part.lines.size()),
                    .refusal = std::move(refusal)});
}

Status PartSender::WaitBefore(std::uint32_t tries, const Verdict& verdict, std::string why) {
  constexpr Backoff kRetry{.first = std::chrono::milliseconds(100),
                           .max = std::chrono::milliseconds(5'000)};
  {
    const std::lock_guard lock(call_mutex_);
    options_.on_wait(std::move(why));
  }
  Clock::Duration wait = kRetry.After(tries, 0.5);
  if (verdict.retry_after) wait = std::max<Clock::Duration>(wait, *verdict.retry_after);
  std::unique_lock lock(mutex_);
  const bool ends = changed_.wait_for(lock, wait, [this] { return ends_ || !failure_.ok(); });
  if (ends) return Error(ErrorCode::kUnavailable, "interrupted");
  return Ok();
}

}  // namespace relay
