#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "relay/http/internal.h"

namespace relay::http_parts {
namespace {

// Bounds how long, and how much, a refused client may send before the connection is reset, which
// can destroy the response.
constexpr std::chrono::milliseconds kLinger{2'000};
constexpr std::size_t kLingerBytes = 32U << 20U;
constexpr std::size_t kReadSize = 64U << 10U;
constexpr std::string_view kHeadTooLarge = "the request's head is too large";
// The first buffer of a chunked body: idle connections must cost little.
constexpr std::size_t kFirstChunk = 8U << 10U;

// Clients that use a proxy send whole URLs: "http://host/write?db=d".
std::string_view WithoutAuthority(std::string_view target) {
  if (!target.starts_with("http://") && !target.starts_with("https://")) return target;
  const std::size_t slash = target.find('/', target.find("//") + 2);
  return slash == std::string_view::npos ? "/" : target.substr(slash);
}

// The buffer doubles: a client must have sent half of it, whatever length it announced.
std::size_t NextRoom(std::size_t have, std::size_t least) {
  return have + std::max(have, least);
}

}  // namespace

Connection::Connection(tcp::socket socket, std::string address, Loop& loop)
    : stream_(std::move(socket), loop.tls()), address_(std::move(address)), loop_(loop) {}

void Connection::Start() {
  error_code ignored;
  stream_.socket().set_option(tcp::no_delay(true), ignored);
  if (!stream_.secure()) return ReadHead();
  Enter(Phase::kHandshake, loop_.limits().head);
  stream_.Handshake([self = shared_from_this()](const error_code& error) {
    if (self->phase_ == Phase::kClosed) return;
    if (!error) return self->ReadHead();
    self->loop_.service().handler.Reached(HttpLimit::kTlsHandshake);
    self->Close();
  });
}

void Connection::Enter(Phase phase, std::chrono::milliseconds limit) {
  phase_ = phase;
  deadline_ = loop_.Now() + limit;
}

// ---- The head

void Connection::ReadHead() {
  const HttpLimits& limits = loop_.limits();
  parser_.emplace();
  if (chunked_) {  // Idle connections are many: they keep no large buffer.
    chunked_.reset();
    buffer_.shrink_to_fit();
    buffer_.max_size(std::numeric_limits<std::size_t>::max());
  }
  parser_->header_limit(static_cast<std::uint32_t>(limits.head_bytes));
  parser_->body_limit(limits.body.count());
  head_begun_ = false;
  body_begun_ = false;
  Enter(Phase::kHead, limits.idle);
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](const error_code& error, std::size_t size) {
                            self->OnHead(error, size);
                          });
}

void Connection::OnHead(const error_code& error, std::size_t size) {
  if (phase_ == Phase::kClosed) return;
  if (error == http::error::end_of_stream) return Part();
  if (error) {
    if (!RefuseUnreadable(error)) Close();
    return;
  }
  // Beast's own limit bounds the memory but is not exact.
  if (size > loop_.limits().head_bytes) return RefuseFor(HttpLimit::kHead, 431, kHeadTooLarge);
  CheckHead();
}

// Answers a request that cannot be parsed; returns false if the connection is lost.
bool Connection::RefuseUnreadable(const error_code& error) {
  static const auto& malformed = http::make_error_code(http::error::bad_method).category();
  if (error.category() != malformed || error == http::error::partial_message) return false;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    RefuseFor(HttpLimit::kHead, 431, kHeadTooLarge);
  } else if (error == http::error::body_limit) {
    RefuseFor(HttpLimit::kBody, 413, "Request Entity Too Large");
  } else {
    Refuse(400, fmt::format("malformed HTTP request: {}", error.message()));
  }
  return true;
}

const http::request_header<>& Connection::Head() const {
  return chunked_ ? chunked_->get().base() : parser_->get().base();
}

