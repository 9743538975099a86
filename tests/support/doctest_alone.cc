// doctest without its main, for programs that are no tests but link what tests
// share.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
