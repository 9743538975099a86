// The only file that knows Boost.Beast and Asio.
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <unordered_set>

#include "relay/http.h"

namespace relay {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// Deadlines are checked this often: one timer a thread instead of one a read.
constexpr std::chrono::milliseconds kSweep{250};
// Without descriptors an accept fails at once; the pause keeps that from spinning.
constexpr std::chrono::milliseconds kAcceptPause{100};
// How long, and for how much, a client that is being refused may go on sending
// before the connection is reset and takes the refusal with it.
constexpr std::chrono::milliseconds kLinger{2'000};
constexpr std::size_t kLingerBytes = 32U << 20U;
constexpr std::size_t kReadSize = 64U << 10U;

std::string_view View(boost::string_view text) {
  return {text.data(), text.size()};
}

class Server;
class Loop;

// One client. Everything but Answer runs on its loop's thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, Loop& loop) : socket_(std::move(socket)), loop_(loop) {}

  void Start();
  void Send(const HttpResponse& response);  // Once for each request that was handled.
  void Sweep(Clock::TimePoint now);
  void BeginStop();
  void Close();

  // Whether it need not wait any more.
  bool TryAdmit();

  // From any thread.
  void Answer(HttpResponse response);

 private:
  enum class Phase : std::uint8_t {
    kHead,
    kWaiting,  // For room among the bodies in flight; nothing is read meanwhile.
    kBody,
    kHandling,
    kWriting,
    kLingering,
    kClosed
  };
  // The head first: what it says decides how the body is read.
  using HeadParser = http::request_parser<http::empty_body>;
  using ChunkedParser = http::request_parser<http::string_body>;

  void Enter(Phase phase, std::chrono::milliseconds limit);
  void ReadHead();
  void OnHead(const error_code& error);
  void CheckHead();
  void BeginBody();
  void SendContinue();
  void ReadBody();
  void ReadChunked();
  void OnBody(const error_code& error);
  void Dispatch();
  void Refuse(int status, std::string_view message);
  bool RefuseUnreadable(const error_code& error);
  void Serialize(const HttpResponse& response);
  void AppendRequestId();
  void OnWritten(const error_code& error);
  void Linger();
  void Release();

  tcp::socket socket_;
  Loop& loop_;
  beast::flat_buffer buffer_;
  std::optional<HeadParser> parser_;
  std::optional<ChunkedParser> chunked_;
  std::string body_;
  std::string out_;
  std::string request_id_;
  Bytes reserved_{0};
  std::size_t discarded_ = 0;
  Clock::TimePoint deadline_;
  Phase phase_ = Phase::kHead;
  bool head_begun_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;  // A HEAD request.
};

// One thread, its event loop and the connections that live on it.
class Loop {
 public:
  Loop(Server& server, const Clock& clock);

  Status Listen(const tcp::endpoint& endpoint);
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void StartThread();
  void Join();
  void BeginStop();
  void CloseAll();

  // For room among the bodies in flight, first come first served.
  void Wait(std::shared_ptr<Connection> connection);
  void AdmitWaiting();
  bool SomebodyWaits() const { return !waiting_.empty(); }

  // From any thread.
  void Deliver(std::shared_ptr<Connection> connection, HttpResponse response);
  bool OnThisThread() const { return thread_id_ == std::this_thread::get_id(); }

  void Remove(const std::shared_ptr<Connection>& connection);
  std::string NewRequestId();

  Server& server() { return server_; }
  Clock::TimePoint Now() const { return clock_.Now(); }
  bool stopping() const { return stopping_; }
  const std::string& date() const { return date_; }

 private:
  void Accept();
  void OnAccepted(const error_code& error, tcp::socket socket);
  void Sweep();
  void DrainInbox();
  void UpdateDate();
  void EndIfIdle();

  Server& server_;
  const Clock& clock_;
  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{
      context_.get_executor()};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer sweep_timer_{context_};
  asio::steady_timer accept_timer_{context_};
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::deque<std::shared_ptr<Connection>> waiting_;
  bool admitting_ = false;
  std::mt19937_64 random_{std::random_device()()};
  std::string date_;
  bool stopping_ = false;

