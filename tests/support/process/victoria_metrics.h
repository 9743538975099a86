// A VictoriaMetrics of its own for a test: not an InfluxDB, but it takes the
// same write API.
//
// ERRORS. An unexpected failure is a std::runtime_error with the server's
// words.
//
// THREADS. One thread starts, kills and destroys it; any may read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/process/influxd.h"
#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"

namespace relay::test {

class VictoriaMetrics {
 public:
  // Keeps its data below `directory`, which must exist. A point written twice
  // is stored once, as in InfluxDB.
  explicit VictoriaMetrics(std::string directory);

  HostPort endpoint() const { return {.host = "127.0.0.1", .port = port_}; }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  // Sends SIGKILL; the process is gone on return. Writes answered in the last
  // second may be lost: it does not sync before it answers.
  void Kill();

  // Starts it again after Kill, on the same port and data. Returns when it answers.
  void Start();

  // Returns every value of one field, as InfluxDB has them, sorted. Those
  // written by its v2 API are under the database "".
  std::vector<StoredPoint> ReadPoints(const std::string& database, const std::string& measurement,
                                      const std::string& field) const;

 private:
  std::string directory_;
  std::uint16_t port_;
  std::unique_ptr<Process> process_;
};

}  // namespace relay::test
