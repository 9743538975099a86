// Notifies systemd (sd_notify): one datagram to the socket in $NOTIFY_SOCKET. Does nothing without
// one.
//
// The relay sends READY=1 once writes are accepted, STOPPING=1, and WATCHDOG=1 every
// second (relay/service/retention_thread.h): one that hangs is restarted.
//
// THREADS. Any number at once.
#pragma once

#include <string_view>

namespace relay {

// Sends one or several lines of NAME=VALUE. Best effort: failures are ignored.
void NotifyServiceManager(std::string_view lines);

}  // namespace relay
