// Settings that decide which points go to which backends.
//
// ERRORS. The section collects errors.
#pragma once

#include <utility>
#include <vector>

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

// Declares `only` and `except` of a backend.
void DeclareRouting(Section& section, Selection& only, Selection& except);

// Declares `rename`. REQUIRES: `renames` holds an example for the reference.
void DeclareRenames(Section& section, std::vector<LaneRename>& renames);

void DeclareUnrouted(Section& section, Unrouted& unrouted);

// The `backends` of every listener: names declared further down in the file, so they are checked at
// the end.
class ListenerBackends {
 public:
  void Declare(Section& section, std::vector<BackendId>& backends);

  void Check(Section& root, const std::vector<BackendId>& configured);

 private:
  std::vector<std::pair<SourceLocation, std::vector<BackendId>>> named_;
};

}  // namespace relay
