// The name of this machine, for people and for other relays.
//
// THREADS. A pure function of the system.
#pragma once

#include <string>

namespace relay {

// Returns it; empty: the system does not tell.
std::string HostName();

}  // namespace relay
