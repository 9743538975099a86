// NATS servers of a test: one, or a cluster of three, with JetStream.
//
// ERRORS. An unexpected failure is a std::runtime_error with the server's words.
//
// THREADS. One thread starts, kills and destroys them; any may read.
#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"

namespace relay::test {

class NatsServers {
 public:
  // Keeps their data below `directory`, which must exist. `extra` is added to the configuration of
  // each.
  NatsServers(std::string directory, std::size_t count, std::string extra = "");

  std::size_t size() const { return servers_.size(); }
  std::vector<std::string> Urls() const;

  // Returns where a server answers /healthz.
  HostPort Monitor(std::size_t server) const;

  // Returns the server that leads the stream, after waiting for one.
  std::size_t LeaderOf(const std::string& stream) const;

  // Waits until the cluster has a leader that answers for JetStream.
  void WaitUntilReady() const;

  void Kill(std::size_t server, int signal = SIGKILL);
  void Start(std::size_t server);
  // Deletes what all of them have stored. REQUIRES: all are killed.
  void DeleteData() const;
  Process& operator[](std::size_t server) { return *servers_.at(server).process; }

 private:
  struct Server {
    std::uint16_t port = 0;
    std::uint16_t cluster_port = 0;
    std::uint16_t monitor_port = 0;
    std::string directory;
    std::unique_ptr<Process> process;
  };

  std::string ConfigOf(std::size_t server) const;

  std::string extra_;
  std::vector<Server> servers_;
};

}  // namespace relay::test
