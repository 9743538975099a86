// Listening sockets that the service manager opened and handed over
// ($LISTEN_FDS, sd_listen_fds): clients who come while the relay is upgraded
// wait in them and are not turned away.
//
// A socket belongs to the listener of `http` with exactly its address. It stays
// open as long as this, whatever the listener does with its copy.
//
// THREADS. As any value; the environment is read by the one thread that starts
// the program.
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

  // Those that are meant for this process; forgets the variables, so that no
  // child takes them for its own.
  void TakeFromEnvironment();

  // The descriptor of the socket that listens there; -1: there is none.
  int Find(const ListenAddress& address) const;

  // Those that no listener has an address for, in words.
  std::vector<std::string> Unused(const std::vector<ListenAddress>& listened) const;

 private:
  std::vector<std::pair<ListenAddress, int>> sockets_;
};

}  // namespace relay
