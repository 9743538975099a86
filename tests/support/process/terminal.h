// A program at a terminal, and the keys that its user types.
//
// THREADS. One thread starts, uses and destroys it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/socket.h"

namespace relay::test {

class Terminal {
 public:
  struct Size {
    unsigned short columns = 80;
    unsigned short rows = 24;
  };

  // Starts the program with the terminal as its input and outputs.
  Terminal(std::vector<std::string> argv, Size size);
  // Kills and reaps it.
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void Type(const std::string& text) const;
  // Tells the program the new size, as when a window is resized.
  void Resize(Size size) const;

  // Waits until it has written this since the start, or since the last Forget.
  bool Shows(const std::string& words, milliseconds within = kPatience);
  const std::string& Output();
  void Forget();

  // Returns its exit code as a shell shows it; nullopt if it still runs.
  std::optional<int> WaitFor(milliseconds within = kPatience);

 private:
  void Read();

  Fd side_;  // Our side.
  pid_t pid_ = -1;
  std::string output_;
  std::optional<int> exit_code_;
};

}  // namespace relay::test
