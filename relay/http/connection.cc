#include "relay/http/connection.h"

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <poll.h>

#include <span>
#include <utility>

namespace relay::http_parts {
namespace {

// Bounds how long, and how much, a refused client may send before the connection is reset, which
// can destroy the response.
constexpr std::chrono::milliseconds kLinger{2'000};
constexpr std::size_t kLingerBytes = 32U << 20U;
constexpr std::size_t kLingerRead = 64U << 10U;

std::string_view View(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

}  // namespace

Connection::Connection(ConnectionSocket socket, std::string address, Loop& loop)
    : stream_(std::move(socket.socket), std::move(socket.tls)),
      address_(std::move(address)),
      loop_(loop),
      exchange_(loop.limits(), loop.service().admission) {}

void Connection::Start() {
  error_code ignored;
  stream_.socket().set_option(tcp::no_delay(true), ignored);
  if (!stream_.secure()) return AwaitRequest();
  Enter(Phase::kHandshake, loop_.limits().head);
  stream_.Handshake([self = shared_from_this()](const error_code& error) {
    if (self->phase_ == Phase::kClosed) return;
    if (!error) return self->AwaitRequest();
    self->loop_.service().handler.Reached(HttpLimit::kTlsHandshake);
    self->Close();
  });
}

void Connection::Enter(Phase phase, std::chrono::milliseconds limit) {
  phase_ = phase;
  timer_.Begin(loop_.Now(), limit);
}

// ---- The request

void Connection::AwaitRequest() {
  // Idle connections are many: they keep no large buffer.
  if (exchange_.head().chunked) buffer_.shrink_to_fit();
  exchange_.Reset();
  Enter(Phase::kIdle, loop_.limits().idle);
  Advance();
}

void Connection::Advance() {
  const Exchange::Progress progress = exchange_.Advance(View(buffer_));
  buffer_.consume(progress.used);
  switch (progress.step) {
    case Exchange::Step::kReadHead:
    case Exchange::Step::kReadBody: return Read();
    case Exchange::Step::kWaitForRoom: return AwaitRoom();
    case Exchange::Step::kSendContinue: return SendContinue();
    case Exchange::Step::kHandle: return Handle();
    case Exchange::Step::kRefuse: return Refuse(exchange_.refusal());
  }
}

void Connection::Read() {
  if (const std::span<char> missing = exchange_.Missing(); !missing.empty()) {
    asio::async_read(stream_, asio::buffer(missing.data(), missing.size()),
                     [self = shared_from_this()](const error_code& error, std::size_t size) {
                       self->exchange_.Filled(size);
                       self->OnRead(error);
                     });
    return;
  }
  const std::size_t spare = buffer_.capacity() - buffer_.size();
  stream_.async_read_some(buffer_.prepare(exchange_.ReadSize(spare)),
                          [self = shared_from_this()](const error_code& error, std::size_t size) {
                            self->buffer_.commit(size);
                            self->OnRead(error);
                          });
}

void Connection::OnRead(const error_code& error) {
  if (phase_ == Phase::kClosed) return;
  if (!error) return Advance();
  const bool is_between = !exchange_.body_begun() && buffer_.size() == 0;
  is_between&& error == asio::error::eof ? Part() : Close();
}

// ---- Memory

void Connection::AwaitRoom() {
  if (phase_ == Phase::kBody) {
    timer_.HoldBodyTime(loop_.Now());
  } else {
    timer_.SetBodyTime(loop_.limits().body_time);
  }
  Enter(Phase::kWaiting, loop_.limits().wait);
  const bool begun = exchange_.body_begun();
  const bool in_turn = begun || loop_.waiting().empty();
  if (in_turn && TryProceed()) return;
  loop_.waiting().Add([self = shared_from_this()] { return self->TryProceed(); }, begun);
}

bool Connection::TryProceed() {
  if (phase_ != Phase::kWaiting) return true;  // Timed out.
  if (!exchange_.TakeRoom()) return false;
  phase_ = Phase::kBody;
  timer_.ResumeBodyTime(loop_.Now());
  Advance();
  return true;
}

void Connection::Release() {
  if (exchange_.ReleaseRoom()) loop_.waiting().Admit();
}

void Connection::SendContinue() {
  out_ = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (self->phase_ == Phase::kClosed) return;
                      error ? self->Close() : self->Advance();
                    });
}

// ---- The response

void Connection::Handle() {
  phase_ = Phase::kHandling;
  keep_alive_ = exchange_.head().keep_alive;
  HttpRequest request = exchange_.MakeRequest(address_);
  request.watch = this;
  loop_.service().handler.Handle(
      std::move(request),
      [self = shared_from_this()](HttpResponse response) { self->Answer(std::move(response)); });
}

void Connection::Answer(HttpResponse response) {
  if (loop_.OnThisThread()) return Send(response);
  loop_.Deliver(shared_from_this(), std::move(response));
}

void Connection::Send(const HttpResponse& response) {
  if (phase_ != Phase::kHandling) {  // Closed meanwhile.
    if (response.pipe) response.pipe->Close();
    return;
  }
  if (loop_.stopping()) keep_alive_ = false;
  pipe_ = response.pipe;
  if (pipe_) {
    if (exchange_.head().is_http_10) keep_alive_ = false;
    pipe_->OnMore([self = shared_from_this()] { self->Wake(); });
  }
  Serialize(response);
  WriteOut();
}

void Connection::Wake() {
  loop_.Post([self = shared_from_this()] { self->SendMore(); });
}

void Connection::WriteOut() {
  Enter(Phase::kWriting, loop_.limits().answer);
  asio::async_write(stream_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      self->OnWritten(error);
                    });
}

