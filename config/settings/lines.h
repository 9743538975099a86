// Settings of the listeners for line protocol over TCP and UDP.
//
// ERRORS. The section collects errors.
#pragma once

#include "config/model/config.h"
#include "config/schema/section.h"

namespace relay {

void DeclareTcp(Section& section, TcpListenerConfig& tcp);
void DeclareUdp(Section& section, UdpListenerConfig& udp);

}  // namespace relay
