// The commands' way to a running relay.
//
// ERRORS. kUnavailable: nobody listens there or the answer did not come in time;
// else what the relay said, by the status it said it with: kInvalidInput (400,
// and 401 and 403, which name what is needed), kNotFound, kConflict, kFull (503),
// kIo.
//
// THREADS. One.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>

#include "config/model/config.h"
#include "wal/base/result.h"

namespace relay {

// The body of a 200 answer of GET `path`.
//
// Sends the operators' or the readers' token, whichever this user may read, or
// that of the environment variable INFLUXDB_RELAY_TOKEN.
Result<std::string> GetFromAdmin(const AdminConfig& admin, const std::string& path);

// The checkpoint that a person means: a name as it is; a path as the relay, which
// runs elsewhere, sees it.
std::string CheckpointNamed(const std::string& directory);

// A change that a command asks the relay for.
struct AdminChange {
  std::string command;  // In messages: "rewind".
  std::string path;
  std::string body = "{}";    // A JSON object, without `by` and `dry_run`.
  bool needs_consent = true;  // It cannot be taken back.
  bool yes = false;           // The consent was given on the command line.
  bool dry_run = false;
  bool json = false;
  std::string if_unavailable;  // What else to do where no relay answers.
};

class AdminSession {
 public:
  using Json = nlohmann::ordered_json;

  // kInvalidInput: the configuration is wrong.
  static Result<AdminSession> For(const std::string& config_path);

  const Config& config() const { return config_; }

  // The object of a 200 answer.
  Result<Json> Get(const std::string& path) const;

  // Asks the relay what the change would do, asks a person to consent, has it
  // done and passes the answer on to `done`; a dry run ends with what would be
  // done. Returns the exit code, of `done` where it came to that.
  int Change(const AdminChange& change, const std::function<int(const Json&)>& done) const;

  // The same; prints the answer.
  int Change(const AdminChange& change) const;

 private:
  explicit AdminSession(Config config) : config_(std::move(config)) {}

  Result<Json> Post(const AdminChange& change, bool dry_run) const;

  Config config_;
};

// Tells why there is no session; returns the exit code.
int TellNoSession(const Error& error);

}  // namespace relay