  std::mutex inbox_mutex_;
  std::vector<std::pair<std::shared_ptr<Connection>, HttpResponse>> inbox_;
  std::atomic<std::thread::id> thread_id_;
  std::thread thread_;
};

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, HttpHandler& handler, const Clock& clock)
      : options_(std::move(options)), handler_(handler) {
    for (unsigned i = 0; i < options_.threads; ++i) {
      loops_.push_back(std::make_unique<Loop>(*this, clock));
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // NOLINTNEXTLINE(bugprone-exception-escape): a lock that fails ends the process.
  ~Server() override { Stop(std::chrono::milliseconds(0)); }

  Status Listen();
  void StartThreads() {
    for (auto& loop : loops_) loop->StartThread();
  }

  std::uint16_t port() const override { return port_; }
  std::size_t connections() const override { return connections_; }
  void Stop(std::chrono::milliseconds grace) override;

  HttpHandler& handler() { return handler_; }
  const HttpServerOptions& options() const { return options_; }

  bool AdmitConnection() {
    if (connections_.fetch_add(1) < options_.limits.connections) return true;
    connections_.fetch_sub(1);
    return false;
  }
  void RemoveConnection() { connections_.fetch_sub(1); }

  bool Reserve(Bytes size) {
    const std::uint64_t before = in_flight_.fetch_add(size.count());
    // A single large body is let in when nothing else is under way.
    if (before == 0 || before + size.count() <= options_.limits.in_flight.count()) return true;
    in_flight_.fetch_sub(size.count());
    return false;
  }
  void Unreserve(Bytes size) { in_flight_.fetch_sub(size.count()); }

  void LoopEnded() {
    const std::lock_guard lock(mutex_);
    ++loops_ended_;
    ended_.notify_all();
  }

 private:
  const HttpServerOptions options_;
  HttpHandler& handler_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<std::uint64_t> in_flight_ = 0;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t loops_ended_ = 0;
  bool stopped_ = false;
  std::vector<std::unique_ptr<Loop>> loops_;
};

// ---- Connection

void Connection::Start() {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  ReadHead();
}

void Connection::Enter(Phase phase, std::chrono::milliseconds limit) {
  phase_ = phase;
  deadline_ = loop_.Now() + limit;
}

void Connection::ReadHead() {
  const HttpLimits& limits = loop_.server().options().limits;
  parser_.emplace();
  if (chunked_) {  // Idle connections are many: they keep no large buffer.
    chunked_.reset();
    buffer_.shrink_to_fit();
    buffer_.max_size(std::numeric_limits<std::size_t>::max());
  }
  parser_->header_limit(static_cast<std::uint32_t>(limits.head_bytes));
  parser_->body_limit(limits.body.count());
  head_begun_ = false;
  Enter(Phase::kHead, limits.idle);
  http::async_read_header(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](const error_code& error, std::size_t) { self->OnHead(error); });
}

void Connection::OnHead(const error_code& error) {
  if (phase_ == Phase::kClosed) return;
  if (error == http::error::end_of_stream) return Close();
  if (error) {
    if (!RefuseUnreadable(error)) Close();
    return;
  }
  CheckHead();
}

// Answers what is wrong with the bytes themselves; false: the line is gone.
bool Connection::RefuseUnreadable(const error_code& error) {
  static const auto& malformed = http::make_error_code(http::error::bad_method).category();
  if (error.category() != malformed || error == http::error::partial_message) return false;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    Refuse(431, "the request's head is too large");
  } else if (error == http::error::body_limit) {
    Refuse(413, "Request Entity Too Large");
  } else {
    Refuse(400, fmt::format("malformed HTTP request: {}", error.message()));
  }
  return true;
}

