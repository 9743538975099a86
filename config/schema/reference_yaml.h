#pragma once

#include <string>

#include "config/schema/section.h"

namespace relay {

// Describes what `declare` declares as YAML that ReadYaml reads back as the
// same values: above each key its sentence and what it takes, behind it the
// default. What has no default is commented out. Of the entries of a list, the
// first has every setting, the others only what is required.
std::string DescribeAsYaml(const Section::Declare& declare);

}  // namespace relay
