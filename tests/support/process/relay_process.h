// The relay as a program: started, killed and queried from outside.
//
// ERRORS. A relay that does not become ready is a std::runtime_error with its
// output; everything later is an answer or an exit code.
//
// THREADS. One thread starts, ends and destroys it; any may write and ask.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"

namespace relay::test {

class RelayProcess {
 public:
  struct Backend {
    std::string name;
    std::string url;
    std::vector<std::string> settings = {};  // Lines of YAML to add: "timeout: 200ms".
  };
  struct Settings {
    std::vector<Backend> backends;
    std::vector<std::string> http = {};         // More lines for the listener: "max_body: 1MiB".
    std::vector<std::string> log = {};          // More lines for the log: "codec: none".
    std::string top = {};                       // Top-level YAML, after the rest.
    std::vector<std::string> environment = {};  // "NAME=value", for every start.
    std::vector<std::string> admin = {};        // More lines for the admin port.
  };
  struct Stopped {
    int exit_code = 0;
    milliseconds took{0};
  };

  // Starts it with its configuration, log and output below `directory`, which
  // must exist; returns when it is ready.
  RelayProcess(std::string directory, const Settings& settings);

  HostPort endpoint() const { return {.host = "127.0.0.1", .port = port_}; }
  HostPort admin() const { return {.host = "127.0.0.1", .port = admin_port_}; }
  std::string config_path() const { return directory_ + "/relay.yml"; }
  std::string log_path() const { return directory_ + "/log"; }
  Process& process() { return *process_; }

  // Sends SIGKILL; the process is gone on return.
  void Kill();

  // Sends SIGTERM; kills it if it has not ended after `within`.
  Stopped Stop(milliseconds within = kPatience);

  // Starts it again after Kill or Stop, on the same ports and data.
  void Start();

  // Sets the settings of the next start.
  void Configure(const Settings& settings);

  // POST /write; `parameters` go after the database: "precision=s&rp=week".
  HttpAnswer Write(const std::string& database, const std::string& lines,
                   const std::string& parameters = "") const;

  // Returns the body of /api/v1/status.
  std::string Status() const;

  // Waits until no backend is owed a record or holds one; false if that takes longer.
  bool WaitDrained(milliseconds within = kPatience) const;

  // Returns its output since the first start.
  std::string Output() const { return process_->Output(); }

 private:
  std::string directory_;
  std::vector<std::string> environment_;
  std::uint16_t port_;
  std::uint16_t admin_port_;
  std::unique_ptr<Process> process_;
};

}  // namespace relay::test