// Refuses a well-formed head that breaks a rule or limit; returns true if it did.
bool Connection::RefuseHead() {
  const auto& head = parser_->get();
  const HttpLimits& limits = loop_.limits();
  const auto fields = static_cast<std::size_t>(std::distance(head.begin(), head.end()));
  if (head.target().size() > limits.target_bytes) {
    RefuseFor(HttpLimit::kTarget, 414,
              fmt::format("the request's target is longer than {} bytes", limits.target_bytes));
  } else if (fields > limits.headers) {
    RefuseFor(HttpLimit::kHeaders, 431,
              fmt::format("the request has more than {} headers", limits.headers));
  } else if (head.version() == 11 && head.count(http::field::host) != 1) {
    Refuse(400, "a request must have exactly one Host header");
  } else if (head.method() == http::verb::post && !parser_->content_length() &&
             !parser_->chunked()) {
    Refuse(411, "a POST requires a Content-Length or chunked encoding");
  } else if (head.count(http::field::transfer_encoding) > 0 &&
             (!parser_->chunked() || head.version() < 11)) {
    // Two ways to determine the end of a body are one too many: a proxy in front of the relay may
    // use the other one.
    Refuse(400, "unsupported Transfer-Encoding: only chunked is allowed");
  } else {
    return false;
  }
  return true;
}

void Connection::CheckHead() {
  const auto& head = parser_->get();
  keep_alive_ = head.keep_alive();
  head_only_ = head.method() == http::verb::head;
  request_id_ = View(head["X-Request-Id"]);
  if (request_id_.empty()) request_id_ = View(head["Request-Id"]);
  if (RefuseHead()) return;
  body_time_left_ = loop_.limits().body_time;
  if (parser_->chunked()) return RequireRoom(Bytes(kFirstChunk));
  const std::size_t length = parser_->content_length().value_or(0);
  // Requests without a body, such as /ping, never wait for memory.
  length == 0 ? BeginBody() : RequireRoom(Bytes(std::min(length, kReadSize)));
}

// ---- Memory

// Continues once `total` bytes are reserved. Refusing at once would make every client resend its
// body again and again.
void Connection::RequireRoom(Bytes total) {
  wanted_ = total;
  if (phase_ == Phase::kBody) {
    body_time_left_ = std::chrono::duration_cast<Clock::Duration>(deadline_ - loop_.Now());
  }
  Enter(Phase::kWaiting, loop_.limits().wait);
  const bool in_turn = body_begun_ || !loop_.SomebodyWaits();
  if (!in_turn || !TryProceed()) loop_.Wait(shared_from_this(), body_begun_);
}

bool Connection::TryProceed() {
  if (phase_ != Phase::kWaiting) return true;  // Timed out.
  if (!TakeRoom(wanted_ - reserved_)) return false;
  reserved_ = wanted_;
  body_begun_ ? ReadBody() : BeginBody();
  return true;
}

bool Connection::TakeRoom(Bytes more) {
  Admission& admission = loop_.service().admission;
  if (admission.Reserve(more)) return true;
  if (!body_begun_) return false;
  if (!has_pass_ && !admission.TakePass()) return false;
  has_pass_ = true;
  admission.ReserveBeyond(more);
  return true;
}

void Connection::Release() {
  Admission& admission = loop_.service().admission;
  if (std::exchange(has_pass_, false)) admission.GivePass();
  if (reserved_.count() == 0) return;
  admission.Release(std::exchange(reserved_, Bytes(0)));
  loop_.AdmitWaiting();
}

// ---- The body

void Connection::BeginBody() {
  body_begun_ = true;
  Enter(Phase::kBody, body_time_left_);
  const bool chunked = parser_->chunked();
  const bool has_body = chunked || parser_->content_length().value_or(0) > 0;
  const bool asks = has_body && beast::iequals(Head()[http::field::expect], "100-continue");
  if (chunked) {
    chunked_.emplace(std::move(*parser_));
    parser_.reset();
    // Beast bounds a chunk's extension and the trailer only by the buffer size.
    buffer_.max_size(buffer_.size() + 2 * kReadSize);
  } else {
    body_.reserve(parser_->content_length().value_or(0));  // Memory is used only as it is filled.
  }
  asks ? SendContinue() : ReadBody();
}

void Connection::SendContinue() {
  out_ = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (self->phase_ == Phase::kClosed) return;
                      error ? self->Close() : self->ReadBody();
                    });
}

