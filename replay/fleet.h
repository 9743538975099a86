// The workers of a relay, one for each backend. Members come and go while the
// others deliver.
//
// THREADS. Start, Put, Remove and Stop by one thread; Snapshots from any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "replay/delivery/worker.h"
#include "replay/transport/transport.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

struct FleetMember {
  Worker::Options options;
  std::vector<std::unique_ptr<Transport>> transports;  // Their number limits concurrent requests.
};

class Fleet {
 public:
  // Listens to the log for new records: the log may call until it is destroyed, so the fleet
  // outlives it, though a stopped fleet does not use it. The clock outlives the fleet.
  Fleet(std::vector<FleetMember> members, Log& log, Clock& clock);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void Start();

  // Makes a running fleet deliver to this member too; one of the same name is removed first, as by
  // Remove. REQUIRES: the log has the backend.
  void Put(FleetMember member);

  // Ends the requests under way (their lines stay owed) and waits for the worker. Nothing is
  // delivered to the backend afterwards.
  void Remove(const BackendId& backend);

  // Ends the requests under way (their lines stay owed) and waits for the workers.
  void Stop();

  std::map<BackendId, WorkerStatus> Snapshots() const;

 private:
  struct Member;

  Log& log_;
  Clock& clock_;
  mutable std::mutex mutex_;  // Guards the map: the log's thread walks it too.
  std::map<BackendId, std::unique_ptr<Member>> members_;
};

}  // namespace relay
