// Takes over the terminal until the command ends: frames replace each other, and the
// former content comes back at the end.
//
// REQUIRES. Standard output and input are a terminal. One Terminal at a time.
//
// THREADS. One, which must not have started others: it blocks signals.
#pragma once

#include <chrono>
#include <string_view>

#include "relay/terminal/status_frame.h"

namespace relay {

class Terminal {
 public:
  enum class Event : std::uint8_t { kTimeout, kResized, kEnd };

  // Returns whether standard input and output are a terminal.
  static bool IsThere();

  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  ScreenSize Size() const;
  static ScreenStyle Style();

  // Replaces what is shown, without flicker.
  void Show(std::string_view frame) const;

  // kEnd: `q`, Ctrl-C, or a signal to end.
  Event Wait(std::chrono::milliseconds duration);

 private:
  struct State;

  Event OnSignal();
  void Enter() const;
  void Leave() const;

  State* const state_;
};

}  // namespace relay
