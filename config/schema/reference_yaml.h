#pragma once

#include <string>

#include "config/schema/section.h"

namespace relay {

// Describes the settings that `declare` declares, as YAML that ReadYaml reads back as the same
// values: above each key its description and the values it accepts, after it the default. A setting
// without a default is commented out. The first entry of a list has every setting, the others only
// the required ones.
std::string DescribeAsYaml(const Section::Declare& declare);

}  // namespace relay
