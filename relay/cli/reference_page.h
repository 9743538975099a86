// The reference for people: commands, endpoints, metrics and settings, each made
// from where it is declared; nothing of it is written by hand. The page that is
// checked in, deploy/REFERENCE.md, is compared with it by a test.
//
// THREADS. Pure functions.
#pragma once

#include <string>

namespace relay {

// Markdown. `commands`: their part of the page, as Describe makes it.
std::string ReferencePage(const std::string& commands);

}  // namespace relay
