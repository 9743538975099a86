// doctest without its main, for programs that are not tests but link the test
// support library.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
