// A struct of settings as the shortest file that reads as the same: what has
// its default is left out.
//
// THREADS. A pure function.
#pragma once

#include <string>

#include "config/schema/section.h"

namespace relay {

// `declare` declares the settings with their values, `defaults` with their
// defaults. Of the entries of a list the first setting and those that are
// required are always written. A secret that stands in no file and no variable
// is left out.
std::string WriteAsYaml(const Section::Declare& declare, const Section::Declare& defaults);

}  // namespace relay
