// What systemd is told of this service (sd_notify): one datagram to the socket
// in $NOTIFY_SOCKET. Where there is none, nothing happens.
//
// Sent are READY=1 once writes are taken, STOPPING=1, and each second that the
// relay lives WATCHDOG=1 (relay/service/retention_thread.h): one that hangs is restarted.
//
// THREADS. Any number at once.
#pragma once

#include <string_view>

namespace relay {

// One or several lines of NAME=VALUE. Best effort: nobody is there to be told
// that telling failed.
void TellServiceManager(std::string_view lines);

}  // namespace relay
