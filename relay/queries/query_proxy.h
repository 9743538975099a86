// Passes queries on to backends that are not behind, and their answers back while they come.
//
// A query goes to the first backend that qualifies (query_choice.h); if that gives no answer,
// before the first byte of one has gone to the client, to the next. An answer that breaks off later
// ends the client's connection. A client that leaves ends its query on the backend.
//
// MEMORY. An answer is held in parts: BodyPipe::kRoom for each query, whatever its size.
//
// ERRORS. 503 with the reason for each backend: none qualifies, or none answered. 400: a position
// that the log did not give.
//
// THREADS. Any number at once. Each query in progress has a thread of its own, up to a limit, so
// that a slow one holds up no other, and no write.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "relay/base/query_counters.h"
#include "relay/http/server.h"
#include "relay/queries/query_choice.h"
#include "relay/queries/query_connections.h"
#include "relay/status/relay_status.h"
#include "wal/base/clock.h"
#include "wal/log.h"
#include "wal/record/lives.h"

namespace relay {

// A query as it is passed on. Owns all of its text.
struct QueryRequest {
  std::string method = "GET";
  std::string target;   // Path and query, below the backend's path prefix.
  std::string headers;  // Lines, each with its end.
  std::string body = {};
  bool as_relay = false;     // With the backend's configured credentials, not the client's.
  bool is_influxql = false;  // Only InfluxDB itself answers /query.

  std::vector<QueryBackend> backends = {};  // In the preferred order.
  QueryTerms terms = {};
  std::vector<WritePosition> after = {};       // Writes that the answering backend has passed.
  Clock::Duration wait{5'000};                 // For a backend that has.
  std::chrono::milliseconds silence{300'000};  // The longest time without a byte of the answer.

  // Makes the answer when there is none from a backend, in the form of the API.
  std::function<HttpResponse(int status, std::string_view why)> refusal;
};

class QueryProxy {
 public:
  // All outlive it.
  struct Parts {
    const LogView& log;
    Clock& clock;
    QueryCounters& counters;
    std::function<std::vector<BackendStatus>()> statuses;  // Called on any thread.
  };

  explicit QueryProxy(Parts parts) : parts_(std::move(parts)), connections_(parts_.clock) {}
  QueryProxy(const QueryProxy&) = delete;
  QueryProxy& operator=(const QueryProxy&) = delete;
  ~QueryProxy() { Stop(); }

  // Sets how each backend is reached, and the most queries at once.
  void Configure(std::map<std::string, HttpTransportOptions> backends, std::size_t queries_max);

  // Answers the query, later and on another thread. `client`: says when it leaves; nullptr: never.
  void Ask(QueryRequest request, ClientWatch* client, HttpReply reply);

  // Ends the queries in progress; refuses later ones. Returns when all are answered.
  void Stop();

 private:
  struct Task;
  enum class Tried : std::uint8_t { kAnswered, kNext, kGone };
  using Failures = std::map<std::string, std::string>;  // Why, by backend.

  struct Turn {
    QueryChoice choice;
    bool may_pass = false;  // Some backend lacks a write that it is still owed.
  };

  bool Admits();
  void Serve(const std::stop_token& stop);
  void Answer(Task& task, const std::stop_token& stop);
  Turn NextTurn(const Task& task, const Failures& failed, Clock::Duration status_age);
  std::string WhyNotPassed(const std::string& backend, const std::vector<WritePosition>& after,
                           bool& may_pass) const;
  Tried TryBackend(Task& task, const std::string& name, std::string& why);
  Tried PassOn(Task& task, const std::string& name, HttpQuery& query, std::string first);
  std::vector<BackendStatus> Statuses(Clock::Duration age_max);
  void Avoid(const std::string& backend);
  void PutAvoidedLast(std::vector<std::string>& candidates);

  const Parts parts_;
  QueryConnections connections_;

  std::mutex statuses_mutex_;  // Held while they are read, so that only one reads them.
  std::vector<BackendStatus> statuses_;
  std::optional<Clock::TimePoint> statuses_read_;
  std::mutex avoided_mutex_;
  std::map<std::string, Clock::TimePoint> avoided_until_;

  std::mutex mutex_;
  std::condition_variable_any came_;
  std::deque<std::shared_ptr<Task>> waiting_;
  std::set<std::shared_ptr<Task>> running_;
  std::size_t idle_ = 0;
  std::size_t queries_max_ = 1;
  bool stopped_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace relay
