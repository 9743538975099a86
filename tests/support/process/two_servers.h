// Two real servers behind one relay, as most installations have them: backends
// "a" and "b", each with a database "metrics".
//
// THREADS. Those of its parts.
#pragma once

#include "tests/support/process/influxd.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"

namespace relay::test {

struct TwoServers {
  TempDir a_directory;
  TempDir b_directory;
  TempDir relay_directory;
  Influxd a{a_directory.path()};
  Influxd b{b_directory.path()};
  RelayProcess relay{relay_directory.path(), {.backends = {{"a", a.Url()}, {"b", b.Url()}}}};

  TwoServers() {
    a.CreateDatabase("metrics");
    b.CreateDatabase("metrics");
  }
};

}  // namespace relay::test
