// A real browser (headless Chromium, driven over WebDriver) that looks at a page.
//
// ERRORS. An unexpected failure is a std::runtime_error with the driver's
// words.
//
// THREADS. As Process: one thread, the main one.
#pragma once

#include <string>

#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"

namespace relay::test {

class Browser {
 public:
  // The screen that shows the page.
  struct Screen {
    int width = 1280;
    int height = 900;
    bool dark = false;
    bool phone = false;
  };

  // Starts it with its profile below `directory`, which must exist.
  explicit Browser(const std::string& directory);

  void Open(const std::string& url, const Screen& screen);

  // Returns the value of a JavaScript expression, as JSON.
  std::string Evaluate(const std::string& expression) const;

  // Evaluates an expression that is true or false.
  bool Is(const std::string& expression) const { return Evaluate(expression) == "true"; }

  // Returns what the page's console said since the last call: errors and
  // violations of the page's policy, one a line.
  std::string Complaints() const;

  // A PNG.
  void Screenshot(const std::string& path) const;

 private:
  std::string Ask(const std::string& command, const std::string& body) const;
  void Devtools(const std::string& method, const std::string& parameters) const;

  std::uint16_t debug_port_;
  std::uint16_t driver_port_;
  Process chromium_;
  Process driver_;
  std::string session_;
};

}  // namespace relay::test
