#include "replay/http_transport.h"

#include <fmt/format.h>
#include <httplib.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace relay {
namespace {

constexpr std::size_t kAnswerBodyMax = 64U << 10U;

std::string PercentEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

// Calls `expire` when an armed deadline passes. The client's own timeouts are
// per read and do not bound an attempt.
class DeadlineWatch {
 public:
  explicit DeadlineWatch(std::function<void()> expire)
      : expire_(std::move(expire)), thread_([this](const std::stop_token& stop) { Watch(stop); }) {}

  void Arm(std::chrono::milliseconds timeout) {
    const std::lock_guard lock(mutex_);
    timeout_ = timeout;
    expired_ = false;
    ++attempt_;
    changed_.notify_one();
  }

  // Every deadline passes now.
  void ExpireAtOnce() {
    const std::lock_guard lock(mutex_);
    at_once_ = true;
    changed_.notify_one();
  }

  // Returns whether the deadline passed before.
  bool Disarm() {
    const std::lock_guard lock(mutex_);
    timeout_.reset();
    ++attempt_;
    changed_.notify_one();
    return expired_;
  }

 private:
  void Watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait(lock, stop, [this] { return timeout_.has_value(); });
      if (!timeout_) continue;
      const std::uint64_t attempt = attempt_;
      const auto over = [&] { return attempt_ != attempt; };
      changed_.wait_for(lock, stop, *timeout_, [&] { return over() || at_once_; });
      // Again until it helps: while the client still connects, there is nothing
      // that it could stop.
      while (!over() && !stop.stop_requested()) {
        expired_ = true;
        expire_();
        changed_.wait_for(lock, stop, kAgain, over);
      }
    }
  }

  static constexpr std::chrono::milliseconds kAgain{50};

  const std::function<void()> expire_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<std::chrono::milliseconds> timeout_;
  std::uint64_t attempt_ = 0;
  bool expired_ = false;
  bool at_once_ = false;
  std::jthread thread_;
};

void KeepHead(const httplib::Response& head, Reply& reply) {
  reply.http_status = head.status;
  reply.content_type = head.get_header_value("Content-Type");
  reply.retry_after = head.get_header_value("Retry-After");
}

std::string BaseUrl(const HttpTransportOptions& options) {
  const bool ipv6 = options.host.find(':') != std::string::npos;
  return fmt::format("{}://{}:{}", options.tls ? "https" : "http",
                     ipv6 ? "[" + options.host + "]" : options.host, options.port);
}

// What a failed request means to a person; httplib's own words are its enum's.
std::string_view Explained(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection: return "connection refused or host not reachable";
    case httplib::Error::ConnectionTimeout: return "no connection in time";
    case httplib::Error::Read: return "the connection broke before the answer";
    case httplib::Error::Write: return "the connection broke while sending";
    case httplib::Error::Canceled: return "cancelled";
    case httplib::Error::SSLConnection: return "the TLS handshake failed";
    case httplib::Error::SSLServerVerification: return "its TLS certificate is not trusted";
    default: return "no answer";
  }
}

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(HttpTransportOptions options)
      : options_(std::move(options)),
        client_(BaseUrl(options_)),
        deadline_([this] { client_.stop(); }) {
    client_.set_keep_alive(true);
    client_.set_follow_location(false);
    client_.set_decompress(false);
    client_.set_tcp_nodelay(true);
    client_.set_url_encode(false);  // WriteTarget has done it.
    client_.set_connection_timeout(std::min(options_.connect_timeout, options_.timeout));
    // The deadline comes first; these only end what it could not.
    client_.set_read_timeout(2 * options_.timeout);
    client_.set_write_timeout(2 * options_.timeout);
  }

  Result<Reply> Send(const Batch& batch) override {
    if (cancelled_) return Error(ErrorCode::kUnavailable, "cancelled");
    Result<httplib::Headers> headers = MakeHeaders();
    if (!headers.ok()) return std::move(headers).error();
    Reply reply;
    httplib::Request request = MakeRequest(batch, reply);
    request.headers = std::move(headers).value();

    deadline_.Arm(options_.timeout);
    const httplib::Result answer = client_.send(request);
    const bool expired = deadline_.Disarm();
    const bool cut = reply.body.size() >= kAnswerBodyMax;
    if (answer) KeepHead(*answer, reply);  // The handler is not called for a 204.
    // Cut by us, the answer's head still stands and tells what it means.
    if (!answer && !(cut && reply.http_status != 0)) return NoAnswer(answer.error(), expired);
    if (reply.http_status == 401 || reply.http_status == 403) authorization_.reset();
    return reply;
  }

  void Cancel() override {
    cancelled_ = true;
    deadline_.ExpireAtOnce();
  }

 private:
  httplib::Request MakeRequest(const Batch& batch, Reply& reply) const {
    httplib::Request request;
    request.method = "POST";
    request.path = WriteTarget(options_.path_prefix, batch.params);
    request.content_length_ = batch.lines.size();
    request.content_provider_ = [lines = batch.lines](std::size_t offset, std::size_t length,
                                                      httplib::DataSink& sink) {
      return sink.write(lines.data() + offset, length);
    };
    request.response_handler = [&reply](const httplib::Response& head) {
      KeepHead(head, reply);
      return true;
    };
    request.content_receiver = [&reply](const char* data, std::size_t size, std::uint64_t,
                                        std::uint64_t) {
      reply.body.append(data, std::min(size, kAnswerBodyMax - reply.body.size()));
      return reply.body.size() < kAnswerBodyMax;
    };
    return request;
  }

  Result<httplib::Headers> MakeHeaders() {
    httplib::Headers headers = {{"Content-Type", "text/plain; charset=utf-8"},
                                {"User-Agent", "influxdb-relay"}};
    if (options_.username.empty()) return headers;
    if (!authorization_) {
      INVARIANT(options_.password.has_value());
      Result<Secret> password = options_.password->Read();
      if (!password.ok()) return std::move(password).error();
      authorization_ =
          httplib::make_basic_authentication_header(options_.username, password.value().Reveal());
    }
    headers.insert(*authorization_);
    return headers;
  }

  Error NoAnswer(httplib::Error error, bool expired) const {
    const std::string place = BaseUrl(options_);
    if (expired) {
      return {ErrorCode::kUnavailable,
              fmt::format("{}: no answer within {} ms", place, options_.timeout.count())};
    }
    return {ErrorCode::kUnavailable, fmt::format("{}: {}", place, Explained(error))};
  }

  const HttpTransportOptions options_;
  httplib::Client client_;
  std::optional<std::pair<std::string, std::string>> authorization_;
  std::atomic<bool> cancelled_ = false;
  DeadlineWatch deadline_;
};

}  // namespace

std::unique_ptr<Transport> MakeHttpTransport(HttpTransportOptions options) {
  return std::make_unique<HttpTransport>(std::move(options));
}

std::string WriteTarget(std::string_view path_prefix, const WriteParams& params) {
  std::string target = fmt::format("{}/write?db={}", path_prefix, PercentEncoded(params.database));
  if (!params.retention_policy.empty()) {
    target += "&rp=" + PercentEncoded(params.retention_policy);
  }
  return target + fmt::format("&precision={}", ToString(params.precision));
}

}  // namespace relay