void Connection::CheckHead() {
  const auto& head = parser_->get();
  keep_alive_ = head.keep_alive();
  head_only_ = head.method() == http::verb::head;
  request_id_ = View(head["X-Request-Id"]);
  if (request_id_.empty()) request_id_ = View(head["Request-Id"]);
  const auto length = parser_->content_length();
  if (head.method() == http::verb::post && !length && !parser_->chunked()) {
    return Refuse(411, "a POST needs a Content-Length or chunked encoding");
  }
  // Two ways to tell where a body ends are one too many: whoever stands in
  // front of the relay may take the other one.
  if (head.count(http::field::transfer_encoding) > 0 &&
      (!parser_->chunked() || head.version() < 11)) {
    return Refuse(400, "a Transfer-Encoding other than chunked");
  }
  Enter(Phase::kWaiting, loop_.server().options().limits.wait);
  if (loop_.SomebodyWaits() || !TryAdmit()) loop_.Wait(shared_from_this());
}

// Refusing at once would have every client send its body again and again.
bool Connection::TryAdmit() {
  if (phase_ != Phase::kWaiting) return true;  // Its time was up.
  const HttpLimits& limits = loop_.server().options().limits;
  // The length of a chunked body is known at its end.
  const Bytes expected =
      parser_->chunked() ? limits.body : Bytes(parser_->content_length().value_or(0));
  if (!loop_.server().Reserve(expected)) return false;
  reserved_ = expected;
  BeginBody();
  return true;
}

void Connection::BeginBody() {
  Enter(Phase::kBody, loop_.server().options().limits.body_time);
  const bool has_body = parser_->chunked() || parser_->content_length().value_or(0) > 0;
  if (has_body && beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
    return SendContinue();
  }
  ReadBody();
}

void Connection::SendContinue() {
  out_ = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (self->phase_ == Phase::kClosed) return;
                      error ? self->Close() : self->ReadBody();
                    });
}

// A body of known length goes from the socket to where it stays.
void Connection::ReadBody() {
  if (parser_->chunked()) return ReadChunked();
  body_.resize(parser_->content_length().value_or(0));
  const std::size_t have = asio::buffer_copy(asio::buffer(body_), buffer_.data());
  buffer_.consume(have);
  if (have == body_.size()) return Dispatch();
  asio::async_read(
      socket_, asio::buffer(body_.data() + have, body_.size() - have),
      [self = shared_from_this()](const error_code& error, std::size_t) { self->OnBody(error); });
}

void Connection::ReadChunked() {
  chunked_.emplace(std::move(*parser_));
  parser_.reset();
  // Beast bounds neither a chunk's extension nor the trailer, but by the buffer;
  // and it reads into what room there is, 512 bytes else.
  buffer_.max_size(buffer_.size() + 2 * kReadSize);
  buffer_.reserve(buffer_.size() + kReadSize);
  http::async_read(socket_, buffer_, *chunked_,
                   [self = shared_from_this()](const error_code& error, std::size_t) {
                     if (!error) self->body_ = std::move(self->chunked_->get().body());
                     self->OnBody(error);
                   });
}

void Connection::OnBody(const error_code& error) {
  if (phase_ == Phase::kClosed) return;
  if (!error) return Dispatch();
  if (!RefuseUnreadable(error)) Close();
}

void Connection::Dispatch() {
  phase_ = Phase::kHandling;
  const http::request_header<>& message = chunked_ ? chunked_->get().base() : parser_->get().base();
  const std::string_view target = View(message.target());
  const std::size_t mark = target.find('?');
  HttpRequest request;
  request.method = View(message.method_string());
  request.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  for (const auto& field : message) {
    request.headers.emplace_back(View(field.name_string()), View(field.value()));
  }
  request.body = std::exchange(body_, {});
  loop_.server().handler().Handle(
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
  Enter(Phase::kWriting, loop_.server().options().limits.answer);
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      self->OnWritten(error);
                    });
}

// Answers a request that was not read to its end: what follows on this
// connection cannot be told apart from the rest of it.
void Connection::Refuse(int status, std::string_view message) {
  keep_alive_ = false;
  phase_ = Phase::kHandling;
  Serialize(loop_.server().handler().Refusal(status, message));
  Enter(Phase::kWriting, loop_.server().options().limits.answer);
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (self->phase_ == Phase::kClosed) return;
                      error ? self->Close() : self->Linger();
                    });
}

