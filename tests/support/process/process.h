// Programs that a test starts: they end with the test, however it ends.
//
// THREADS. A Process belongs to the thread that made it. The system kills the
// program when that THREAD ends: start long-lived programs from the main one.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/socket.h"

namespace relay::test {

struct Program {
  std::vector<std::string> argv;              // The first is a path, or searched in $PATH.
  std::vector<std::string> environment = {};  // "NAME=value", added to that of the test.
  std::string output_path;                    // Standard output and error are appended to it.
};

// A running or ended program.
class Process {
 public:
  // A program that cannot be executed exits with 127 and says why in its output.
  explicit Process(Program program);
  // Kills and reaps it.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool IsRunning() { return !WaitFor(milliseconds{0}); }

  // Does nothing if it has ended already.
  void Kill(int signal);

  // Suspends it, like a machine that hangs: it has stopped on return, and keeps
  // its connections. Thaw resumes it.
  void Freeze();
  void Thaw() { Kill(SIGCONT); }

  // Returns the exit code as a shell shows it (128 + N for signal N); nullopt
  // if the program still runs after `timeout`.
  std::optional<int> WaitFor(milliseconds timeout);

  // Returns its output so far.
  std::string Output() const;

 private:
  Program program_;
  pid_t pid_ = -1;
  Fd ended_;  // A pidfd: readable once the program has ended.
  std::optional<int> exit_code_;
};

// Returns the exit code of a wait status as a shell shows it.
int ExitCodeOf(int status);

struct RunResult {
  int exit_code = 0;
  std::string output;  // Both streams, in order of arrival.
};

// Runs a program to its end; one that takes longer than `timeout` is killed
// (exit code 137).
RunResult Run(const std::vector<std::string>& argv, milliseconds timeout = kPatience);

// Returns the whole file; "" if there is none.
std::string ReadFile(const std::string& path);

// Replaces the file.
void WriteFile(const std::string& path, const std::string& content);

}  // namespace relay::test
