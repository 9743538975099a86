// The main of every test executable. CMake compiles it into each of them: in a
// library, the linker would leave it out.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <csignal>

namespace {

// A test's client may write to a relay that has closed the connection. Programs
// that tests start have the signal as from a shell.
[[maybe_unused]] const auto kWas = std::signal(SIGPIPE, SIG_IGN);

}  // namespace
