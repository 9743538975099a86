#include "relay/shipping/run_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "relay/base/human_format.h"

namespace relay {
namespace {

constexpr std::size_t kLastWords = 500;
constexpr int kLookEvery = 100;  // Milliseconds.

std::string Message(int error) {
  return std::generic_category().message(error);
}

// A program that runs.
class Child {
 public:
  ~Child() {
    if (pipe_ >= 0) close(pipe_);
    Kill();
  }
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Status Start(const std::vector<std::string>& words) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return Error(ErrorCode::kIo, Message(errno));
    pipe_ = ends[0];
    const int failed = Spawn(words, ends[1]);
    close(ends[1]);
    if (failed == 0) return Ok();
    return Error(ErrorCode::kIo,
                 fmt::format("cannot start {}: {}", words.front(), Message(failed)));
  }

  // Reads what it writes, for a moment. Returns how it ended; nullopt: it runs.
  std::optional<int> Look() {
    pollfd one{.fd = pipe_, .events = POLLIN, .revents = 0};
    if (poll(&one, pipe_ >= 0 ? 1 : 0, kLookEvery) > 0) Read();
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    pid_ = -1;
    Read();
    return status;
  }

  void Kill() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  std::string LastWords() const { return OneLine(words_, kLastWords); }

 private:
  int Spawn(const std::vector<std::string>& words, int output) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setflags(
        &how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    const int failed = posix_spawn(&pid_, argv.front(), &files, &how, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    if (failed != 0) pid_ = -1;
    return failed;
  }

  // Keeps the end of what was written.
  void Read() {
    if (pipe_ < 0) return;
    std::array<char, 4096> part{};
    fcntl(pipe_, F_SETFL, O_NONBLOCK);
    for (;;) {
      const ssize_t size = read(pipe_, part.data(), part.size());
      if (size <= 0) {
        if (size == 0) close(std::exchange(pipe_, -1));
        return;
      }
      words_.append(part.data(), static_cast<std::size_t>(size));
      if (words_.size() > kLastWords) words_.erase(0, words_.size() - kLastWords);
    }
  }

  pid_t pid_ = -1;
  int pipe_ = -1;
  std::string words_;
};

Status EndOf(int status, const std::string& program, const std::string& last_words) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Ok();
  const std::string how = WIFEXITED(status) ? fmt::format("exit code {}", WEXITSTATUS(status))
                                            : fmt::format("ended by signal {}", WTERMSIG(status));
  return Error(ErrorCode::kIo,
               fmt::format("{}: {}{}{}", program, how, last_words.empty() ? "" : ": ", last_words));
}

}  // namespace

Status RunCommand(const std::vector<std::string>& words, std::chrono::milliseconds timeout,
                  const Clock& clock, const std::stop_token& stop) {
  if (words.empty()) return Error(ErrorCode::kIo, "no command");
  Child child;
  RETURN_IF_ERROR(child.Start(words));
  const Clock::TimePoint end = clock.Now() + timeout;
  for (;;) {
    if (const auto status = child.Look()) return EndOf(*status, words.front(), child.LastWords());
    if (stop.stop_requested()) {
      return Error(ErrorCode::kUnavailable, words.front() + ": stopped with the relay");
    }
    if (clock.Now() < end) continue;
    child.Kill();
    const std::string last_words = child.LastWords();
    return Error(ErrorCode::kIo,
                 fmt::format("{}: killed after {}{}{}", words.front(), ShownAge(timeout),
                             last_words.empty() ? "" : ": ", last_words));
  }
}

std::vector<std::string> WordsOf(const std::string& command) {
  std::istringstream text(command);
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  return words;
}

}  // namespace relay
