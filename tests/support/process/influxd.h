// A real InfluxDB 1.x of its own for a test.
//
// ERRORS. An unexpected failure is a std::runtime_error with the server's
// words.
//
// THREADS. One thread starts, kills and destroys it; any may query.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"

namespace relay::test {

// A point in comparable form: tags and fields as "name=value,name=value" in the
// order of their names, strings in quotes, absent ones left out.
struct StoredPoint {
  std::int64_t time_ns = 0;
  std::string tags;
  std::string fields;

  friend auto operator<=>(const StoredPoint&, const StoredPoint&) = default;
};

class Influxd {
 public:
  // Starts it on ports of its own, with its data below `directory`, which must
  // exist. `http_settings`: more lines for the [http] section of its
  // configuration ("auth-enabled = true\n"). `environment`: variables that set
  // other sections ("INFLUXDB_DATA_MAX_SERIES_PER_DATABASE=1").
  explicit Influxd(std::string directory, const std::string& http_settings = "",
                   std::vector<std::string> environment = {});

  HostPort endpoint() const { return {.host = "127.0.0.1", .port = port_}; }
  // The address for `influxd backup -host` and `restore -host`.
  HostPort rpc_endpoint() const { return {.host = "127.0.0.1", .port = rpc_port_}; }
  pid_t pid() const { return process_->pid(); }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  // Sends SIGKILL; the process is gone on return.
  void Kill();

  // Starts it again after Kill, on the same ports and data. Returns when it answers.
  void Start();

  // A frozen server accepts connections and answers nothing.
  void Freeze() { process_->Freeze(); }
  void Thaw() { process_->Thaw(); }

  void CreateDatabase(const std::string& name);

  // Returns the JSON text of a 200 answer, which may still hold an error.
  std::string Query(const std::string& database, const std::string& query) const;

  // Counts the points that have a value of that field; 0 if there is no such
  // database, measurement or field.
  std::uint64_t CountPoints(const std::string& database, const std::string& measurement,
                            const std::string& field) const;

  // Returns every point, sorted. `measurement` may be MEASUREMENT or
  // "POLICY"."MEASUREMENT", the latter quoted by the caller.
  std::vector<StoredPoint> ReadPoints(const std::string& database,
                                      const std::string& measurement) const;

 private:
  std::string ConfigurationText(const std::string& http_settings) const;

  std::string directory_;
  std::vector<std::string> environment_;
  std::uint16_t port_;
  std::uint16_t rpc_port_;
  std::unique_ptr<Process> process_;
};

}  // namespace relay::test
