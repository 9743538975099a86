// The commands of `influxdb-relay`. Each returns the exit code: 0 done, 1 failed,
// 2 wrong usage or a wrong configuration; results go to standard output, errors
// to standard error.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "relay/contexts/relay_at.h"

namespace relay {

struct VerbSpec;

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;

inline constexpr const char* kDefaultConfigPath = "/etc/influxdb-relay/relay.yaml";
// The environment variable with the configuration's path, unless --config gives it.
inline constexpr const char* kConfigVariable = "INFLUXDB_RELAY_CONFIG";

// Runs the relay until SIGTERM or SIGINT; SIGHUP reloads its configuration.
int Serve(const std::string& config_path);

struct CheckConfigArgs {
  std::string config_path = kDefaultConfigPath;
  bool example = false;
  bool to_yaml = false;
  bool file_only = false;  // Look at the file alone, not at what it names.
  bool probe = false;      // Ask the backends.
  bool json = false;       // Show the backends' answers so.
};
int CheckConfig(const CheckConfigArgs& args);

// Prints a commented configuration with every setting and its default.
int ShowExampleConfig();

// Prints the configuration as native YAML.
int ShowConfigAsYaml(const std::string& config_path);

// The log of a command: that of a configuration, or a data directory alone.
struct LogLocation {
  std::string config_path;
  std::string data;  // Empty: that of the configuration.
};

struct StatusArgs {
  LogLocation where;
  RelayAt at = {};  // May name several.
  bool json = false;
  bool watch = false;   // Refresh until interrupted.
  bool wait = false;    // Show nothing; return once everything accepted so far is delivered.
  std::string backend;  // Wait for this one; empty: all.
  std::uint64_t timeout_seconds = 0;
  bool check = false;  // One line, and the exit code of a Nagios plugin.
  std::string max_lag = "5m";
};
// With `check` returns 0: OK, 1: warning, 2: critical, 3: unknown.
int ShowStatus(const StatusArgs& args);

// Lists the backends with their states.
int ListBackends(const StatusArgs& args);

// Lists the contexts, makes one the current one, or adds one.
int ListContexts();
int UseContext(const std::string& name);
int AddContext(const std::string& name, const std::string& admin, const std::string& token_file);

// A change of a running relay.
struct OperateArgs {
  std::string config_path = kDefaultConfigPath;
  RelayAt at = {};
  const VerbSpec* verb = nullptr;
  std::string backend;
  std::map<std::string, std::string> texts;  // The verb's parameters, by name.
  std::map<std::string, bool> flags;
  std::vector<std::uint64_t> numbers;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};
int Operate(const OperateArgs& args);

// A manual replay.
struct ReplayArgs {
  std::string config_path = kDefaultConfigPath;
  RelayAt at = {};
  std::string backend;
  std::string from;
  std::string to;
  std::string to_backend;
  std::string to_url;
  std::string checkpoint;
  std::string database;
  std::string measurement;
  std::uint64_t points_per_second = 0;
  std::uint64_t follow = 0;  // Show this one's progress, do nothing else.
  std::uint64_t cancel = 0;  // Cancel this one, do nothing else.
  bool list = false;         // List running and recent replays, do nothing else.
  bool detach = false;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};
// Returns 0: done, 1: failed or cancelled.
int Replay(const ReplayArgs& args);

// A seed or a repair: `kind` says which.
struct FillArgs {
  std::string config_path = kDefaultConfigPath;
  RelayAt at = {};
  std::string kind;  // "seed", "repair".
  std::string backend;
  std::string source;
  std::string database;
  std::string measurement;
  bool detach = false;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};
// Returns 0: done and equal, 1: failed, cancelled or different.
int Fill(const FillArgs& args);

// A comparison of the values that two backends hold.
struct CompareArgs {
  std::string config_path = kDefaultConfigPath;
  std::string a;
  std::string b;
  std::string database;  // Empty: all. So below.
  std::string measurement;
  std::string from;  // A time or an age.
  std::string to;    // Not included; empty: the time of the comparison.
  std::uint64_t points_per_second = 0;
  std::uint64_t limit = 100;  // Differences listed.
  std::uint64_t patience_seconds = 60;
  bool no_fence = false;
  bool json = false;
  bool quiet = false;  // Print nothing: the relay keeps the result.
};
// Returns 0: equal, 1: different, 2: it could not be told.
int Compare(const CompareArgs& args);

// The report of a window of time.
struct ReportArgs {
  LogLocation where = {.config_path = kDefaultConfigPath, .data = ""};
  RelayAt at = {};
  std::string from = "24h";     // A time or an age.
  std::string to = "now";       // Not included.
  std::string format = "text";  // Or "markdown", "json".
};
int Report(const ReportArgs& args);

// A rehearsal of an outage.
struct DrillArgs {
  std::string config_path = kDefaultConfigPath;
  std::string backend;
  std::string with;  // The backend to compare it with; empty: the first other one.
  std::string length = "5m";
  std::string patience = "1h";  // To catch up.
  std::string format = "text";  // The report's: or "markdown", "json".
  bool no_compare = false;
  bool dry_run = false;
};
// Returns 0: it caught up and is equal, 1: not, or the drill was interrupted, 2: it did not begin.
int Drill(const DrillArgs& args);

// A copy of a running relay's log.
struct CheckpointArgs {
  std::string config_path = kDefaultConfigPath;
  RelayAt at = {};
  std::string directory;  // A name, or a path in log.checkpoint_dir; empty with `list`.
  std::string to;         // A directory to copy it to; empty: it stays. So below.
  std::string command;    // A command to hand a copy to; its words are separated by blanks.
  std::uint64_t timeout_seconds = 3'600;
  bool list = false;
  bool drop = false;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};
int Checkpoint(const CheckpointArgs& args);

// A copy of the log from another relay that shares it.
struct JoinArgs {
  std::string config_path = kDefaultConfigPath;
  std::string url;  // The other relay's admin port.
  bool replaces = false;
};
int Join(const JoinArgs& args);

// A new stream of a shared log, after the servers of NATS have lost writes.
struct FoundArgs {
  std::string config_path = kDefaultConfigPath;
  RelayAt at = {};
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};
int Found(const FoundArgs& args);

// Takes note that the log was started on a checkpoint, or that a backend diverged.
struct AcknowledgeArgs {
  std::string config_path = kDefaultConfigPath;
  RelayAt at = {};
  std::string backend;  // Empty: the start on a checkpoint.
  std::string note;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};
int Acknowledge(const AcknowledgeArgs& args);

// Lists of dead letters, gaps and the audit trail.
struct LedgerArgs {
  LogLocation where = {.config_path = kDefaultConfigPath, .data = ""};
  std::string backend;
  std::uint64_t number = 0;
  std::uint64_t after = 0;
  std::uint64_t limit = 100;
  std::string output;
  bool json = false;
};
int ListDead(const LedgerArgs& args);
int ShowDead(const LedgerArgs& args);
int ExportDead(const LedgerArgs& args);
int ListGaps(const LedgerArgs& args);
int ListAudit(const LedgerArgs& args);

// Prints names, one a line, for completions: "backends", "databases" or "checkpoints". Of a relay
// that does not run, those of its configuration; of none, nothing.
int ListNames(const std::string& what, const std::string& config_path);

struct InspectArgs {
  LogLocation where;
  std::string backend;
  std::string from;  // A sequence or a time; empty: the oldest owed record.
  std::string to;    // Included; empty: to the head.
  std::uint64_t limit = 20;
  bool lines = false;
  bool dead = false;  // At most one of these three is set.
  bool held = false;
  bool gaps = false;
  bool json = false;
};
int Inspect(const InspectArgs& args);

struct VerifyArgs {
  LogLocation where;
  std::uint64_t limit = 1000;  // Findings shown at most.
  bool json = false;
};
// Returns 0: sound, 1: damage was found, or the log cannot be read.
int Verify(const VerifyArgs& args);

struct ExportArgs {
  LogLocation where;
  std::string backend;
  std::string from;  // The same as in InspectArgs.
  std::string to;
  std::string database;  // Empty: all. So below.
  std::string retention_policy;
  bool with_retention_policy = false;  // It was given; empty means the default policy.
  std::string measurement;
  std::string format = "influx";  // Or "lp".
  std::string output;             // Empty: standard output.
  bool held = false;
  bool dead = false;
  bool json = false;
};
// Returns 1 also if damaged records were left out.
int Export(const ExportArgs& args);

struct ImportArgs {
  std::string file;      // "-": standard input.
  std::string database;  // Empty: as the file says.
  std::string retention_policy;
  std::string precision = "n";
  std::string to = "http://127.0.0.1:9096";
  std::string username;
  std::string password_file;
  std::string ca;  // Empty: the system's.
  std::uint64_t from_line = 1;
  std::uint64_t batch_lines = 5000;
  std::string max_line = "1MiB";
  std::uint64_t patience_seconds = 60;
  bool json = false;
};
int Import(const ImportArgs& args);

}  // namespace relay