void Connection::ReadBody() {
  if (phase_ != Phase::kBody) Enter(Phase::kBody, body_time_left_);
  chunked_ ? ReadChunked() : ReadSized();
}

// Reads a body of known length from the socket into its final place.
void Connection::ReadSized() {
  const std::size_t length = parser_->content_length().value_or(0);
  const std::size_t had = body_.size();
  if (had == length) return Dispatch();
  if (had >= reserved_.count()) {
    return RequireRoom(Bytes(std::min(length, NextRoom(had, kReadSize))));
  }
  body_.resize(std::min<std::size_t>(length, reserved_.count()));
  const std::size_t have =
      had + asio::buffer_copy(asio::buffer(body_.data() + had, body_.size() - had), buffer_.data());
  buffer_.consume(have - had);
  if (have == body_.size()) return ReadSized();
  asio::async_read(
      stream_, asio::buffer(body_.data() + have, body_.size() - have),
      [self = shared_from_this()](const error_code& error, std::size_t) { self->OnBody(error); });
}

void Connection::ReadChunked() {
  const std::size_t have = chunked_->get().body().size();
  if (have + kFirstChunk > reserved_.count()) {
    return RequireRoom(Bytes(NextRoom(have, kFirstChunk)));
  }
  // Beast reads into the reserved space, or else 512 bytes at a time.
  buffer_.reserve(buffer_.size() + std::min<std::size_t>(reserved_.count() - have, kReadSize));
  http::async_read_some(
      stream_, buffer_, *chunked_,
      [self = shared_from_this()](const error_code& error, std::size_t) { self->OnBody(error); });
}

void Connection::OnBody(const error_code& error) {
  if (phase_ == Phase::kClosed) return;
  if (error) {
    if (!RefuseUnreadable(error)) Close();
    return;
  }
  if (!chunked_ || !chunked_->is_done()) return ReadBody();
  body_ = std::move(chunked_->get().body());
  Dispatch();
}

// ---- The response

void Connection::Dispatch() {
  phase_ = Phase::kHandling;
  const http::request_header<>& head = Head();
  const std::string_view target = WithoutAuthority(View(head.target()));
  const std::size_t mark = target.find('?');
  HttpRequest request;
  request.method = View(head.method_string());
  request.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  for (const auto& field : head) {
    request.headers.emplace_back(View(field.name_string()), View(field.value()));
  }
  request.body = std::exchange(body_, {});
  request.client = address_;
  loop_.service().handler.Handle(
      std::move(request),
      [self = shared_from_this()](HttpResponse response) { self->Answer(std::move(response)); });
}

void Connection::Answer(HttpResponse response) {
  if (loop_.OnThisThread()) return Send(response);
  loop_.Deliver(shared_from_this(), std::move(response));
}

void Connection::Send(const HttpResponse& response) {
  if (phase_ != Phase::kHandling) return;  // Closed meanwhile.
  if (loop_.stopping()) keep_alive_ = false;
  Serialize(response);
  Enter(Phase::kWriting, loop_.limits().answer);
  asio::async_write(stream_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      self->OnWritten(error);
                    });
}

void Connection::RefuseFor(HttpLimit limit, int status, std::string_view message) {
  loop_.service().handler.Reached(limit);
  Refuse(status, message);
}

// Answers a request that was not read to its end: the rest of it cannot be distinguished from what
// follows on this connection.
void Connection::Refuse(int status, std::string_view message) {
  keep_alive_ = false;
  phase_ = Phase::kHandling;
  std::string_view path = WithoutAuthority(View(Head().target()));
  path = path.substr(0, path.find('?'));
  Serialize(loop_.service().handler.RefusalOf(path, status, message));
  Enter(Phase::kWriting, loop_.limits().answer);
  asio::async_write(stream_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (self->phase_ == Phase::kClosed) return;
                      error ? self->Close() : self->Linger();
                    });
}

