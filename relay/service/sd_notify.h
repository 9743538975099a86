// Notifies systemd (sd_notify): one datagram to the socket in $NOTIFY_SOCKET. Does nothing without
// one.
//
// Sent are READY=1 once writes are taken, STOPPING=1, and each second that the
// relay lives WATCHDOG=1 (relay/service/retention_thread.h): one that hangs is restarted.
//
// THREADS. Any number at once.
#pragma once

#include <string_view>

namespace relay {

// Sends one or several lines of NAME=VALUE. Best effort: there is nobody to report a failure to.
void TellServiceManager(std::string_view lines);

}  // namespace relay
