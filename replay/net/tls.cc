#include "replay/net/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>
#include <string>
#include <utility>

#include "replay/net/tcp_connect.h"
#include "wal/base/invariant.h"

namespace relay {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Session = std::unique_ptr<SSL, decltype(&SSL_free)>;

// Returns the newest of the thread's OpenSSL errors and clears all of them.
std::string TakeReason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "no reason was given" : reason;
}

Error WrongFile(std::string_view what, const std::string& path) {
  return {ErrorCode::kInvalidInput,
          fmt::format("tls: {} {} cannot be used: {}", what, path, TakeReason())};
}

Status UseCertificates(SSL_CTX* context, const TlsOptions& options) {
  if (options.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_locations(context, options.ca.c_str(), nullptr) != 1) {
    return WrongFile("ca", options.ca);
  }
  if (options.cert.empty()) return Ok();
  if (SSL_CTX_use_certificate_chain_file(context, options.cert.c_str()) != 1) {
    return WrongFile("cert", options.cert);
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return WrongFile("key", options.key);
  }
  return Ok();
}

Result<Context> MakeContext(const TlsOptions& options) {
  Context context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  INVARIANT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context.get(),
                     options.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  RETURN_IF_ERROR(UseCertificates(context.get(), options));
  return context;
}

// Sets the name that the certificate must be for.
void Expect(SSL* session, const std::string& host) {
  if (IsLiteralAddress(host)) {
    INVARIANT(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1);
    return;
  }
  INVARIANT(SSL_set1_host(session, host.c_str()) == 1);
  INVARIANT(SSL_set_tlsext_host_name(session, host.c_str()) == 1);
}

std::string WhyNotTrusted(long verified, const std::string& host) {
  switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "its TLS certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "its TLS certificate is not valid yet";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("its TLS certificate is for another name than {}", host);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "its TLS certificate is signed by an unknown CA";
    default:
      return fmt::format("its TLS certificate is not trusted: {}",
                         X509_verify_cert_error_string(verified));
  }
}

class TlsConnection final : public Connection {
 public:
  TlsConnection(OwnedFd socket, Session session)
      : socket_(std::move(socket)), session_(std::move(session)) {}

  Status ShakeHands(const std::string& host, const Deadline& deadline) {
    while (true) {
      ERR_clear_error();
      const int outcome = SSL_connect(session_.get());
      if (outcome == 1) return Ok();
      const int error = SSL_get_error(session_.get(), outcome);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return Refused(host);
      const short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      const Deadline::Wake wake = deadline.Wait(socket_.get(), events);
      if (wake != Deadline::Wake::kReady) return WaitEnded(wake).Within("TLS handshake");
    }
  }

  Result<Progress> TryWrite(std::string_view bytes) override {
    ERR_clear_error();
    std::size_t moved = 0;
    const int outcome = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &moved);
    return Outcome(outcome, moved);
  }

  Result<Progress> TryRead(char* into, std::size_t size) override {
    ERR_clear_error();
    std::size_t moved = 0;
    const int outcome = SSL_read_ex(session_.get(), into, size, &moved);
    return Outcome(outcome, moved);
  }

  // Looks through TLS, since session tickets come unasked.
  bool Quiet() override {
    ERR_clear_error();
    char byte = 0;
    std::size_t seen = 0;
    const int outcome = SSL_peek_ex(session_.get(), &byte, 1, &seen);
    return outcome != 1 && SSL_get_error(session_.get(), outcome) == SSL_ERROR_WANT_READ;
  }

  int fd() const override { return socket_.get(); }

 private:
  Error Refused(const std::string& host) const {
    const long verified = SSL_get_verify_result(session_.get());
    const bool checked = SSL_get_verify_mode(session_.get()) != SSL_VERIFY_NONE;
    if (checked && verified != X509_V_OK) {
      ERR_clear_error();
      return {ErrorCode::kInvalidInput, WhyNotTrusted(verified, host)};
    }
    if (ERR_peek_last_error() == 0) {
      return {ErrorCode::kUnavailable, "the connection broke in the TLS handshake"};
    }
    std::string reason = TakeReason();
    // The first bytes of an answer in plain text are taken for a version.
    if (reason == "wrong version number") reason += " (plain HTTP? use http://)";
    return {ErrorCode::kUnavailable, "the TLS handshake failed: " + reason};
  }

  Result<Progress> Outcome(int outcome, std::size_t moved) {
    if (outcome == 1) return Progress{.kind = Progress::Kind::kMoved, .bytes = moved};
    switch (SSL_get_error(session_.get(), outcome)) {
      case SSL_ERROR_WANT_READ: return Progress{.kind = Progress::Kind::kWantsRead};
      case SSL_ERROR_WANT_WRITE: return Progress{.kind = Progress::Kind::kWantsWrite};
      case SSL_ERROR_ZERO_RETURN: return Progress{.kind = Progress::Kind::kEnd};
      case SSL_ERROR_SYSCALL: return Error(ErrorCode::kUnavailable, "the connection was reset");
      default: return Error(ErrorCode::kUnavailable, "TLS: " + TakeReason());
    }
  }

  OwnedFd socket_;
  Session session_;
};

}  // namespace

Result<WallTime> CertificateExpiry(const std::string& path) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(path.c_str(), "r"), &BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      file ? PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr) : nullptr, &X509_free);
  std::tm end{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return WrongFile("cert", path);
  }
  return WallTime(std::chrono::seconds(timegm(&end)));
}

Status CheckTlsFiles(const TlsOptions& options) {
  const Result<Context> context = MakeContext(options);
  return context.ok() ? Ok() : Status(context.error());
}

Result<std::unique_ptr<Connection>> OpenTls(OwnedFd socket, const Peer& peer,
                                            const Deadline& deadline) {
  INVARIANT(peer.tls.has_value());
  ERR_clear_error();
  ASSIGN_OR_RETURN(Context context, MakeContext(*peer.tls));
  Session session(SSL_new(context.get()), &SSL_free);
  INVARIANT(session != nullptr);
  SSL_set_fd(session.get(), socket.get());
  Expect(session.get(), peer.host);
  auto connection = std::make_unique<TlsConnection>(std::move(socket), std::move(session));
  RETURN_IF_ERROR(connection->ShakeHands(peer.host, deadline));
  return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace relay
