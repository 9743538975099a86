// Tells which buckets a text in Flux reads and whether it writes, as far as its words tell.
//
// THREADS. Pure functions.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace relay {

struct FluxText {
  // It has a word that writes to a server: to, wideTo, post. As a parameter's name it does not
  // count.
  bool may_write = false;
  std::set<std::string> databases = {};  // Those of all buckets; empty: not known.
};

FluxText ReadFlux(std::string_view text);

}  // namespace relay
