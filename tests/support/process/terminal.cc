#include "tests/support/process/terminal.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "tests/support/process/process.h"

namespace relay::test {
namespace {

winsize Of(Terminal::Size size) {
  winsize window{};
  window.ws_col = size.columns;
  window.ws_row = size.rows;
  return window;
}

}  // namespace

Terminal::Terminal(std::vector<std::string> argv, Size size) {
  std::vector<char*> pointers;
  for (std::string& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  int side = -1;
  winsize window = Of(size);
  // Made before the fork: after it, only calls that are safe there.
  pid_ = forkpty(&side, nullptr, nullptr, &window);
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "forkpty");
  if (pid_ == 0) {
    execvp(pointers[0], pointers.data());
    _exit(127);
  }
  side_ = Fd(side);
  fcntl(side_.get(), F_SETFL, O_NONBLOCK);
  fcntl(side_.get(), F_SETFD, FD_CLOEXEC);
}

Terminal::~Terminal() {
  if (!exit_code_) kill(pid_, SIGKILL);
  WaitFor();
}

void Terminal::Type(const std::string& text) const {
  if (write(side_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw std::system_error(errno, std::generic_category(), "typing");
  }
}

void Terminal::Resize(Size size) const {
  const winsize window = Of(size);
  ioctl(side_.get(), TIOCSWINSZ, &window);
}

void Terminal::Read() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t size = read(side_.get(), buffer.data(), buffer.size());
    if (size <= 0) return;
    output_.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

bool Terminal::Shows(const std::string& words, milliseconds within) {
  return Eventually(within, [&] {
    Read();
    return output_.find(words) != std::string::npos;
  });
}

const std::string& Terminal::Output() {
  Read();
  return output_;
}

void Terminal::Forget() {
  Read();
  output_.clear();
}

// Reads the output meanwhile: a program whose output nobody reads would not end.
std::optional<int> Terminal::WaitFor(milliseconds within) {
  Eventually(within, [&] {
    Read();
    int status = 0;
    if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) exit_code_ = ExitCodeOf(status);
    return exit_code_.has_value();
  });
  Read();
  return exit_code_;
}

}  // namespace relay::test
