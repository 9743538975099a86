// The main of every test executable. CMake compiles it into each of them: in a
// library, the linker would leave it out.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