void Connection::Serialize(const HttpResponse& response) {
  const auto status = static_cast<http::status>(response.status);
  out_ = fmt::format("HTTP/1.1 {} {}\r\n", response.status, View(http::obsolete_reason(status)));
  out_ += loop_.date();
  out_ += loop_.service().options.headers;
  if (loop_.service().options.request_ids) AppendRequestId();
  for (const auto& [name, value] : response.headers) {
    fmt::format_to(std::back_inserter(out_), "{}: {}\r\n", name, value);
  }
  if (!response.content_type.empty()) {
    fmt::format_to(std::back_inserter(out_), "Content-Type: {}\r\n", response.content_type);
  }
  if (response.status != 204) {
    fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n", response.body.size());
  }
  if (!keep_alive_) out_ += "Connection: close\r\n";
  out_ += "\r\n";
  if (!head_only_) out_ += response.body;
}

void Connection::AppendRequestId() {
  constexpr std::size_t kRequestIdMax = 128;
  const bool usable = !request_id_.empty() && request_id_.size() <= kRequestIdMax;
  const std::string id = usable ? std::exchange(request_id_, {}) : loop_.NewRequestId();
  fmt::format_to(std::back_inserter(out_), "Request-Id: {0}\r\nX-Request-Id: {0}\r\n", id);
}

void Connection::OnWritten(const error_code& error) {
  if (phase_ == Phase::kClosed) return;
  Release();
  if (error) return Close();
  if (!keep_alive_ || loop_.stopping()) return Part();
  ReadHead();
}

// ---- The end

// Continues to read for a while after a refusal: closing at once would reset the connection, and
// the client would never see the response.
void Connection::Linger() {
  if (phase_ != Phase::kLingering) {
    error_code ignored;
    if (!stream_.secure()) stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    Release();
    Enter(Phase::kLingering, kLinger);
  }
  buffer_.clear();
  const std::size_t room = std::min(kReadSize, buffer_.max_size());
  stream_.async_read_some(buffer_.prepare(room),
                          [self = shared_from_this()](const error_code& error, std::size_t size) {
                            if (self->phase_ == Phase::kClosed) return;
                            self->discarded_ += size;
                            const bool enough = self->discarded_ > kLingerBytes;
                            error || enough ? self->Close() : self->Linger();
                          });
}

// Closes after a complete response. Over TLS it sends close_notify, so that the client can rule out
// truncation.
void Connection::Part() {
  if (!stream_.secure()) return Close();
  Enter(Phase::kLingering, kLinger);
  stream_.SayGoodbye([self = shared_from_this()](const error_code&) { self->Close(); });
}

void Connection::Sweep(Clock::TimePoint now) {
  if (phase_ == Phase::kHead && !head_begun_ && buffer_.size() > 0) {
    head_begun_ = true;
    deadline_ = now + loop_.limits().head;
  }
  if (phase_ != Phase::kHandling && now >= deadline_) OnLate();
}

void Connection::OnLate() {
  HttpHandler& handler = loop_.service().handler;
  switch (phase_) {
    case Phase::kWaiting:
      return RefuseFor(HttpLimit::kInFlight, 503, "too much is waiting to be stored");
    case Phase::kHandshake: handler.Reached(HttpLimit::kTlsHandshake); return Close();
    case Phase::kWriting: handler.Reached(HttpLimit::kAnswerTime); return Close();
    case Phase::kHead:
      if (head_begun_) break;
      handler.Reached(HttpLimit::kIdleTime);
      return Close();
    case Phase::kBody: break;
    default: return Close();
  }
  handler.Reached(phase_ == Phase::kHead ? HttpLimit::kHeadTime : HttpLimit::kBodyTime);
  // The response is attempted once; a client that does not read it loses it.
  keep_alive_ = false;
  Serialize(handler.Refusal(408, "the request did not arrive in time"));
  error_code ignored;
  stream_.socket().cancel(ignored);  // The read ends; its handler sees the new phase.
  stream_.socket().non_blocking(true, ignored);
  if (!stream_.secure()) stream_.socket().write_some(asio::buffer(out_), ignored);
  Close();
}

void Connection::BeginStop() {
  if (phase_ == Phase::kHandshake || (phase_ == Phase::kHead && buffer_.size() == 0)) Close();
}

void Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  Release();
  error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream_.socket().close(ignored);
  loop_.Remove(shared_from_this());
}

}  // namespace relay::http_parts
