#include "tests/support/process/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "tests/support/temp_dir.h"

namespace relay::test {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Ours with the additions in front: getenv takes the first of two.
std::vector<std::string> Environment(std::vector<std::string> variables) {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

// Everything the child needs, made before the fork: after it, only calls that
// are safe in a copy of a process with threads.
struct Launch {
  char** argv;
  char** environment;
  int output;
  pid_t parent;
};

// Resets signals as for a program started from a shell, however the test was started.
void ResetSignals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD}) {
    signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void Say(const char* text) {
  // A failure here cannot be reported to anybody.
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
}

[[noreturn]] void BecomeProgram(const Launch& launch) {
  ResetSignals();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launch.parent) _exit(127);  // The test ended before the line above.
  dup2(launch.output, STDOUT_FILENO);
  dup2(launch.output, STDERR_FILENO);
  execvpe(launch.argv[0], launch.argv, launch.environment);
  const int reason = errno;
  Say("cannot execute ");
  Say(launch.argv[0]);
  Say(": ");
  Say(strerrordesc_np(reason));
  Say("\n");
  _exit(127);
}

// Returns once the child has executed the program (or failed to): until then, a
// signal would run the test's handlers in it.
pid_t Start(const Launch& launch) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) ThrowErrno("pipe");
  const Fd until_exec(ends[0]);
  Fd closed_by_exec(ends[1]);
  const pid_t pid = fork();
  if (pid == 0) BecomeProgram(launch);
  if (pid < 0) ThrowErrno("fork");
  closed_by_exec.Close();
  char nothing = 0;
  [[maybe_unused]] const ssize_t end = read(until_exec.get(), &nothing, 1);
  return pid;
}

}  // namespace

int ExitCodeOf(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Process::Process(Program program) : program_(std::move(program)) {
  std::vector<std::string> environment = Environment(program_.environment);
  std::vector<char*> argv = Pointers(program_.argv);
  std::vector<char*> variables = Pointers(environment);
  const Fd output(
      open(program_.output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!output.open()) ThrowErrno("open " + program_.output_path);
  pid_ = Start({argv.data(), variables.data(), output.get(), getpid()});
  // The header of glibc 2.36 declares pidfd_open in a way that C++ cannot link.
  ended_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
}

Process::~Process() {
  Kill(SIGKILL);
  WaitFor(kPatience);
}

void Process::Kill(int signal) {
  if (!exit_code_) kill(pid_, signal);
}

void Process::Freeze() {
  Kill(SIGSTOP);
  siginfo_t stopped{};
  waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
}

std::optional<int> Process::WaitFor(milliseconds timeout) {
  if (exit_code_) return exit_code_;
  pollfd one{.fd = ended_.get(), .events = POLLIN, .revents = 0};
  if (poll(&one, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) exit_code_ = ExitCodeOf(status);
  return exit_code_;
}

std::string Process::Output() const {
  return ReadFile(program_.output_path);
}

RunResult Run(const std::vector<std::string>& argv, milliseconds timeout) {
  const TempDir directory;
  Process process({.argv = argv, .environment = {}, .output_path = directory.File("output")});
  std::optional<int> code = process.WaitFor(timeout);
  if (!code) {
    process.Kill(SIGKILL);
    code = process.WaitFor(kPatience);
  }
  return {.exit_code = code.value(), .output = process.Output()};
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content << std::flush;
  if (!out) throw std::runtime_error("cannot write " + path);
}

}  // namespace relay::test
