// Clients that write without end, each on its own kept-open connection, and
// remember what was acknowledged: a 204, and nothing less. One that loses its
// connection connects again and continues with new points.
//
// Each has a series of its own: measurement "load", tag "writer", the integer
// field "v" and times that go up. Now and then one overwrites a point of its
// own with a later value.
//
// THREADS. One for each writer. The counts may be read at any time by any
// thread, everything else after Stop.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/socket.h"

namespace relay::test {

class Writers {
 public:
  struct Options {
    HostPort relay;
    std::string database = "metrics";
    int writers = 4;
    int lines = 5;          // New points in a request.
    milliseconds pause{0};  // Between two requests.
    std::uint64_t seed = 1;
  };

  explicit Writers(const Options& options);
  ~Writers();
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  // Returns when each has its last answer or has lost its connection.
  void Stop();

  // Requests answered with 204.
  std::uint64_t acknowledged() const { return acknowledged_; }
  // Requests sent and answered otherwise or not at all.
  std::uint64_t unanswered() const { return unanswered_; }

  // Waits until that many more requests are acknowledged; false if that takes longer.
  bool WaitForMore(std::uint64_t requests, milliseconds within = kPatience) const;

  std::size_t PointCount() const;
  std::size_t OverwrittenCount() const;

  // Describes how the points of "load" on a server differ from the acknowledged
  // ones, the first few of each kind; "" if they do not. Points that were sent
  // and not acknowledged may be there or not.
  std::string Differences(const std::vector<StoredPoint>& stored) const;

 private:
  class Writer;

  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::atomic<std::uint64_t> unanswered_ = 0;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::vector<std::jthread> threads_;
};

}  // namespace relay::test
