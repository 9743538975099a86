// TLS in front of a plain server, and the certificates that tests need.
//
// ERRORS. A failure of the test environment is a std::runtime_error.
//
// THREADS. It has its own. Everything else belongs to one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <thread>

#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test {

// A certificate and its key, as the paths of PEM files.
struct Certificate {
  std::string cert;
  std::string key;
};

// A test CA, with its files.
class TestCa {
 public:
  TestCa();

  const std::string& cert() const { return self_.cert; }

  // Issues one for a name and an address: "DNS:localhost,IP:127.0.0.1". Below 0
  // days it has expired.
  Certificate Issue(const std::string& subject_names, int days = 2);

 private:
  TempDir directory_;
  Certificate self_;
  int issued_ = 0;
};

class TlsFront {
 public:
  struct Settings {
    Certificate certificate;
    std::string client_ca = {};     // Clients must have a certificate issued by it.
    bool old_version_only = false;  // TLS 1.1 at most.
  };

  // Listens at once; forwards every connection to `server`.
  TlsFront(HostPort server, Settings settings);
  ~TlsFront();
  TlsFront(const TlsFront&) = delete;
  TlsFront& operator=(const TlsFront&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void Accept();
  void Serve(const Fd& client) const;

  HostPort server_;
  void* context_;
  std::uint16_t port_;
  Fd listener_;
  Fd stop_;  // An eventfd.
  std::list<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace relay::test
