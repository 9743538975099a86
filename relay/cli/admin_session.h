// The commands' connection to a running relay.
//
// ERRORS. kUnavailable: nothing listens there or the answer timed out. Otherwise
// the relay's message, its code from the HTTP status: kInvalidInput (400, 401,
// 403), kNotFound, kConflict, kFull (503), kIo.
//
// THREADS. One.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>

#include "config/model/config.h"
#include "wal/base/result.h"

namespace relay {

// Returns the body of a 200 answer to GET `path`.
//
// Sends the token of the environment variable INFLUXDB_RELAY_TOKEN, else the
// operators' or the readers' token, whichever this user may read.
Result<std::string> GetFromAdmin(const AdminConfig& admin, const std::string& path);

// Returns the checkpoint as the relay, which runs elsewhere, names it: a path
// becomes absolute, a name stays as it is.
std::string CheckpointNamed(const std::string& directory);

// A change that a command requests from the relay.
struct AdminChange {
  std::string command;  // Names it in messages: "rewind".
  std::string path;
  std::string body = "{}";    // A JSON object, without `by` and `dry_run`.
  bool needs_consent = true;  // It cannot be undone.
  bool yes = false;           // Consent was given on the command line.
  bool dry_run = false;
  bool json = false;
  std::string if_unavailable;  // A hint if no relay answers.
};

class AdminSession {
 public:
  using Json = nlohmann::ordered_json;

  // kInvalidInput: the configuration is wrong.
  static Result<AdminSession> For(const std::string& config_path);

  const Config& config() const { return config_; }

  // Returns the JSON object of a 200 answer.
  Result<Json> Get(const std::string& path) const;

  // Gets the plan from the relay, asks the user to confirm, makes the change and
  // passes the answer to `done`; a dry run only prints the plan. Returns the exit
  // code: that of `done` if it was called.
  int Change(const AdminChange& change, const std::function<int(const Json&)>& done) const;

  // The same; prints the answer.
  int Change(const AdminChange& change) const;

 private:
  explicit AdminSession(Config config) : config_(std::move(config)) {}

  Result<Json> Post(const AdminChange& change, bool dry_run) const;

  Config config_;
};

// Prints why there is no session; returns the exit code.
int PrintNoSession(const Error& error);

}  // namespace relay