void Connection::Serialize(const HttpResponse& response) {
  const auto status = static_cast<http::status>(response.status);
  out_ = fmt::format("HTTP/1.1 {} {}\r\n", response.status, View(http::obsolete_reason(status)));
  out_ += loop_.date();
  out_ += loop_.server().options().headers;
  if (loop_.server().options().request_ids) AppendRequestId();
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
  if (error || !keep_alive_ || loop_.stopping()) return Close();
  ReadHead();
}

// Reads on for a while after a refusal: closing at once would reset the
// connection, and the client would never see the answer.
void Connection::Linger() {
  if (phase_ != Phase::kLingering) {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    Release();
    Enter(Phase::kLingering, kLinger);
  }
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(kReadSize),
                          [self = shared_from_this()](const error_code& error, std::size_t size) {
                            if (self->phase_ == Phase::kClosed) return;
                            self->discarded_ += size;
                            const bool enough = self->discarded_ > kLingerBytes;
                            error || enough ? self->Close() : self->Linger();
                          });
}

void Connection::Sweep(Clock::TimePoint now) {
  const HttpLimits& limits = loop_.server().options().limits;
  if (phase_ == Phase::kHead && !head_begun_ && buffer_.size() > 0) {
    head_begun_ = true;
    deadline_ = now + limits.head;
  }
  if (phase_ == Phase::kHandling || now < deadline_) return;
  if (phase_ == Phase::kWaiting) return Refuse(503, "too much is waiting to be stored");
  if (phase_ == Phase::kHead && !head_begun_) return Close();
  if (phase_ == Phase::kHead || phase_ == Phase::kBody) {
    error_code ignored;
    socket_.cancel(ignored);  // The read ends; its handler finds the phase changed.
    // The answer is tried once; a client that does not read it is gone with it.
    keep_alive_ = false;
    Serialize(loop_.server().handler().Refusal(408, "the request did not arrive in time"));
    socket_.non_blocking(true, ignored);
    socket_.write_some(asio::buffer(out_), ignored);
  }
  Close();
}

void Connection::BeginStop() {
  if (phase_ == Phase::kHead && buffer_.size() == 0) Close();
}

void Connection::Release() {
  if (reserved_.count() == 0) return;
  loop_.server().Unreserve(std::exchange(reserved_, Bytes(0)));
  loop_.AdmitWaiting();
}

void Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  Release();
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  loop_.Remove(shared_from_this());
}

// ---- Loop

Loop::Loop(Server& server, const Clock& clock) : server_(server), clock_(clock) {
  UpdateDate();
}

Status Loop::Listen(const tcp::endpoint& endpoint) {
  using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  // Each loop has a queue of its own, and the kernel shares out the clients.
  if (!error) acceptor_.set_option(ReusePort(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return Ok();
  return Error(ErrorCode::kUnavailable, error.message());
}

void Loop::StartThread() {
  Accept();
  Sweep();
  thread_ = std::thread([this] {
    thread_id_ = std::this_thread::get_id();
    pthread_setname_np(pthread_self(), "http");
    context_.run();
    server_.LoopEnded();
  });
}

void Loop::Join() {
  if (thread_.joinable()) thread_.join();
}

void Loop::Accept() {
  acceptor_.async_accept(context_, [this](const error_code& error, tcp::socket socket) {
    OnAccepted(error, std::move(socket));
  });
}

void Loop::OnAccepted(const error_code& error, tcp::socket socket) {
  if (stopping_ || error == asio::error::operation_aborted) return;
  if (error) {  // Out of descriptors, mostly: they come back as clients leave.
    accept_timer_.expires_after(kAcceptPause);
    accept_timer_.async_wait([this](const error_code& cancelled) {
      if (!cancelled && !stopping_) Accept();
    });
    return;
  }
  if (server_.AdmitConnection()) {
    const auto connection = std::make_shared<Connection>(std::move(socket), *this);
    connections_.insert(connection);
    connection->Start();
  }
  Accept();
}

void Loop::Sweep() {
  UpdateDate();
  const Clock::TimePoint now = clock_.Now();
  std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
  for (const auto& connection : all) connection->Sweep(now);
  AdmitWaiting();
  // The last connection may have gone in this very sweep.
  if (stopping_ && connections_.empty()) return;
  sweep_timer_.expires_after(kSweep);
  sweep_timer_.async_wait([this](const error_code& cancelled) {
    const bool over = stopping_ && connections_.empty();
    if (!cancelled && !over) Sweep();
  });
}

void Loop::Wait(std::shared_ptr<Connection> connection) {
  waiting_.push_back(std::move(connection));
}

// Called as bodies are done with, and on every sweep for those of other loops.
void Loop::AdmitWaiting() {
  if (std::exchange(admitting_, true)) return;  // Admitting one may release another.
  while (!waiting_.empty() && waiting_.front()->TryAdmit()) waiting_.pop_front();
  admitting_ = false;
}

void Loop::UpdateDate() {
  const std::time_t now = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(clock_.WallNow()));
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  date_.assign(text.data(), size);
}

void Loop::Deliver(std::shared_ptr<Connection> connection, HttpResponse response) {
  bool first = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    first = inbox_.empty();
    inbox_.emplace_back(std::move(connection), std::move(response));
  }
  // One wake-up for all the answers of a group.
  if (first) asio::post(context_, [this] { DrainInbox(); });
}

