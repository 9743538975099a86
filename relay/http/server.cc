#include <fmt/format.h>
#include <openssl/ssl.h>

#include <condition_variable>

#include "config/schema/endpoint.h"
#include "relay/http/event_loop.h"
#include "relay/http/request_head.h"
#include "wal/base/ascii.h"

namespace relay {
namespace http_parts {
namespace {

// SO_REUSEPORT would silently let a second relay take half of the clients: a plain bind first finds
// out whether the address is in use.
Status ProbeAddress(const tcp::endpoint& endpoint) {
  asio::io_context context;
  tcp::acceptor probe(context);
  error_code error;
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) probe.bind(endpoint, error);  // Does not listen: no client must reach it.
  if (!error) return Ok();
  return Error(ErrorCode::kUnavailable, error.message());
}

Error TlsError(const std::string& what, const error_code& error) {
  return {ErrorCode::kInvalidInput, fmt::format("{}: {}", what, error.message())};
}

Result<std::shared_ptr<TlsContext>> LoadTls(const TlsFiles& files) {
  auto context = std::make_shared<TlsContext>(TlsContext::tls_server);
  error_code error;
  context->set_options(
      TlsContext::default_workarounds | TlsContext::no_tlsv1 | TlsContext::no_tlsv1_1, error);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  // A client could otherwise renegotiate endlessly and use up CPU time.
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  context->use_certificate_chain_file(files.certificate, error);
  if (error) return TlsError("certificate " + files.certificate, error);
  context->use_private_key_file(files.key, TlsContext::pem, error);
  if (error) return TlsError("key " + files.key, error);
  if (!files.client_ca.empty()) {
    context->load_verify_file(files.client_ca, error);
    if (error) return TlsError("client_ca " + files.client_ca, error);
    context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert,
                             error);
    // Without a session id context, resumed sessions of clients with a certificate are refused.
    constexpr std::string_view kWhose = "influxdb-relay";
    SSL_CTX_set_session_id_context(context->native_handle(),
                                   reinterpret_cast<const unsigned char*>(kWhose.data()),
                                   static_cast<unsigned>(kWhose.size()));
  }
  return context;
}

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, HttpHandler& handler, const Clock& clock)
      : options_(std::move(options)),
        admission_(options_.admission ? options_.admission
                                      : std::make_shared<Admission>(AdmissionLimits{})),
        service_{.options = options_,
                 .handler = handler,
                 .clock = clock,
                 .admission = *admission_,
                 .loop_ended = [this] { LoopEnded(); }} {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // NOLINTNEXTLINE(bugprone-exception-escape): a lock that fails ends the process.
  ~Server() override { Stop(std::chrono::milliseconds(0)); }

  Status Listen();
  void StartThreads() {
    for (auto& loop : loops_) loop->StartThread();
  }

  std::uint16_t port() const override { return port_; }
  std::size_t connections() const override { return service_.connections; }
  void SetLimits(const HttpLimits& limits) override {
    for (const auto& loop : loops_) loop->SetLimits(limits);
  }
  Status SetTls(const TlsFiles& files) override;
  void Stop(std::chrono::milliseconds grace) override;

 private:
  Status MakeLoops();
  void LoopEnded() {
    const std::lock_guard lock(mutex_);
    ++loops_ended_;
    ended_.notify_all();
  }

  const HttpServerOptions options_;
  const std::shared_ptr<Admission> admission_;
  Service service_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t loops_ended_ = 0;
  bool stopped_ = false;
  std::vector<std::unique_ptr<Loop>> loops_;
};

Status Server::MakeLoops() {
  std::shared_ptr<TlsContext> tls;
  if (options_.tls) {
    ASSIGN_OR_RETURN(std::shared_ptr<TlsContext> loaded, LoadTls(*options_.tls));
    tls = std::move(loaded);
  }
  for (unsigned i = 0; i < options_.threads; ++i) {
    loops_.push_back(std::make_unique<Loop>(service_, tls));
  }
  return Ok();
}

Status Server::Listen() {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(HostToBind(options_.host), error);
  const std::string place =
      fmt::format("listening on {} port {}", address.to_string(), options_.port);
  if (error) return Error(ErrorCode::kInvalidInput, place + ": not an IP address");
  if (Status made = MakeLoops(); !made.ok()) return std::move(made).error().Within(place);
  tcp::endpoint endpoint(address, options_.port);
  const bool inherited = options_.inherited >= 0;
  if (options_.port != 0 && !inherited) {
    if (Status free = ProbeAddress(endpoint); !free.ok()) {
      return std::move(free).error().Within(place);
    }
  }
  for (const auto& loop : loops_) {
    Status listening = inherited ? loop->acceptor().Adopt(endpoint, options_.inherited)
                                 : loop->acceptor().Listen(endpoint, options_.host.empty());
    if (!listening.ok()) {
      return std::move(listening).error().Within(place);
    }
    endpoint.port(loop->acceptor().port());
  }
  port_ = endpoint.port();
  return Ok();
}

Status Server::SetTls(const TlsFiles& files) {
  INVARIANT(options_.tls.has_value());
  ASSIGN_OR_RETURN(std::shared_ptr<TlsContext> loaded, LoadTls(files));
  for (const auto& loop : loops_) loop->SetTls(loaded);
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

}  // namespace
}  // namespace http_parts

std::string_view HttpRequest::Header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (EqualIgnoringCase(field, name)) return value;
  }
  return {};
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                      HttpHandler& handler, const Clock& clock) {
  auto server = std::make_unique<http_parts::Server>(std::move(options), handler, clock);
  RETURN_IF_ERROR(server->Listen());
  server->StartThreads();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace relay
