// The workers of a relay, one thread for each backend.
//
// THREADS. Start and Stop by one thread; Snapshots from any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "replay/clock.h"
#include "replay/transport.h"
#include "replay/worker.h"
#include "wal/log.h"

namespace relay {

struct FleetMember {
  Worker::Options options;
  std::unique_ptr<Transport> transport;
};

class Fleet {
 public:
  // Listens to the log for new records: the log may call until it is destroyed,
  // so the fleet outlives it, though once stopped it does not use it. The clock
  // outlives the fleet.
  Fleet(std::vector<FleetMember> members, Log& log, Clock& clock);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void Start();

  // Ends the requests under way (what they carried stays owed) and waits for
  // the workers.
  void Stop();

  std::map<BackendId, WorkerStatus> Snapshots() const;

 private:
  struct Member;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace relay
