// A backend on a loopback port whose every answer the test decides. It speaks
// HTTP/1.1 over plain sockets, so that it can also do what no proper server does.
//
// THREADS. It has its own: one that accepts and one for each connection. Every
// function may be called by any thread, except that Refuse, Listen and the
// destructor belong to one. The script runs on the connections' threads, one
// call at a time: what only the script touches needs no lock.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_messages.h"
#include "tests/support/process/socket.h"

namespace relay::test {

class FakeBackend {
 public:
  using Script = std::function<FakeAnswer(const FakeRequest&)>;

  // Listens at once. Without a script it answers everything with 204.
  explicit FakeBackend(Script script = {});
  ~FakeBackend();
  FakeBackend(const FakeBackend&) = delete;
  FakeBackend& operator=(const FakeBackend&) = delete;

  HostPort endpoint() const { return {.host = "127.0.0.1", .port = port_}; }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  // Replaces the script for requests that arrive from now on.
  void Follow(Script script);

  // Closes every connection and refuses new ones.
  void Refuse();

  // Accepts connections again after Refuse, on the same port.
  void Listen();

  // Requests received in full, answered or not.
  std::uint64_t RequestCount() const;
  std::vector<FakeRequest> Requests() const;

  // The bodies of all requests, in order of arrival.
  std::string Bodies() const;

  bool WaitForRequests(std::uint64_t count, milliseconds within = kPatience) const;

  // Forgets the requests so far; the numbering continues.
  void Forget();

  // Keeps no requests, for measurements; still counts them.
  void KeepNoRequests();

  // Counts the questions for retention policies too, which a relay asks on the side, and hands them
  // to the script; otherwise they get a 204, and no test sees them.
  void TakeSideQuestions();

 private:
  class Server;

  FakeAnswer Take(FakeRequest request);

  std::uint16_t port_;
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  bool keep_ = true;  // Guarded by mutex_, as are the next two.
  std::uint64_t count_ = 0;
  std::vector<FakeRequest> requests_;
  std::mutex script_mutex_;
  bool takes_side_questions_ = false;  // Guarded as the script.
  Script script_;                      // Guarded by script_mutex_.
  std::unique_ptr<Server> server_;     // Null while it refuses.
};

}  // namespace relay::test
