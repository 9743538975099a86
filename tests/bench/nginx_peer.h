// The cost of HTTP itself on this machine: an nginx that reads each body,
// stores nothing and answers 204, under the same load as the relay.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "tests/bench/figures.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"

namespace relay::bench {

class NginxPeer {
 public:
  static bool IsInstalled() { return test::Run({"nginx", "-v"}).exit_code == 0; }

  // Keeps its files below `parent`; throws if it does not start.
  explicit NginxPeer(const std::string& parent) : directory_(parent) {
    const std::string& path = directory_.path();
    test::WriteFile(path + "/nginx.conf", Configuration());
    server_.emplace(test::Program{
        .argv = {"nginx", "-p", path, "-c", path + "/nginx.conf", "-e", path + "/errors"},
        .output_path = path + "/output"});
    const bool answers = test::Eventually(test::kPatience, [this] {
      return test::Get(endpoint_, "/").status == 204 || !server_->IsRunning();
    });
    if (!answers || !server_->IsRunning()) {
      throw std::runtime_error("nginx: " + server_->Output() + test::ReadFile(path + "/errors"));
    }
  }
  ~NginxPeer() {
    server_->Kill(SIGTERM);  // Ends its workers too.
    server_->WaitFor(test::kPatience);
  }
  NginxPeer(const NginxPeer&) = delete;
  NginxPeer& operator=(const NginxPeer&) = delete;

  const test::HostPort& endpoint() const { return endpoint_; }

 private:
  std::string Configuration() const {
    const std::string& path = directory_.path();
    std::string http;
    for (const char* const kind : {"client_body", "proxy", "fastcgi", "scgi", "uwsgi"}) {
      http += fmt::format("  {}_temp_path {}/{};\n", kind, path, kind);
    }
    return fmt::format(
        "daemon off;\nworker_processes auto;\npid {}/pid;\n"
        "events {{ worker_connections 16384; }}\n"
        "http {{\n{}"
        "  access_log off;\n"
        "  keepalive_requests 1000000000;\n"
        "  client_body_buffer_size 4m;\n"
        "  client_max_body_size 64m;\n"
        "  server {{ listen 127.0.0.1:{} reuseport; location / {{ return 204; }} }}\n"
        "}}\n",
        path, http, endpoint_.port);
  }

  ScratchDir directory_;
  const test::HostPort endpoint_{.port = test::FreePort()};
  std::optional<test::Process> server_;
};

}  // namespace relay::bench
