// Connections to the backends that queries are passed on over, kept while idle.
//
// THREADS. Any number at once; what Take returned belongs to one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "replay/query/http_query.h"
#include "replay/transport/http_transport.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"

namespace relay {

class QueryConnections {
 public:
  // Idle connections of one backend that are kept.
  static constexpr std::size_t kIdleMax = 64;

  struct Taken {
    std::unique_ptr<HttpQuery> query;
    HttpTransportOptions options;
    std::uint64_t generation = 0;
    Clock::TimePoint made;
  };

  explicit QueryConnections(const Clock& clock) : clock_(clock) {}

  // Sets how each backend is reached; drops all idle connections.
  void Set(std::map<std::string, HttpTransportOptions> backends);

  // Returns an idle connection, or one that is still to be opened. kNotFound: the backend is not
  // configured. kUnavailable: no descriptors are left.
  Result<Taken> Take(const std::string& backend);

  // Keeps it, if it can carry another request.
  void Return(const std::string& backend, Taken taken);

 private:
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, HttpTransportOptions> backends_;
  std::map<std::string, std::vector<Taken>> idle_;
  std::uint64_t generation_ = 0;
};

}  // namespace relay
