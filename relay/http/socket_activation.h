// Listening sockets opened and passed on by the service manager ($LISTEN_FDS, sd_listen_fds):
// clients that connect while the relay is being upgraded wait in them and are not refused.
//
// A socket belongs to the listener of `http` with exactly its address. It stays open as long as
// this object, whatever the listener does with its duplicate.
//
// THREADS. As any value; only the thread that starts the program reads the environment.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/schema/endpoint.h"

namespace relay {

class InheritedSockets {
 public:
  InheritedSockets() = default;
  InheritedSockets(const InheritedSockets&) = delete;
  InheritedSockets& operator=(const InheritedSockets&) = delete;
  ~InheritedSockets();

  // Takes the sockets meant for this process and clears the variables, so that no child process
  // takes them for its own.
  void TakeFromEnvironment();

  // Returns the socket that listens on `address`; -1: none.
  int Find(const ListenAddress& address) const;

  // Describes the sockets whose address no listener has.
  std::vector<std::string> Unused(const std::vector<ListenAddress>& listened) const;

 private:
  std::vector<std::pair<ListenAddress, int>> sockets_;
};

}  // namespace relay
