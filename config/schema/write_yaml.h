// Writes settings as the shortest file that reads as the same: settings that have their default are
// left out.
//
// THREADS. A pure function.
#pragma once

#include <string>

#include "config/schema/section.h"

namespace relay {

// `declare` declares the settings with their values, `defaults` with their defaults. In entries of
// a list, the first setting and the required ones are always written. A secret that comes from
// neither a file nor a variable is left out.
std::string WriteAsYaml(const Section::Declare& declare, const Section::Declare& defaults);

}  // namespace relay
