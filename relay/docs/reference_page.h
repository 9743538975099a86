// The reference page: commands, endpoints, metrics and settings, generated from
// their declarations. A test compares the checked-in deploy/REFERENCE.md with it.
//
// THREADS. Pure functions.
#pragma once

#include <string>

namespace relay {

// Returns Markdown. `commands`: their part of the page, as Describe makes it.
std::string ReferencePage(const std::string& commands);

}  // namespace relay
