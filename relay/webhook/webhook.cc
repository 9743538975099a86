#include "relay/webhook/webhook.h"

#include <fmt/format.h>
#include <pthread.h>

#include <utility>

#include "relay/base/event_log.h"
#include "relay/webhook/payload.h"
#include "replay/query/http_query.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kLook{1};
constexpr std::chrono::minutes kIdle{10};
constexpr std::size_t kAnswerMax = 300;

struct Target {
  std::string path;
  Peer peer;
  std::string token;  // Empty: none.
};

std::string RequestText(const WebhookConfig& config, const Target& target,
                        const std::string& body) {
  std::string more;
  for (const std::string& header : config.headers) more += header + "\r\n";
  const bool is_bearer = !target.token.empty() && config.form != WebhookForm::kPagerDuty;
  if (is_bearer) more += fmt::format("Authorization: Bearer {}\r\n", target.token);
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: influxdb-relay\r\nContent-Type: "
      "application/json\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}",
      target.path, HostPort(target.peer), body.size(), more, body);
}

bool IsFinal(int status) {
  constexpr int kTimeout = 408;
  constexpr int kTooMany = 429;
  return status / 100 == 4 && status != kTimeout && status != kTooMany;
}

// The outcome of an attempt.
struct Attempt {
  bool is_sent = false;
  bool is_final = false;
  std::string reason;
};

// Reads the files with secrets, which may have changed.
Result<Target> TargetOf(const WebhookConfig& config) {
  ASSIGN_OR_RETURN(const WebhookUrl url, config.ReadUrl());
  Target target{.path = url.path, .peer = {.host = url.host, .port = url.port}, .token = ""};
  if (url.tls) target.peer.tls = TlsOptions{};
  if (config.token) {
    ASSIGN_OR_RETURN(const Secret secret, config.token->Read());
    target.token = secret.Reveal();
  }
  return target;
}

Attempt Post(const WebhookConfig& config, const AlertEvent& event, const std::stop_token& stop) {
  const Result<Target> target = TargetOf(config);
  if (!target.ok()) return {false, false, target.error().message()};
  HttpTransportOptions options;
  options.peer = target.value().peer;
  options.timeout = config.timeout;
  const std::string request =
      RequestText(config, target.value(), PayloadOf(config, event, target.value().token));
  HttpQuery query(std::move(options), config.timeout);
  const std::stop_callback cancel(stop, [&query] { query.Cancel(); });
  const Status asked = query.AskAs(request);
  if (!asked.ok()) return {false, false, asked.error().message()};
  const int status = query.head().http_status;
  if (status / 100 == 2) return {true, true, ""};
  const Result<std::string> said = query.Rest(kAnswerMax);
  return {false, IsFinal(status),
          fmt::format("HTTP {}: {}", status, said.ok() ? said.value() : "")};
}

}  // namespace

Webhook::Webhook(WebhookConfig config, std::function<RelayStatus()> status, Counters& counters,
                 Clock& clock)
    : status_(std::move(status)),
      counters_(counters),
      clock_(clock),
      config_(std::move(config)),
      sender_([this](const std::stop_token& stop) { Send(stop); }),
      watcher_([this](const std::stop_token& stop) { Watch(stop); }) {}

Webhook::~Webhook() = default;

void Webhook::Set(WebhookConfig config) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
}

WebhookConfig Webhook::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

void Webhook::Look(AlertWatch& watch) {
  const WebhookConfig used = config();
  if (!used.is_on()) return;
  const RelayStatus status = status_();
  const AlertWatch::Pace pace{used.after, used.min_interval};
  for (AlertEvent& event : watch.Note(AlertsOf(status), pace, {clock_.Now(), clock_.WallNow()})) {
    event.relay = status.host;
    Put(std::move(event));
  }
}

void Webhook::Watch(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "webhook-watch");
  AlertWatch watch;
  Signal never;
  while (!stop.stop_requested()) {
    Look(watch);
    clock_.WaitFor(never, kLook, stop);
  }
}

void Webhook::Put(AlertEvent event) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kQueueMax) {
      queue_.pop_front();
      counters_.webhook().Failed();
    }
    queue_.push_back(std::move(event));
  }
  queued_.Raise();
}

std::optional<AlertEvent> Webhook::Take() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  AlertEvent event = std::move(queue_.front());
  queue_.pop_front();
  return event;
}

void Webhook::Send(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "webhook-send");
  while (!stop.stop_requested()) {
    if (const std::optional<AlertEvent> event = Take()) {
      Deliver(*event, stop);
    } else {
      clock_.WaitFor(queued_, kIdle, stop);
    }
  }
}

void Webhook::Deliver(const AlertEvent& event, const std::stop_token& stop) {
  Signal never;
  for (std::uint32_t failures = 0; !stop.stop_requested();) {
    const WebhookConfig used = config();  // Each attempt takes the newest.
    if (!used.is_on()) return;
    const Attempt attempt = Post(used, event, stop);
    if (attempt.is_sent) return counters_.webhook().Sent();
    if (stop.stop_requested()) return;
    ++failures;
    if (attempt.is_final || failures > used.retries) {
      counters_.webhook().Failed();
      LogEvent(Level::kError, "webhook failed",
               {{"alert", event.key},
                {"attempts", std::to_string(failures)},
                {"reason", attempt.reason}});
      return;
    }
    counters_.webhook().Retried();
    const double chance = std::uniform_real_distribution<double>(0, 1)(random_);
    clock_.WaitFor(never, backoff_.After(failures, chance), stop);
  }
}

}  // namespace relay
