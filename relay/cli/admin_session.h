// The commands' connection to a running relay.
//
// ERRORS. kUnavailable: nothing listens there or the answer timed out. Otherwise
// the relay's message, its code from the HTTP status: kInvalidInput (400, 401,
// 403), kNotFound, kConflict, kElsewhere (421), kFull (503), kIo.
//
// Where relays share a log, a change that another relay must make is made there: the relay that is
// asked answers 307 with that one's address. The same token is sent to it.
//
// THREADS. One.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>

#include "config/model/config.h"
#include "relay/contexts/relay_at.h"
#include "wal/base/result.h"

namespace relay {

// Returns the body of a 200 answer to GET `path`.
//
// Sends the relay's own token, else that of the environment variable INFLUXDB_RELAY_TOKEN, else the
// operators' or the readers' token, whichever this user may read.
Result<std::string> GetFromAdmin(const AdminTarget& admin, const std::string& path);

// The same from another relay's admin port, at a URL; the token is that for this one. The answer's
// body may be of any type.
Result<std::string> GetFromRelay(const AdminTarget& admin, const std::string& url,
                                 const std::string& path);

// Returns the body of a 200 answer to a change.
Result<std::string> PostToRelay(const AdminTarget& admin, const std::string& url,
                                const std::string& path, const std::string& body);

// Keeps the result of a comparison or a drill in the relay's history. `note`: the JSON of
// `/api/v1/history/notes` without `by`. Errors as above.
Status KeepNote(const AdminTarget& admin, nlohmann::ordered_json note);

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

  // The same, with the relay that is named, if one is: the configuration is not needed then.
  static Result<AdminSession> For(const std::string& config_path, const RelayAt& at);

  // The defaults, if the relay was named.
  const Config& config() const { return config_; }
  const AdminTarget& target() const { return target_; }

  // Returns the JSON object of a 200 answer.
  Result<Json> Get(const std::string& path) const;

  // Gets the plan from the relay, asks the user to confirm, makes the change and
  // passes the answer to `done`; a dry run only prints the plan. Returns the exit
  // code: that of `done` if it was called.
  int Change(const AdminChange& change, const std::function<int(const Json&)>& done) const;

  // The same; prints the answer.
  int Change(const AdminChange& change) const;

 private:
  AdminSession(Config config, AdminTarget target)
      : config_(std::move(config)), target_(std::move(target)) {}

  Result<Json> Post(const AdminChange& change, bool dry_run) const;

  Config config_;
  AdminTarget target_;
};

// Prints why there is no session, as PrintFailure does; returns the exit code.
int PrintNoSession(const Error& error, bool json = false);

}  // namespace relay
