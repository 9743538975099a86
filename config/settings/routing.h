// The settings that say which points go where.
//
// ERRORS. As declarations: mistakes are collected by the section.
#pragma once

#include <utility>
#include <vector>

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

// `only` and `except` of a backend.
void DeclareRouting(Section& section, Selection& only, Selection& except);

void DeclareUnrouted(Section& section, Unrouted& unrouted);

// The `backends` of every listener: names of what is declared further down in
// the file, so that they are checked in the end.
class ListenerBackends {
 public:
  void Declare(Section& section, std::vector<BackendId>& backends);

  void Check(Section& root, const std::vector<BackendId>& configured);

 private:
  std::vector<std::pair<SourceLocation, std::vector<BackendId>>> named_;
};

}  // namespace relay