// Sends what has come of the body. While nothing is there, the client is only watched: a slow
// handler costs it no time.
void Connection::SendMore() {
  if (phase_ == Phase::kClosed || !pipe_) return;
  const auto [bytes, state] = pipe_->Take();
  if (bytes.empty() && state == BodyPipe::State::kBroken) return Close();
  if (bytes.empty() && state == BodyPipe::State::kOpen) {
    phase_ = Phase::kHandling;
    return;
  }
  const bool ends = state == BodyPipe::State::kWhole;
  const bool in_chunks = !exchange_.head().is_http_10;
  out_.clear();
  if (!in_chunks) out_ += bytes;
  if (in_chunks && !bytes.empty()) AppendChunk(bytes, out_);
  if (in_chunks && ends) AppendChunk("", out_);
  if (ends) pipe_.reset();
  WriteOut();
}

// Answers a request that was not read to its end: the rest of it cannot be distinguished from what
// follows on this connection.
void Connection::Refuse(const HttpRefusal& refusal) {
  HttpHandler& handler = loop_.service().handler;
  if (refusal.limit) handler.Reached(*refusal.limit);
  keep_alive_ = false;
  phase_ = Phase::kHandling;
  Serialize(handler.RefusalOf(exchange_.path(), refusal.status, refusal.message));
  Enter(Phase::kWriting, loop_.limits().answer);
  asio::async_write(stream_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (self->phase_ == Phase::kClosed) return;
                      error ? self->Close() : self->Linger();
                    });
}

void Connection::Serialize(const HttpResponse& response) {
  const RequestHead& head = exchange_.head();
  out_.clear();
  AppendAnswer(response,
               {.is_http_10 = head.is_http_10,
                .keep_alive = keep_alive_,
                .without_body = head.method == "HEAD",
                .request_id = head.request_id},
               {loop_.service().options, loop_.stamps()}, out_);
}

void Connection::OnWritten(const error_code& error) {
  if (phase_ == Phase::kClosed) return;
  Release();
  if (error) return Close();
  if (pipe_) return SendMore();
  gone_ = nullptr;
  if (!keep_alive_ || loop_.stopping()) return Part();
  AwaitRequest();
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
  stream_.async_read_some(buffer_.prepare(kLingerRead),
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
  if (phase_ == Phase::kIdle && buffer_.size() > 0) {
    phase_ = Phase::kHead;
    timer_.Begin(now, loop_.limits().head);
  }
  if (phase_ == Phase::kHandling && gone_ && HasHungUp()) return Close();
  if (phase_ != Phase::kHandling && timer_.IsOver(now)) OnLate();
}

// Sees an end of the stream behind what the client has sent and nobody has read yet.
bool Connection::HasHungUp() {
  pollfd socket{.fd = stream_.socket().native_handle(), .events = POLLRDHUP, .revents = 0};
  return poll(&socket, 1, 0) > 0;
}

void Connection::OnLate() {
  HttpHandler& handler = loop_.service().handler;
  switch (phase_) {
    case Phase::kWaiting:
      return Refuse({503, "too much is waiting to be stored", HttpLimit::kInFlight});
    case Phase::kHandshake: handler.Reached(HttpLimit::kTlsHandshake); return Close();
    case Phase::kWriting: handler.Reached(HttpLimit::kAnswerTime); return Close();
    case Phase::kIdle: handler.Reached(HttpLimit::kIdleTime); return Close();
    case Phase::kHead: handler.Reached(HttpLimit::kHeadTime); break;
    case Phase::kBody: handler.Reached(HttpLimit::kBodyTime); break;
    default: return Close();
  }
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
  const bool is_idle = phase_ == Phase::kIdle && buffer_.size() == 0;
  if (phase_ == Phase::kHandshake || is_idle) Close();
}

void Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  if (pipe_) pipe_->Close();
  pipe_.reset();
  if (gone_) std::exchange(gone_, nullptr)();
  Release();
  stream_.Close();
  loop_.Remove(shared_from_this());
}

}  // namespace relay::http_parts
