#include "tests/support/process/tls_front.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"

namespace relay::test {
namespace {

void RunOpenssl(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"openssl"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const RunResult run = Run(argv);
  if (run.exit_code != 0) throw std::runtime_error("openssl: " + run.output);
}

using Session = std::unique_ptr<SSL, decltype(&SSL_free)>;

SSL_CTX* MakeContext(const TlsFront::Settings& settings) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (settings.old_version_only) {
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  }
  const Certificate& own = settings.certificate;
  const bool loaded = SSL_CTX_use_certificate_chain_file(context, own.cert.c_str()) == 1 &&
                      SSL_CTX_use_PrivateKey_file(context, own.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!loaded) throw std::runtime_error("cannot load " + own.cert);
  if (settings.client_ca.empty()) return context;
  SSL_CTX_load_verify_locations(context, settings.client_ca.c_str(), nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

bool SendAll(const Fd& socket, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket.get(), bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

using Buffer = std::array<char, 65536>;

// Each moves the bytes available in one direction; false at the end.
bool Decrypt(SSL* client, const Fd& server, Buffer& buffer) {
  do {
    const int size = SSL_read(client, buffer.data(), static_cast<int>(buffer.size()));
    if (size <= 0 || !SendAll(server, buffer.data(), static_cast<std::size_t>(size))) return false;
  } while (SSL_pending(client) > 0);
  return true;
}

bool Encrypt(const Fd& server, SSL* client, Buffer& buffer) {
  const ssize_t size = recv(server.get(), buffer.data(), buffer.size(), 0);
  return size > 0 && SSL_write(client, buffer.data(), static_cast<int>(size)) > 0;
}

}  // namespace

TestCa::TestCa() : self_{directory_.File("ca.pem"), directory_.File("ca.key")} {
  RunOpenssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
              "-days", "2", "-subj", "/CN=test CA", "-keyout", self_.key, "-out", self_.cert});
}

Certificate TestCa::Issue(const std::string& subject_names, int days) {
  const std::string base = directory_.File(fmt::format("{}", ++issued_));
  Certificate issued{base + ".pem", base + ".key"};
  RunOpenssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
              "/CN=test", "-addext", "subjectAltName=" + subject_names, "-keyout", issued.key,
              "-out", base + ".csr"});
  RunOpenssl({"x509", "-req", "-in", base + ".csr", "-CA", self_.cert, "-CAkey", self_.key,
              "-CAcreateserial", "-copy_extensions", "copy", "-days", fmt::format("{}", days),
              "-out", issued.cert});
  return issued;
}

TlsFront::TlsFront(HostPort server, Settings settings)
    : server_(std::move(server)),
      context_(MakeContext(settings)),
      port_(FreePort()),
      listener_(ListenOn(port_)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      acceptor_([this] { Accept(); }) {}

TlsFront::~TlsFront() {
  eventfd_write(stop_.get(), 1);
  acceptor_.join();
  for (std::thread& connection : connections_) connection.join();
  SSL_CTX_free(static_cast<SSL_CTX*>(context_));
}

void TlsFront::Accept() {
  while (true) {
    std::array<pollfd, 2> both = {pollfd{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    poll(both.data(), both.size(), -1);
    if (both[0].revents != 0) return;
    const int client = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) connections_.emplace_back([this, client] { Serve(Fd(client)); });
  }
}

void TlsFront::Serve(const Fd& client) const {
  sigset_t broken_pipe{};
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  const Session session(SSL_new(static_cast<SSL_CTX*>(context_)), &SSL_free);
  SSL_set_fd(session.get(), client.get());
  pollfd stopping{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  if (poll(&stopping, 1, 0) > 0 || SSL_accept(session.get()) != 1) return;
  const Fd server = ConnectTo(server_);
  const auto buffer = std::make_unique<Buffer>();
  bool open = true;
  while (open) {
    std::array<pollfd, 3> all = {stopping,
                                 pollfd{.fd = client.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = server.get(), .events = POLLIN, .revents = 0}};
    poll(all.data(), all.size(), -1);
    if (all[0].revents != 0) return;
    if (all[1].revents != 0) open = Decrypt(session.get(), server, *buffer);
    if (open && all[2].revents != 0) open = Encrypt(server, session.get(), *buffer);
  }
  SSL_shutdown(session.get());
}

}  // namespace relay::test
