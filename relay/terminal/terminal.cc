#include "relay/terminal/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace relay {
namespace {

void Put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

bool IsUtf8() {
  // The order of locale(7): the first one set counts.
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text(value);
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos;
  }
  return false;
}

}  // namespace

struct Terminal::State {
  termios before{};
  sigset_t signals{};
  sigset_t signals_before{};
  int signal_file = -1;
};

bool Terminal::IsThere() {
  return isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1;
}

Terminal::Terminal() : state_(new State) {
  sigemptyset(&state_->signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP}) {
    sigaddset(&state_->signals, number);
  }
  pthread_sigmask(SIG_BLOCK, &state_->signals, &state_->signals_before);
  state_->signal_file = signalfd(-1, &state_->signals, SFD_CLOEXEC | SFD_NONBLOCK);
  tcgetattr(STDIN_FILENO, &state_->before);
  Enter();
}

Terminal::~Terminal() {
  Leave();
  close(state_->signal_file);
  pthread_sigmask(SIG_SETMASK, &state_->signals_before, nullptr);
  delete state_;
}

// Delivers keys at once, without echo; Ctrl-C remains a signal.
void Terminal::Enter() const {
  termios raw = state_->before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  Put("\x1b[?1049h\x1b[?25l");  // The alternate screen; no cursor.
}

void Terminal::Leave() const {
  Put("\x1b[?25h\x1b[?1049l");
  tcsetattr(STDIN_FILENO, TCSANOW, &state_->before);
}

ScreenSize Terminal::Size() const {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

ScreenStyle Terminal::Style() {
  const char* no_color = std::getenv("NO_COLOR");
  return {.colors = no_color == nullptr || *no_color == '\0', .unicode = IsUtf8()};
}

// Each line erases the rest of the former line in its place, and the last one everything
// below: no flicker.
void Terminal::Show(std::string_view frame) const {
  std::string text = "\x1b[H";
  for (const char c : frame) {
    if (c == '\n') text += "\x1b[K\r";
    text += c;
  }
  Put(text + "\x1b[K\x1b[J");
}

Terminal::Event Terminal::OnSignal() {
  signalfd_siginfo info{};
  if (read(state_->signal_file, &info, sizeof(info)) != sizeof(info)) return Event::kTimeout;
  if (info.ssi_signo == SIGWINCH) return Event::kResized;
  if (info.ssi_signo != SIGTSTP) return Event::kEnd;
  // Ctrl-Z: gives the shell its screen until this continues.
  Leave();
  raise(SIGSTOP);
  Enter();
  return Event::kResized;
}

Terminal::Event Terminal::Wait(std::chrono::milliseconds duration) {
  std::array<pollfd, 2> files = {pollfd{.fd = state_->signal_file, .events = POLLIN, .revents = 0},
                                 pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
  if (poll(files.data(), files.size(), static_cast<int>(duration.count())) <= 0) {
    return Event::kTimeout;
  }
  if (files[0].revents != 0) return OnSignal();
  char key = 0;
  if (read(STDIN_FILENO, &key, 1) != 1) return Event::kEnd;  // The terminal is gone.
  return key == 'q' || key == 'Q' ? Event::kEnd : Event::kResized;
}

}  // namespace relay