void Loop::DrainInbox() {
  std::vector<std::pair<std::shared_ptr<Connection>, HttpResponse>> answers;
  {
    const std::lock_guard lock(inbox_mutex_);
    answers.swap(inbox_);
  }
  for (const auto& [connection, response] : answers) connection->Send(response);
}

void Loop::Remove(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) > 0) server_.RemoveConnection();
  EndIfIdle();
}

std::string Loop::NewRequestId() {
  const std::uint64_t high = random_();
  const std::uint64_t low = random_();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xFFFFU,
                     high & 0xFFFU, 0x8000U | ((low >> 48U) & 0x3FFFU), low & 0xFFFFFFFFFFFFU);
}

void Loop::BeginStop() {
  asio::post(context_, [this] {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
    std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->BeginStop();
    EndIfIdle();
  });
}

void Loop::CloseAll() {
  asio::post(context_, [this] {
    std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->Close();
  });
}

void Loop::EndIfIdle() {
  if (!stopping_ || !connections_.empty()) return;
  sweep_timer_.cancel();
  work_.reset();
}

// ---- Server

// SO_REUSEPORT would let a second relay take half of the clients in silence: a
// plain bind first finds out whether anybody is there.
Status ProbeAddress(const tcp::endpoint& endpoint) {
  asio::io_context context;
  tcp::acceptor probe(context);
  error_code error;
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) probe.bind(endpoint, error);  // Not listening: nobody is to reach it.
  if (!error) return Ok();
  return Error(ErrorCode::kUnavailable, error.message());
}

Status Server::Listen() {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(options_.host, error);
  const std::string place = fmt::format("listening on {} port {}", options_.host, options_.port);
  if (error) return Error(ErrorCode::kInvalidInput, place + ": not an IP address");
  tcp::endpoint endpoint(address, options_.port);
  if (options_.port != 0) {
    if (Status free = ProbeAddress(endpoint); !free.ok()) {
      return std::move(free).error().Within(place);
    }
  }
  for (const auto& loop : loops_) {
    if (Status listening = loop->Listen(endpoint); !listening.ok()) {
      return std::move(listening).error().Within(place);
    }
    endpoint.port(loop->port());
  }
  port_ = endpoint.port();
  return Ok();
}

void Server::Stop(std::chrono::milliseconds grace) {
  if (std::exchange(stopped_, true)) return;
  for (const auto& loop : loops_) loop->BeginStop();
  {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, grace, [this] { return loops_ended_ == loops_.size(); });
  }
  for (const auto& loop : loops_) loop->CloseAll();
  for (const auto& loop : loops_) loop->Join();
}

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (EqualIgnoringCase(field, name)) return value;
  }
  return {};
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                      HttpHandler& handler, const Clock& clock) {
  auto server = std::make_unique<Server>(std::move(options), handler, clock);
  if (Status listening = server->Listen(); !listening.ok()) return std::move(listening).error();
  server->StartThreads();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace relay
