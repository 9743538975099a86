// The main function of every test executable. CMake compiles it into each: from
// a library, the linker would leave it out.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <csignal>

namespace {

// Ignores SIGPIPE: a test's client may write to a connection that the relay has
// closed. Programs that tests start get the default action.
[[maybe_unused]] const auto kWas = std::signal(SIGPIPE, SIG_IGN);

}  // namespace
